"""Report a study: the front and the progress as text, as CSV and as pictures.

    python -m launch.report --workdir=runs/digits

The front is chosen on validation data. Its networks meet the test data here, once;
the accuracies are stored and later reports read them. --notest leaves test data alone.
"""

import csv
import io
import json
import pathlib

import numpy as np
from absl import flags

from launch import cli, tables
from launch import figure as picture
from sparse_jax.evaluation.chip import CALIBRATION
from sparse_jax.objectives.goals import (
    best_under,
    bounds_text,
    costs_text,
    figure,
    matrix,
)
from sparse_jax.study import convergence, files
from sparse_jax.study import front as fronts
from sparse_jax.study.lineage import tree_lines
from sparse_jax.study.opened import open_study
from sparse_jax.study.records import StudyError

FLAGS = cli.new_flags()
WORKDIR = cli.define_workdir('Folder of a study made by launch.search.', FLAGS)
TEST = flags.DEFINE_bool(
    'test', True, 'Evaluate the front on test data, once.', flag_values=FLAGS)
TRUST = cli.define_trust(FLAGS)
TREE = flags.DEFINE_bool(
    'tree', False, 'Also print which trial inherited from which.', flag_values=FLAGS)


def write_csv(path, members, objectives, tests):
    columns = ['trial', 'validation_accuracy', 'test_accuracy', 'model_size',
               objectives.memory, 'macs', 'unpruned_model_size',
               *(goal.name for goal in objectives.measured)]
    buffer = io.StringIO(newline='')
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in (m.row for m in members):
        writer.writerow([
            row.name, 1 - row.error, tests.get(row.name, ''), row.costs.model_size,
            getattr(row.costs, objectives.memory), row.costs.macs,
            row.unpruned.model_size,
            *(figure(row, goal.name, objectives) for goal in objectives.measured)])
    files.write(path, buffer.getvalue())


def write_networks(folder, members):
    """The network file of every trial on the front, for launch.describe: what was
    trained, whatever the cut."""
    files.make_folder(folder, folder.parent)
    for number, point in {m.row.trial.number: m.row.point for m in members}.items():
        path = folder / f'trial_{number:06d}.json'
        files.write(path, json.dumps(point, indent=2) + '\n')


def write_progress(folder, points):
    """What the search had reached after every round; the names of the files."""
    if len(points) < 2:
        return []
    convergence.write(folder / 'progress.csv', points)
    with files.replacing(folder / 'progress.png') as file:
        picture.draw_progress(file, [p.epochs for p in points],
                              [p.hypervolume for p in points])
    return ['progress.csv', 'progress.png']


def best_text(rows, objectives, tests):
    """The network of least validation error within the soft bounds, in words."""
    within = f'the soft bounds of {bounds_text(objectives)}'
    best = best_under(rows, objectives)
    if best is None:
        return f'no front member within {within}'
    percent = [f'validation {100 * (1 - best.error):.2f} %']
    if best.name in tests:
        percent.append(f'test {100 * tests[best.name]:.2f} %')
    costs = costs_text(best, objectives.costs, objectives)
    return (f'best on validation within {within}: trial {best.name}, '
            f'{", ".join([costs, *percent])}')


def main(argv):
    del argv
    workdir, console = pathlib.Path(WORKDIR.value), tables.console()
    study = open_study(WORKDIR.value, trust_factories=TRUST.value)
    records, objectives = study.records, study.objectives
    tables.notes(console, study.dataset)
    rows = records.networks()
    members = [study.network(row) for row in study.front()]
    if not members:
        raise StudyError(f'workdir {str(workdir)!r}: '
                               f'{tables.nothing_text(rows, objectives)}')
    measure = fronts.accuracy
    if study.settings.objectives.quantized:
        measure = fronts.int8_accuracy_on(study.dataset.train.images[:CALIBRATION])
    tests = fronts.test_accuracies(
        records, members, study.data_spec, measure) if TEST.value else {}
    front = [m.row for m in members]
    tables.show(console, tables.front_table(front, objectives, tests))
    if objectives.on_board:
        tables.line(console, tables.prediction_text(study.board))
    tables.line(console, best_text(front, objectives, tests))
    points = convergence.history(records)
    if progress := convergence.text(points):
        tables.line(console, progress)
    if TREE.value:
        for text in tree_lines(records.rows()):
            tables.line(console, text)
    write_csv(workdir / 'front.csv', members, objectives, tests)
    written = ['front.csv', 'front.png', 'networks/', *write_progress(workdir, points)]
    everything = matrix([row for row in rows if row.ok], objectives)
    with files.replacing(workdir / 'front.png') as file:
        picture.draw(
            file, everything, matrix(front, objectives),
            np.array(objectives.bounds[1:]),
            [goal.axis_label for goal in objectives.costs],
            [dict(objectives.budgets).get(goal.name) for goal in objectives.costs])
    write_networks(workdir / 'networks', members)
    tables.line(console, f'written: {workdir}/{", ".join(written)}')


if __name__ == '__main__':
    cli.run(main, FLAGS)
