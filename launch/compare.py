"""Compare studies: their fronts, their progress, their best networks.

    python -m launch.compare runs/sweep
    python -m launch.compare runs/one runs/two runs/three --out=runs/compared

Each argument is the folder of a study or of a sweep, all of whose studies are compared,
or one of launch.baselines, whose competitors on the same images are listed beside them.
What was published for a data set is listed too, and marked in the picture;
--nopublished leaves it out. Studies that differ in their seeds alone are a group:
medians and ranges are over its members. Of studies only validation data count here.
Those of other objectives, soft bounds or data are refused: their figures mean something
else.

Written are compare.png and compare.svg (the fronts over each other; hypervolume over
epochs and over seconds, and the least error within the soft bounds, with bands over
seeds), compare_front.csv (the front of all networks and whose they are),
compare_studies.csv and compare_rounds.csv; compare_competitors.csv and
compare_published.csv if there are any.
"""

from __future__ import annotations

import csv
import io
import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from launch import cli, tables

if TYPE_CHECKING:
    from rich.table import Table

    from sparse_jax.baselines.published import Published
    from sparse_jax.baselines.rows import Row
    from sparse_jax.comparison.studies import Comparison
    from sparse_jax.comparison.union import Member

FLAGS = cli.new_flags(words=True)
OUT = cli.define_path(
    'out', 'Folder of what is written; that of the sweep if a single one is compared.',
    FLAGS)
PUBLISHED = flags.DEFINE_bool(
    'published', True, 'Show what was published for the data, if there is any.',
    flag_values=FLAGS)
TRUST = cli.define_trust(FLAGS)


def studies_of(folders: Sequence[str]) -> list[pathlib.Path]:
    """The folders of all studies."""
    from sparse_jax.study import glance

    if not folders:
        cli.fail('no folder; allowed: the folders of studies and sweeps, as in '
                 'launch.compare runs/sweep')
    return [path for folder in folders for path in glance.studies_in(folder)]


def target(folders: Sequence[str], studies: Sequence[pathlib.Path]) -> pathlib.Path:
    """Where files are written."""
    if OUT.value:
        return pathlib.Path(OUT.value)
    if len(folders) > 1 or studies == [pathlib.Path(folders[0])]:
        cli.fail('--out is missing; it is required unless the argument is one sweep')
    return pathlib.Path(folders[0])


def groups_table(comparison: Comparison) -> Table:
    """A line per group: medians over seeds."""
    from rich.table import Table

    from sparse_jax.objectives.goals import figure

    goals = comparison.objectives.costs
    table = Table(title='median over seeds, range below')
    heading, names = tables.without_key([g.name for g in comparison.groups], 'group')
    table.add_column(heading, overflow='fold')
    for name in ('seeds', 'hypervolume', 'valid. %', *(g.heading for g in goals)):
        table.add_column(name, justify='right', no_wrap=True)
    for title, group in zip(names, comparison.groups):
        best = [study.best for study in group.studies if study.best is not None]
        volumes = [study.history.hypervolume[-1] for study in group.studies
                   if study.history.hypervolume]
        table.add_row(
            title, str(len(group.studies)),
            tables.median_text(volumes, lambda value: f'{value:.3f}'),
            tables.median_text([1 - row.figures[0] for row in best],
                    lambda value: f'{100 * value:.2f}'),
            *(tables.median_text([figure(row, goal.name, comparison.objectives)
                                  for row in best], goal.digits) for goal in goals))
    return table


def front_lines(comparison: Comparison, union: Sequence[Member]) -> list[str]:
    """How much of the front of all is whose."""
    from sparse_jax.comparison.union import hypervolume

    counts = {group.name: sum(member.study in group.studies for member in union)
              for group in comparison.groups}
    shares = ', '.join(f'{name}: {count}' for name, count in counts.items())
    return [f'front of all: {len(union)} networks ({shares}), hypervolume '
            f'{hypervolume(comparison):.4f}']


def front_rows(comparison: Comparison, union: Sequence[Member]) -> Iterable[list[Any]]:
    """The front of all as rows of a CSV file."""
    from sparse_jax.objectives.goals import figure

    goals = [goal.name for goal in comparison.objectives.used]
    groups = {study.name: group.name for group in comparison.groups
              for study in group.studies}
    yield ['study', 'group', 'network', 'validation_accuracy', *goals[1:]]
    for member in union:
        yield [member.study.name, groups[member.study.name], member.row.name,
               1 - (member.error or 0.0),
               *(figure(member, name, comparison.objectives) for name in goals[1:])]


def study_rows(comparison: Comparison) -> Iterable[list[Any]]:
    """The studies as rows of a CSV file."""
    from sparse_jax.objectives.goals import figure

    goals = [goal.name for goal in comparison.objectives.used]
    yield ['study', 'group', 'seed', 'rounds', 'candidates', 'epochs', 'seconds',
           'hypervolume', 'network', 'validation_accuracy', *goals[1:]]
    for group in comparison.groups:
        for study in group.studies:
            last = [values[-1] if values else '' for values in (
                study.history.candidates, study.history.epochs, study.history.seconds,
                study.history.hypervolume)]
            best = study.best
            chosen = [''] * (len(goals) + 1) if best is None else [
                best.name, 1 - best.figures[0],
                *(figure(best, name, comparison.objectives) for name in goals[1:])]
            yield [study.name, group.name, study.settings.seed,
                   len(study.history.hypervolume), *last, *chosen]


def round_rows(comparison: Comparison) -> Iterable[list[Any]]:
    """What every study had after every round, as rows of a CSV file."""
    yield ['study', 'group', 'round', 'candidates', 'epochs', 'seconds', 'hypervolume',
           'best_validation_accuracy']
    for group in comparison.groups:
        for study in group.studies:
            for number, (*values, error) in enumerate(
                    zip(*study.history, strict=True), 1):
                yield [study.name, group.name, number, *values,
                       '' if error != error else 1 - error]


def write(
    out: pathlib.Path, comparison: Comparison, union: Sequence[Member],
    competitors: Sequence[Row] = (), published: Sequence[Published] = (),
) -> list[str]:
    """All files; their names."""
    from launch import compare_beside, compare_figure
    from sparse_jax.study import files

    out.mkdir(parents=True, exist_ok=True)
    files.drop_abandoned(out)
    written = []
    tables_of = {'compare_front.csv': front_rows(comparison, union),
                 'compare_studies.csv': study_rows(comparison),
                 'compare_rounds.csv': round_rows(comparison)}
    if competitors:
        tables_of['compare_competitors.csv'] = compare_beside.competitor_rows(
            competitors)
    if published:
        tables_of['compare_published.csv'] = compare_beside.published_rows(published)
    for name, rows in tables_of.items():
        buffer = io.StringIO(newline='')
        csv.writer(buffer).writerows(rows)
        files.write(out / name, buffer.getvalue())
        written.append(name)
    for form in ('png', 'svg'):
        with files.replacing(out / f'compare.{form}') as file:
            compare_figure.draw(file, comparison, union, published, form)
        written.append(f'compare.{form}')
    return written


def main(argv: list[str]) -> None:
    from launch import compare_beside
    from sparse_jax.comparison import studies, union

    beside = compare_beside.competitors_in(argv[1:])
    folders = [folder for folder in argv[1:] if folder not in beside]
    paths = studies_of(folders)
    out = target(folders, paths)
    cli.check_folder('out', out)
    comparison = studies.compare(paths, trust_factories=TRUST.value)
    competitors = compare_beside.competitors_of(beside, comparison)
    published = compare_beside.published_of(comparison) if PUBLISHED.value else []
    found, console = union.front(comparison), tables.console()
    tables.show(console, groups_table(comparison))
    if competitors:
        tables.show(console, compare_beside.competitors_table(competitors))
    if published:
        tables.show(console, compare_beside.published_table(published))
    for text in front_lines(comparison, found):
        tables.line(console, text)
    written = write(out, comparison, found, competitors, published)
    tables.line(console, f'written: {out}/{", ".join(written)}')


if __name__ == '__main__':
    cli.run(main, FLAGS)
