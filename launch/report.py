"""Report a study: the front as a table, as CSV and as a picture.

    python -m launch.report --workdir=runs/digits

The front is chosen on validation data. Its networks meet the test data here, once;
the accuracies are stored and later reports read them. --notest leaves test data alone.
"""

import csv
import json
import pathlib

import numpy as np
from absl import flags

from launch import cli, figure, tables
from launch.workdir import open_study
from sparse_jax.search import front as fronts
from sparse_jax.search import loop, settings, setup, study
from sparse_jax.search.lineage import tree_lines

FLAGS = cli.new_flags()
WORKDIR = cli.define_workdir('Folder of a study made by launch.search.', FLAGS)
TEST = flags.DEFINE_bool(
    'test', True, 'Evaluate the front on test data, once.', flag_values=FLAGS)
TREE = flags.DEFINE_bool(
    'tree', False, 'Also print which trial inherited from which.', flag_values=FLAGS)


def write_csv(path, members, memory, tests):
    columns = ['trial', 'validation_accuracy', 'test_accuracy', 'model_size', memory,
               'macs', 'unpruned_model_size']
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in (m.row for m in members):
            writer.writerow([row.name, 1 - row.error, tests.get(row.name, ''),
                             row.costs.model_size, getattr(row.costs, memory),
                             row.costs.macs, row.unpruned.model_size])


def write_networks(folder, members):
    """The network file of every front member, for launch.describe."""
    folder.mkdir(exist_ok=True)
    for m in members:
        path = folder / f'trial_{m.row.trial.number:06d}.json'
        path.write_text(json.dumps(m.row.point, indent=2) + '\n')


def best_text(rows, memory, limits, tests):
    """The network of least validation error within the budgets, in words."""
    size, working = limits
    best = fronts.best_under(rows, memory, model_size=size, working_memory=working)
    if best is None:
        return f'no front member within {size} B and {working} B'
    percent = [f'validation {100 * (1 - best.error):.2f} %']
    if best.name in tests:
        percent.append(f'test {100 * tests[best.name]:.2f} %')
    return (f'best on validation within {size} B and {working} B: trial {best.name}, '
            f'model size {best.costs.model_size} B, working memory '
            f'{getattr(best.costs, memory)} B, {", ".join(percent)}')


def main(argv):
    del argv
    workdir, console = pathlib.Path(WORKDIR.value), tables.console()
    config, dataset, space, records, memory = open_study(WORKDIR.value)
    rows = records.networks()
    method = settings.pruning_method(config)
    members = [fronts.member(records, space, row, dataset, method)
               for row in loop.front_of(rows, memory)]
    if not members:
        raise study.StudyError(f'workdir {str(workdir)!r}: no measured candidate yet')
    spec = settings.data_spec(config)
    measure = fronts.accuracy
    if config.objectives.quantized:
        measure = fronts.int8_accuracy_on(dataset.train.images[:setup.CALIBRATION])
    tests = fronts.test_accuracies(
        records, members, spec, measure) if TEST.value else {}
    front = [m.row for m in members]
    tables.show(console, tables.front_table(front, memory, tests))
    limits = (config.objectives.model_size, config.objectives.working_memory)
    tables.line(console, best_text(front, memory, limits, tests))
    if TREE.value:
        for text in tree_lines(records.rows()):
            tables.line(console, text)
    write_csv(workdir / 'front.csv', members, memory, tests)
    matrix = lambda some: fronts.objective_matrix([r for r in some if r.ok], memory)
    figure.draw(workdir / 'front.png', matrix(rows), matrix(front), np.array(limits))
    write_networks(workdir / 'networks', members)
    tables.line(console, f'written: {workdir}/front.csv, front.png, networks/')


if __name__ == '__main__':
    cli.run(main, FLAGS)
