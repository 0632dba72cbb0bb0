"""Look at images before a search: shapes, classes, repetition, what guessing gives.

    python -m launch.data --config=experiments/digits.py --out=samples.png
    python -m launch.data --config.data.name=mine --config.data.path=pictures/

Prints a table of classes and parts; --out also draws a sheet of training images, one
row for every class. Of the test part images are counted and compared byte by byte,
nothing else. --json is for machines.
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import TYPE_CHECKING, Any

from absl import flags
from rich import box
from rich.console import Console
from rich.table import Table

from launch import cli, tables

if TYPE_CHECKING:
    from sparse_jax.data.summary import Summary
    from sparse_jax.settings.groups import Settings

FLAGS = cli.new_flags()
CONFIG = cli.define_config(FLAGS)
OUT = cli.define_path('out', 'PNG file to write, with samples of every class.', FLAGS)
SAMPLES = flags.DEFINE_integer(
    'samples', 12, 'Images of a class on the sheet.', 1, 100, flag_values=FLAGS)
TRUST = cli.define_trust(FLAGS)
JSON = flags.DEFINE_bool(
    'json', False, 'Print JSON instead of a table.', flag_values=FLAGS)

_SHOWN = 50
"""Classes in the table; what they hold is summed below."""


def print_counts(console: Console, found: Summary) -> None:
    """Classes and parts as a table."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
                  title=f'{found.name}: {"x".join(map(str, found.shape))} pixels, '
                        f'{found.dtype}')
    table.add_column('class', overflow='fold')
    for part in found.counts:
        table.add_column(part, justify='right', no_wrap=True)
    rows = list(zip(found.class_names, *found.counts.values()))
    for row in rows[:_SHOWN]:
        table.add_row(*map(str, row))
    if len(rows) > _SHOWN:
        table.add_row(f'... {len(rows) - _SHOWN} more', *[''] * len(found.counts))
    table.add_section()
    table.add_row('total', *(str(sum(n)) for n in found.counts.values()))
    tables.show(console, table)


def sentences(found: Summary, settings: Settings) -> list[str]:
    """All else, one line each."""
    batch = min(settings.train.batch_size, sum(found.counts['train']))
    steps = sum(found.counts['train']) // batch
    epochs = settings.train.epochs
    lines = [
        f'pixels of the train part: {found.lowest:g} to {found.highest:g}, mean '
        f'{found.mean:.4g}, standard deviation {found.std:.4g}',
        f'always naming the largest class, {found.guess!r}, has a validation error of '
        f'{100 * found.guess_error:.2f} %',
        f'an epoch has {steps} steps of {batch} images; {epochs} epochs are '
        f'{epochs * steps} steps for a candidate']
    for part, other, images in found.repeated:
        lines.append(
            f'warning: {images} {part} images are there more than once' if part == other
            else f'warning: {images} {part} images are also in the {other} part, equal '
                 'in every byte')
    if found.contradictions:
        lines.append(f'warning: {found.contradictions} images have two classes')
    return lines + [f'note: {text}' for text in found.notes]


def as_json(found: Summary, settings: Settings) -> dict[str, Any]:
    """The summary as plain values."""
    train = sum(found.counts['train'])
    return found._asdict() | {
        'repeated': [r._asdict() for r in found.repeated],
        'steps_per_epoch': train // min(settings.train.batch_size, train)}


def main(argv: list[str]) -> None:
    from sparse_jax import data
    from sparse_jax.data import sheet
    from sparse_jax.data.summary import summary
    from sparse_jax.settings import reading

    del argv
    if OUT.value is not None and not OUT.value.lower().endswith('.png'):
        cli.fail(f'--out={OUT.value}: allowed: a file that ends in .png')
    settings = reading.read(CONFIG.value)
    spec = reading.data_spec(settings)
    found = summary(spec)
    if JSON.value:
        json.dump(as_json(found, settings), sys.stdout, indent=2)
        print()
    else:
        console = tables.console()
        print_counts(console, found)
        for text in sentences(found, settings):
            tables.line(console, text)
    if OUT.value:
        path = pathlib.Path(OUT.value)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            sheet.sheet(data.load(spec), SAMPLES.value).save(path)
        except OSError as error:
            cli.fail(f'--out={path}: {error.strerror}')
        print(f'written: {OUT.value}', file=sys.stderr if JSON.value else sys.stdout)


if __name__ == '__main__':
    cli.run(main, FLAGS)
