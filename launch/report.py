"""Report a study: one page that explains it, and text, CSV and pictures.

    python -m launch.report --workdir=runs/digits

report.html is the page; it needs no network and can be mailed. The front is chosen on
validation data. Its networks meet the test data here, once;
the accuracies are stored and later reports read them. --notest leaves test data alone,
as does a report of a search that is still running, unless --test asks for it.

--watch rewrites the page while the search runs in another process, and writes the rest
when it has ended. Begun before the search, it waits for it.
"""

from __future__ import annotations

import contextlib
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from absl import flags

from launch import cli, report_files, tables

if TYPE_CHECKING:
    from rich.console import Console

    from sparse_jax.baselines.rows import Row
    from sparse_jax.objectives.goals import Objectives
    from sparse_jax.report.facts import Facts
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

WATCH = flags.DEFINE_bool(
    'watch', False, 'Rewrite report.html while a search runs in the folder, at most '
    'every ten seconds; the full report when it has ended.', flag_values=FLAGS)
COMPETITORS = cli.define_path(
    'competitors', 'Folder of launch.baselines on the same images, for a section of '
    'the page.', FLAGS)


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

    if SURROGATE.value and not facts.running:
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
    if objectives.budgets:
        within += ' and the hard budgets of ' + ' and '.join(
            objectives.goal(name).text(most) for name, most in objectives.budgets)
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


def looks_at_test(study: OpenStudy, test: bool | None) -> bool:
    """Whether test data are evaluated; while a search runs, only if it is asked for."""
    from sparse_jax.study import lock

    if test is None and lock.is_held(study.folder):
        tables.line(tables.console(), 'test data are left alone while the search runs; '
                                      '--test evaluates the front of now')
        return False
    return test is not False


def test_accuracies(
    study: OpenStudy, members: list[Member], test: bool | None,
) -> dict[str, float]:
    """{row name: test accuracy}; without images those that are known."""
    from sparse_jax.evaluation.predictions import accuracy_of
    from sparse_jax.study import front as fronts

    if study.missing:
        return {} if test is False else fronts.known_tests(study.records, members)
    if not looks_at_test(study, test):
        return {}
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
                 tables.no_better_text(rows, study.about,
                                       balanced=study.settings.objectives.balanced),
                 convergence.text(convergence.history(study.records))):
        if text:
            tables.line(console, text)
    if TREE.value:
        for text in tree_lines(trials):
            tables.line(console, text)


def explain_nothing(study: OpenStudy) -> NoReturn:
    """A study without a front ends in one line; its page says what became of the
    trials, if there are any."""
    from sparse_jax.report import facts
    from sparse_jax.study import lock
    from sparse_jax.study.records import StudyError

    workdir = study.folder
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


def gathered(study: OpenStudy, members: list[Member], test: bool | None) -> Facts:
    """What the report is of; the test data are met here."""
    from sparse_jax.evaluation import predictions
    from sparse_jax.report import facts, network
    from sparse_jax.study import lock

    tests, running = test_accuracies(study, members, test), lock.is_held(study.folder)
    found = facts.gather(study, members, tests, running=running)
    return found._replace(confusions=predictions.confusions_of(
        study, network.described(found), keep=not running))


def watch(study: OpenStudy, console: Console, beside: Sequence[Row]) -> bool:
    """Rewrite the page until the search in the folder stops; whether it has ended."""
    from launch import following

    def write_now(found: Facts) -> None:
        done = sum(row.status != 'pending' for row in found.trials)
        name = write_page(study.folder, found, beside)
        tables.line(console, f'{time.strftime("%H:%M:%S")} {done} trials, '
                             f'{len(found.front)} on the front: {study.folder}/{name}')

    return following.follow(study, following.Follower(study, shown), write_now)


def report(
    study: OpenStudy, console: Console, beside: Sequence[Row], test: bool | None,
) -> None:
    """Print and write everything; `test`: whether test data are looked at, None where
    that is not said."""
    members = [study.network(row) for row in shown(study)]
    if not members:
        explain_nothing(study)
    found = gathered(study, members, test)
    say(console, study, members, found.tests)
    try:
        written = [write_page(study.folder, found, beside),
                   *report_files.write(study.folder, found)]
    except OSError as error:
        # What there is to know was printed; the disk may be read-only or full.
        cli.fail(f'not written: the files of the report in {str(study.folder)!r}: '
                 f'{error.strerror}')
    tables.line(console, f'written: {study.folder}/{", ".join(written)}')


def main(argv: list[str]) -> None:
    from sparse_jax.study.opened import open_study

    del argv
    console = tables.console()
    if WATCH.value:
        from launch import following

        following.wait(WORKDIR.value, lambda text: tables.line(console, text))
    with open_study(WORKDIR.value, trust_factories=TRUST.value,
                    needs_images=False) as study:
        if study.missing:
            tables.line(console, f'note: without the images: {study.missing}')
        else:
            tables.notes(console, study.dataset)
        beside, test = competitors_of(study), TEST.value
        if WATCH.value and not watch(study, console, beside) and test is None:
            tables.line(console, 'the search has not ended by itself: test data are '
                                 'left alone; --test evaluates the front of now')
            test = False
        report(study, console, beside, test)


if __name__ == '__main__':
    cli.run(main, FLAGS)
