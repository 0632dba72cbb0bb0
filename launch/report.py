"""Report a study: one page that explains it, and text, CSV and pictures.

    python -m launch.report --workdir=runs/digits

report.html is the page; it needs no network and can be mailed. The front is chosen on
validation data. Its networks meet the test data here, once;
the accuracies are stored and later reports read them. --notest leaves test data alone,
as does a report of a search that is still running, unless --test asks for it.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from absl import flags

from launch import cli, tables

if TYPE_CHECKING:
    from rich.console import Console

    from sparse_jax.baselines.rows import Row
    from sparse_jax.objectives.goals import Objectives
    from sparse_jax.report.facts import Facts
    from sparse_jax.study.convergence import Point
    from sparse_jax.study.front import Member
    from sparse_jax.study.opened import OpenStudy
    from sparse_jax.study.records import Record

FLAGS = cli.new_flags()
WORKDIR = cli.define_workdir('Folder of a study made by launch.search.', FLAGS)
TEST = flags.DEFINE_bool(
    'test', None, 'Evaluate the front on test data, once; by default unless the search '
    'is still running.', flag_values=FLAGS)
TRUST = cli.define_trust(FLAGS)
TREE = flags.DEFINE_bool(
    'tree', False, 'Also print which trial inherited from which.', flag_values=FLAGS)

SURROGATE = flags.DEFINE_bool(
    'surrogate', False, 'Fit the default surrogate and predict each trial from all '
    'others, in place of what the search predicted itself.', flag_values=FLAGS)

COMPETITORS = cli.define_path(
    'competitors', 'Folder of launch.baselines on the same images, for a section of '
    'the page.', FLAGS)

PICTURES = ('png', 'svg')
"""Forms of every picture."""


def write_csv(
    path: pathlib.Path, members: Sequence[Member], objectives: Objectives,
    tests: Mapping[str, float],
) -> None:
    """One line per network of the front; `tests` {row name: test accuracy}."""
    from sparse_jax.objectives.goals import figure
    from sparse_jax.study import files

    columns = ['trial', 'validation_accuracy', 'test_accuracy', 'model_size',
               objectives.memory, 'macs', 'unpruned_model_size',
               *(goal.name for goal in objectives.measured)]
    buffer = io.StringIO(newline='')
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in (m.row for m in members):
        error, costs, unpruned = row.figures
        writer.writerow([
            row.name, 1 - error, tests.get(row.name, ''), costs.model_size,
            getattr(costs, objectives.memory), costs.macs, unpruned.model_size,
            *(figure(row, goal.name, objectives) for goal in objectives.measured)])
    files.write(path, buffer.getvalue())


def write_networks(folder: pathlib.Path, members: Sequence[Member]) -> None:
    """The network file of every trial on the front, for launch.describe: what was
    trained, whatever the cut."""
    from sparse_jax.study import files

    files.make_folder(folder, folder.parent)
    for number, point in {m.row.trial.number: m.row.point for m in members}.items():
        path = folder / f'trial_{number:06d}.json'
        files.write(path, json.dumps(point, indent=2) + '\n')


def write_progress(folder: pathlib.Path, points: list[Point], title: str) -> list[str]:
    """What the search had reached after every round; the names of the files."""
    from launch import figure as picture
    from sparse_jax.study import convergence, files

    if len(points) < 2:
        return []
    convergence.write(folder / 'progress.csv', points)
    for form in PICTURES:
        with files.replacing(folder / f'progress.{form}') as file:
            picture.draw_progress(
                file, [p.epochs for p in points], [p.hypervolume for p in points],
                f'{title}: progress', form)
    return ['progress.csv', *(f'progress.{form}' for form in PICTURES)]


def write_front(folder: pathlib.Path, facts: Facts, title: str) -> list[str]:
    """Error against every cost as pictures; the names of the files."""
    import numpy as np

    from launch import figure as picture
    from sparse_jax.objectives.goals import matrix
    from sparse_jax.report import frame
    from sparse_jax.study import files

    objectives, budgets = facts.objectives, dict(facts.objectives.budgets)
    best = facts.best
    front = matrix(facts.front, objectives)
    shown = picture.Front(
        facts.values, front, np.array(objectives.bounds[1:]),
        [goal.axis_label for goal in objectives.costs],
        [budgets.get(goal.name) for goal in objectives.costs], f'{title}: front',
        None if best is None else (best.name, matrix([best], objectives)[0]),
        frame.zoom(facts.values, front, objectives, facts.guess, None if best is None
                   else matrix([best], objectives)[0]))
    for form in PICTURES:
        with files.replacing(folder / f'front.{form}') as file:
            picture.draw(file, shown, form)
    return [f'front.{form}' for form in PICTURES]


def competitors_of(study: OpenStudy) -> list[Row]:
    """The competitors on the images of a study, if some were asked for."""
    from sparse_jax.baselines import rows
    from sparse_jax.study.folder import DATA

    if not COMPETITORS.value:
        return []
    try:
        return rows.of_data(COMPETITORS.value, study.records.meta(DATA) or '')
    except rows.RowsError as error:
        cli.fail(error)


def write_page(
    folder: pathlib.Path, facts: Facts, beside: Sequence[Row] = (),
) -> str:
    """The page; the name of its file."""
    from sparse_jax.report import page, prediction
    from sparse_jax.study import files

    if SURROGATE.value:
        # Importing and fitting take longer than all the rest.
        from sparse_jax.report import left_out

        predicted = left_out.leave_one_out(facts)
    else:
        predicted = prediction.of_the_search(facts)
    files.write(folder / page.NAME, page.render(facts, predicted, beside))
    return page.NAME


def best_text(
    rows: Sequence[Record], objectives: Objectives, tests: Mapping[str, float]
) -> str:
    """The chosen of some networks, in words."""
    from sparse_jax.objectives.goals import bounds_text, costs_text
    from sparse_jax.study.finals import chosen
    from sparse_jax.study.outcome import FINAL

    within = f'the soft bounds of {bounds_text(objectives)}'
    best = chosen(rows, objectives)
    if best is None:
        return f'no front member within {within}'
    percent = [f'validation {100 * (1 - best.figures[0]):.2f} %']
    if best.name in tests:
        percent.append(f'test {100 * tests[best.name]:.2f} %')
    costs = costs_text(best, objectives.costs, objectives)
    how = 'chosen of the finals' if best.trial.rung == FINAL else 'best on validation'
    return (f'{how} within {within}: trial {best.name}, '
            f'{", ".join([costs, *percent])}')


def looks_at_test(workdir: pathlib.Path) -> bool:
    """Whether test data are evaluated; while a search runs, only if it is asked for."""
    from sparse_jax.study import lock

    if TEST.value is None and lock.is_held(workdir):
        tables.line(tables.console(), 'test data are left alone while the search runs; '
                                      '--test evaluates the front of now')
        return False
    return TEST.value is not False


def test_accuracies(study: OpenStudy, members: list[Member]) -> dict[str, float]:
    """{row name: test accuracy}."""
    from sparse_jax.evaluation.predictions import accuracy_of
    from sparse_jax.study import front as fronts

    return fronts.test_accuracies(
        study.records, members, study.data_spec, accuracy_of(study))


def say(
    console: Console, study: OpenStudy, members: Sequence[Member],
    tests: Mapping[str, float],
) -> None:
    """Everything that is text."""
    from sparse_jax.study import convergence
    from sparse_jax.study.front import as_two_units
    from sparse_jax.study.lineage import tree_lines

    rows, objectives = study.records.networks(), study.objectives
    front = [m.row for m in members]
    trials = study.records.rows()
    tables.show(console, tables.front_table(
        front, objectives, tests, tables.epochs_of(trials, front)))
    if objectives.on_board:
        tables.line(console, tables.prediction_text(study.board))
    tables.line(console, best_text(rows, objectives, tests))
    for text in (*tables.finals_texts(rows, objectives),
                 tables.two_units_text({m.row.name: as_two_units(m) for m in members}),
                 tables.rungs_text(trials),
                 tables.no_better_text(rows, study.dataset,
                                       balanced=study.settings.objectives.balanced),
                 convergence.text(convergence.history(study.records))):
        if text:
            tables.line(console, text)
    if TREE.value:
        for text in tree_lines(trials):
            tables.line(console, text)


def write(
    workdir: pathlib.Path, facts: Facts, beside: Sequence[Row] = (),
) -> list[str]:
    """Everything that is a file; the names of what was written."""
    from sparse_jax.study import convergence, files

    for folder in (workdir, workdir / 'networks'):
        files.drop_abandoned(folder)
    write_csv(workdir / 'front.csv', facts.members, facts.objectives, facts.tests)
    title = facts.study.settings.data.name
    pictures = write_front(workdir, facts, title)
    write_networks(workdir / 'networks', facts.members)
    progress = write_progress(
        workdir, convergence.history(facts.study.records), title)
    return [write_page(workdir, facts, beside), 'front.csv', *pictures, 'networks/',
            *progress]


def explain_nothing(workdir: pathlib.Path, study: OpenStudy) -> NoReturn:
    """A study without a front ends in one line; its page says what became of the
    trials, if there are any."""
    from sparse_jax.report import facts
    from sparse_jax.study import lock
    from sparse_jax.study.records import StudyError

    nothing = tables.nothing_text(study.records.networks(), study.objectives)
    if any(row.status != 'pending' for row in study.records.rows()):
        with contextlib.suppress(OSError):
            name = write_page(workdir, facts.gather(
                study, [], {}, running=lock.is_held(workdir)))
            nothing += f'; {name} says what became of the trials'
    raise StudyError(f'workdir {str(workdir)!r}: {nothing}')


def shown(study: OpenStudy) -> list[Record]:
    """The front; and the chosen network, if it is none of it."""
    from sparse_jax.study.finals import chosen

    rows = study.front()
    best = chosen(study.records.networks(), study.objectives)
    if best is None or any(row.name == best.name for row in rows):
        return rows
    return [*rows, best]


def main(argv: list[str]) -> None:
    from sparse_jax.report import facts
    from sparse_jax.study import lock
    from sparse_jax.study.opened import open_study

    del argv
    workdir, console = pathlib.Path(WORKDIR.value), tables.console()
    with open_study(WORKDIR.value, trust_factories=TRUST.value) as study:
        tables.notes(console, study.dataset)
        beside = competitors_of(study)
        members = [study.network(row) for row in shown(study)]
        if not members:
            explain_nothing(workdir, study)
        tests = test_accuracies(study, members) if looks_at_test(workdir) else {}
        say(console, study, members, tests)
        try:
            written = write(workdir, facts.gather(
                study, members, tests, running=lock.is_held(workdir)), beside)
        except OSError as error:
            # What there is to know was printed; the disk may be read-only or full.
            cli.fail(f'not written: the files of the report in {str(workdir)!r}: '
                     f'{error.strerror}')
    tables.line(console, f'written: {workdir}/{", ".join(written)}')


if __name__ == '__main__':
    cli.run(main, FLAGS)
