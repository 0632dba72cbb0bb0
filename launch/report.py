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
from rich.console import Console

from launch import cli, progress
from launch.workdir import open_study
from sparse_jax.search import front as fronts
from sparse_jax.search import loop, setup, study

WORKDIR = cli.define_workdir('Folder of a study made by launch.search.')
TEST = flags.DEFINE_bool('test', True, 'Evaluate the front on test data, once.')


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


def draw(path, rows, members, memory, limits):
    """Error against model size and working memory; the front over all candidates."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot

    everything = fronts.objective_matrix([r for r in rows if r.ok], memory)
    front = fronts.objective_matrix([m.row for m in members], memory)
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), sharey=True)
    titles = ('model size (bytes, one per non-zero weight)', 'working memory (bytes)')
    for axis, column, title, limit in zip(axes, (1, 2), titles, limits):
        axis.scatter(everything[:, column], 100 * everything[:, 0], s=14,
                     color='0.75', label='candidates')
        axis.scatter(front[:, column], 100 * front[:, 0], s=26, color='C0',
                     label='Pareto front')
        axis.axvline(limit, color='C3', lw=1, ls='--', label=f'budget {limit:g}')
        axis.set(xscale='log', xlabel=title)
    axes[0].set_ylabel('validation error, %')
    axes[0].set_yscale('symlog', linthresh=1.0)
    axes[1].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def write_networks(folder, members):
    """The network file of every front member, for launch.describe."""
    folder.mkdir(exist_ok=True)
    for m in members:
        path = folder / f'trial_{m.row.trial.number:06d}.json'
        path.write_text(json.dumps(m.row.point, indent=2) + '\n')


def main(argv):
    del argv
    workdir, console = pathlib.Path(WORKDIR.value), Console(highlight=False)
    config, dataset, space, records, memory = open_study(WORKDIR.value)
    rows = records.networks()
    method = setup.pruning_method(config)
    members = [fronts.member(records, space, row, dataset, method)
               for row in loop.front_of(rows, memory)]
    if not members:
        raise study.StudyError(f'workdir {str(workdir)!r}: no measured candidate yet')
    spec = setup.data_spec(config)
    tests = fronts.test_accuracies(records, members, spec) if TEST.value else {}
    console.print(progress.front_table([m.row for m in members], memory, tests))
    limits = (config.objectives.model_size, config.objectives.working_memory)
    best = fronts.best_under([m.row for m in members], memory, model_size=limits[0],
                             working_memory=limits[1])
    if best is None:
        console.print(f'no front member within {limits[0]} B and {limits[1]} B')
    else:
        test = tests.get(best.name)
        console.print(
            f'best on validation within {limits[0]} B and {limits[1]} B: trial '
            f'{best.name}, model size {best.costs.model_size} B, working '
            f'memory {getattr(best.costs, memory)} B, validation '
            f'{100 * (1 - best.error):.2f} %'
            + ('' if test is None else f', test {100 * test:.2f} %'))
    write_csv(workdir / 'front.csv', members, memory, tests)
    draw(workdir / 'front.png', rows, members, memory, np.array(limits))
    write_networks(workdir / 'networks', members)
    console.print(f'written: {workdir}/front.csv, front.png, networks/')


if __name__ == '__main__':
    cli.run(main)
