"""Train competitors on the images of a configuration: tuned on validation, tested once.

    python -m launch.baselines --config=experiments/digits.py --workdir=runs/small
    python -m launch.baselines --workdir=runs/small --methods=knn --grid=wide
    python -m launch.baselines --config=runs/random/config.json --workdir=runs/small \\
        --methods= --random_search=runs/random

Bonsai and ProtoNN fill --kilobytes by the rule of their papers; kNN, support vectors
and boosted trees are as large as they are. Every method has a grid; the candidate that
is best on the validation images is read once on the test images. WORKDIR gets
baselines.json, baselines.csv and their checksums; methods that it has are not run
again. Other data, another limit, grid, seed or number of epochs want another folder.

--random_search adds what a finished search of --config.search.algorithm=random over the
same images stands for: convolutional networks without a model of what was seen.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from absl import flags

from launch import cli, tables

if TYPE_CHECKING:
    from sparse_jax.baselines.features import Standard
    from sparse_jax.baselines.rows import Row
    from sparse_jax.data import Dataset, DataSpec, Split

NAMES = ('bonsai', 'protonn', 'knn', 'svm', 'gbdt')
LEAST_DRAWN = 10
"""Examples of a class, on average, in a draw."""
FLAGS = cli.new_flags()
CONFIG = cli.define_config(FLAGS)
WORKDIR = cli.define_workdir('Folder of the results.', FLAGS)
METHODS = flags.DEFINE_list(
    'methods', list(NAMES), f'Which: {", ".join(NAMES)}.', flag_values=FLAGS)
KILOBYTES = flags.DEFINE_float(
    'kilobytes', 16.0, 'Of 1024 bytes, for Bonsai and ProtoNN.', 0.1, 1e6,
    flag_values=FLAGS)
GRID = flags.DEFINE_enum(
    'grid', 'small', ['small', 'wide', 'published'], 'How many settings are tried; '
    'published: of Bonsai and ProtoNN the shape that reaches the published figures.',
    flag_values=FLAGS)
EPOCHS = flags.DEFINE_integer(
    'epochs', 200, 'Of Bonsai and ProtoNN.', 3, 100_000, flag_values=FLAGS)
SEED = flags.DEFINE_integer(
    'seed', 0, 'Of weights and of the order of images.', 0, 2**32 - 1,
    flag_values=FLAGS)
SVM_EXAMPLES = flags.DEFINE_integer(
    'svm_examples', 0, 'Training images, drawn by the seed, that support vectors are '
    'chosen from; 0: all.', 0, flag_values=FLAGS)
RANDOM = cli.define_path(
    'random_search', 'Study of search.algorithm=random over the same images: its best '
    'network is a row too.', FLAGS)
TRUST = cli.define_trust(FLAGS)


def asked() -> list[str]:
    """The methods to run."""
    unknown = [name for name in METHODS.value if name not in NAMES]
    if unknown or not (METHODS.value or RANDOM.value):
        cli.fail(f'--methods={",".join(METHODS.value)}: '
                 f'{unknown[0] if unknown else "nothing"!r} is not allowed; allowed: '
                 f'{", ".join(NAMES)}')
    return list(dict.fromkeys(METHODS.value))


def known_rows(split: str, test_split: str) -> list[Row]:
    """What the folder has; nothing if it is new."""
    import pathlib

    from sparse_jax.baselines import rows

    if not (pathlib.Path(WORKDIR.value) / rows.JSON).exists():
        return []
    try:
        found = rows.read(WORKDIR.value)
    except rows.RowsError as error:
        cli.fail(error)
    other = [row for row in found
             if (row.split, row.test_split) != (split, test_split)]
    if other:
        cli.fail(f'--workdir={WORKDIR.value}: has rows of other data '
                 f'({other[0].data}); allowed: a folder of the same data, or a new one')
    for row in found:
        # What decides a random search is in its study.
        if row.method in NAMES and row.asked != told(row.method):
            cli.fail(f'--workdir={WORKDIR.value}: has {row.method} with {row.asked}, '
                     f'not {told(row.method)}; allowed: the same, or a new folder')
    return found


def told(name: str) -> dict[str, float | int | str]:
    """What decides the row of a method beside its data."""
    found = {'kilobytes': KILOBYTES.value, 'grid': GRID.value, 'epochs': EPOCHS.value,
             'seed': SEED.value}
    if name == 'svm' and SVM_EXAMPLES.value:
        found['svm_examples'] = SVM_EXAMPLES.value
    return found


def row_of(name: str, spec: DataSpec, images: Dataset, by: Standard) -> Row:
    """Tune a method, test the best candidate."""
    import jax
    import numpy as np

    from sparse_jax import data
    from sparse_jax.baselines import features, sizes, tuned
    from sparse_jax.baselines.rows import Row
    from sparse_jax.baselines.thresholding import Plan

    def ready(part: Split) -> features.Labelled:
        flat = features.flat(part)
        return flat._replace(features=features.standardise(flat.features, by))

    begun = time.time()
    task = tuned.Task(
        jax.random.key(SEED.value), ready(images.train), images.num_classes,
        int(1024 * KILOBYTES.value), Plan(epochs=EPOCHS.value), GRID.value, SEED.value,
        SVM_EXAMPLES.value)
    chosen = tuned.best(name, task, ready(images.validation))
    if chosen is None:
        cli.fail(f'--kilobytes={KILOBYTES.value:g}: no shape of {name} fits; allowed: '
                 'more, or --grid=wide')
    seconds = time.time() - begun
    test = ready(data.load_test(spec))
    right = np.mean(chosen.candidate.predict(np.asarray(test.features)) == test.labels)
    published, one_byte, values = (
        sizes.size(chosen.candidate.stored, rule) for rule in sizes.RULES)
    shown = f'{spec.name} {spec.classes}'.strip()
    return Row(
        name, shown, images.num_classes, data.digest(images),
        data.split_digest(data.load_test(spec)), chosen.validation, float(right),
        published, one_byte, values, chosen.tried, round(seconds, 1),
        chosen.candidate.settings, told(name))


def searched(images: Dataset, found: list[Row]) -> Row:
    """The row of the random search, which may be among those of the folder."""
    from sparse_jax import data
    from sparse_jax.comparison import random_search
    from sparse_jax.study.folder import DATA
    from sparse_jax.study.opened import open_study

    with open_study(RANDOM.value, trust_factories=TRUST.value) as study:
        if study.records.meta(DATA) != data.digest(images):
            cli.fail(f'--random_search={RANDOM.value}: its training and validation '
                     'images are others; allowed: a study of the same, or '
                     f'--config={RANDOM.value}/config.json')
        random_search.check(study)
        known = next((row for row in found if row.method == random_search.METHOD), None)
        if known is None:
            return random_search.row_of(study)
        if known.asked != (asked_now := random_search.asked(study)):
            cli.fail(f'--workdir={WORKDIR.value}: has {known.method} with '
                     f'{known.asked}, not {asked_now}; allowed: the same, or a new '
                     'folder')
        return known


def show(found: list[Row]) -> None:
    """Print the rows as a table."""
    from rich.table import Table

    table = Table(title='tuned on validation images, tested once')
    for heading in ('method', 'valid. %', 'test %', 'KB', '1-byte KB', 'values',
                    'tried', 's'):
        table.add_column(heading, justify='left' if heading == 'method' else 'right')
    for row in found:
        table.add_row(
            row.method, f'{100 * row.validation:.2f}', f'{100 * row.test:.2f}',
            f'{row.published_bytes / 1024:.2f}', f'{row.one_byte_bytes / 1024:.2f}',
            str(row.values), str(row.tried), f'{row.seconds:.0f}')
    tables.show(tables.console(), table)


def main(argv: list[str]) -> None:
    from sparse_jax import data
    from sparse_jax.baselines import features, rows
    from sparse_jax.settings import reading

    del argv
    names = asked()
    cli.check_folder('workdir', WORKDIR.value)
    spec = reading.data_spec(reading.read(CONFIG.value))
    images = data.load(spec)
    least, most = LEAST_DRAWN * images.num_classes, len(images.train.labels)
    if SVM_EXAMPLES.value and not least <= SVM_EXAMPLES.value <= most:
        cli.fail(f'--svm_examples={SVM_EXAMPLES.value}: allowed: 0 for all {most:,} '
                 f'training images, or {least} to {most}')
    # The test part is read for its checksum; its labels wait for the chosen ones.
    found = known_rows(data.digest(images), data.split_digest(data.load_test(spec)))
    if found and not rows.is_whole(WORKDIR.value, found):
        rows.write(WORKDIR.value, found)
    by = features.standard(features.flat(images.train).features)
    if RANDOM.value:
        row = searched(images, found)
        if row not in found:
            found.append(row)
            rows.write(WORKDIR.value, found)
    have = {row.method for row in found}
    for name in names:
        if name in have:
            continue
        found.append(row_of(name, spec, images, by))
        rows.write(WORKDIR.value, found)
    show(found)


if __name__ == '__main__':
    cli.run(main, FLAGS)
