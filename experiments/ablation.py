"""What threshold curves, inheritance, stages and the prior are worth, at equal epochs.

    python -m experiments.ablation --seeds=3,4,5 --budget=960 --out=runs/ablation

Every variant searches the digits until it has spent `budget` training epochs, in
trainings of 20 epochs and with 3 % as the soft bound of the error; all else is the
default configuration. The table gives what it reached, mean and every seed, all on
validation data. Finished runs are kept in `out` and not repeated; each is a workdir
that launch.report can read.
"""

import pathlib
import sqlite3
from typing import NamedTuple

import jax
import numpy as np

from experiments.paper import command
from sparse_jax import default_config
from sparse_jax.objectives import pareto
from sparse_jax.objectives.goals import hypervolume_of, objectives_of
from sparse_jax.search import loop, setup
from sparse_jax.settings.reading import read
from sparse_jax.study.folder import lowering_of, start_study
from sparse_jax.study.records import PENDING, StudyError

VARIANTS = {
    'random, same limits on programs': {
        'algorithm': 'random', 'inherit': False, 'cuts': ()},
    'backbone: own cut only, fresh weights': {
        'algorithm': 'sparse', 'inherit': False, 'cuts': ()},
    '+ threshold curves': {'algorithm': 'sparse', 'inherit': False},
    '+ inheritance': {'algorithm': 'sparse'},
    '+ stages': {'algorithm': 'sparse', 'stages': True},
    'the same, uniform prior': {
        'algorithm': 'sparse', 'stages': True, 'prior': 'uniform'},
    'the same, expected hypervolume': {'algorithm': 'ehvi', 'stages': True},
    'the default: expected hypervolume, one stage': {'algorithm': 'ehvi'},
}


def configure(changes: dict, seed: int, epochs: int, rounds: int):
    """The digits configuration of one variant."""
    config = default_config()
    config.seed, config.train.epochs = seed, epochs
    config.objectives.error = 0.03
    config.search.rounds = rounds
    for name, value in changes.items():
        if name == 'cuts':
            config.pruning.cuts = value
        elif name == 'prior':
            config.space.prior = value
        elif name == 'stages':
            config.search.stages = (5 * rounds // 12, 7 * rounds // 12)
        else:
            config.search[name] = value
    return config


class Enough(Exception):
    """The budget of epochs is spent."""


class Result(NamedTuple):
    """What one search reached."""

    inside: list[float]
    """Hypervolume below 10 % error and both soft bounds, at thirds of the epochs."""
    wide: float
    """Hypervolume as the study has it, below chance and 16 times the budgets."""
    error: float
    """Least error within both budgets."""
    size: float
    """Smallest model with at most 5 % error, bytes; NaN for none."""
    programs: int


def spend(config, workdir: pathlib.Path, budget: int) -> Result:
    """Search until the budget and say what was reached."""
    settings, folder = read(config), str(workdir)
    built = setup.build(settings, lowering=lowering_of(folder, settings))
    records = start_study(folder, settings, built.dataset, built.lowering)

    def stop_when_spent(news):
        if news.phase == 'finished round' and _epochs(records.rows()) >= budget:
            raise Enough

    if _epochs(records.rows()) < budget:
        try:
            loop.run(built, records, stop_when_spent)
        except Enough:
            pass
    parts = [within(records.networks(), share * budget // 3) for share in (1, 2, 3)]
    programs = sum(r.programs or 0 for r in records.rounds())
    records.close()
    aims = built.objectives
    values = np.stack([objectives_of(row, aims) for row in parts[-1] if row.ok])
    fits = (values[:, 1:] <= aims.bounds[1:]).all(1)
    small = values[values[:, 0] <= 0.05, 1]
    return Result(
        [_inside(rows, aims) for rows in parts], hypervolume_of(parts[-1], aims),
        values[fits, 0].min(initial=1.0), small.min() if len(small) else np.nan,
        programs)


def _inside(rows, aims):
    """Hypervolume of (error, log10 costs) below 10 % and the soft bounds."""
    values = np.array([objectives_of(row, aims) for row in rows if row.ok])
    values = values.reshape(-1, len(aims.names))
    values[:, 1:] = np.log10(np.maximum(values[:, 1:], 1.0))
    return pareto.hypervolume(values, np.array([0.1, *np.log10(aims.bounds[1:])]))


def within(rows: list, budget: int) -> list:
    """Networks of the trials, in order, that the budget of epochs pays for."""
    own = [row for row in rows if row.offset is None]
    spent = np.cumsum([row.trial.epochs for row in own])
    paid = {row.trial.number for row, total in zip(own, spent) if total <= budget}
    return [row for row in rows if row.trial.number in paid]


def _epochs(rows):
    return sum(row.trial.epochs for row in rows if row.status != PENDING)


def main():
    """Run what is missing and print the table."""
    parser = command.Parser(__doc__)
    parser.add_argument('--seeds', default='0,1,2', help='separated by commas')
    parser.add_argument('--epochs', type=int, default=20, help='of a fresh candidate')
    parser.add_argument('--budget', type=int, default=960, help='epochs per search')
    parser.add_argument('--out', type=pathlib.Path, default='runs/ablation')
    arguments = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(',')]
    cache = pathlib.Path('~/.cache/sparse_jax/xla').expanduser()
    jax.config.update('jax_compilation_cache_dir', str(cache))
    rounds = 2 * arguments.budget // (8 * arguments.epochs)
    budgets = [share * arguments.budget // 3 for share in (1, 2, 3)]
    header = ['variant', *(f'inside, {b} epochs' for b in budgets), 'wide',
              'error in budgets %', 'smallest at 5 %, B', 'programs']
    print('| ' + ' | '.join(header) + ' |\n' + '|---' * len(header) + '|')
    for number, (name, changes) in enumerate(VARIANTS.items()):
        found = []
        for seed in seeds:
            config = configure(changes, seed, arguments.epochs, rounds)
            folder = arguments.out / f'{number}_{seed}'
            try:
                found.append(spend(config, folder, arguments.budget))
            except (sqlite3.Error, StudyError) as error:
                raise SystemExit(f'{folder}: {error}') from None
        print('| ' + ' | '.join([name, *_cells(found)]) + ' |', flush=True)


def _cells(found: list[Result]) -> list[str]:
    """Means, and the values of all seeds."""
    inside = zip(*(result.inside for result in found))
    columns = [(values, '.4f', 1) for values in inside] + [
        ([r.wide for r in found], '.2f', 1), ([r.error for r in found], '.1f', 100),
        ([r.size for r in found], '.0f', 1), ([r.programs for r in found], '.0f', 1)]
    text = lambda v, form: 'none' if np.isnan(v) else f'{v:{form}}'
    return [f'{text(np.mean(values) * scale, form)} '
            f'({", ".join(text(v * scale, form) for v in values)})'
            for values, form, scale in columns]


if __name__ == '__main__':
    main()
