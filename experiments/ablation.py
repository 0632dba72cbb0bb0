"""What threshold curves, inheritance and stages are worth, at equal training epochs.

    python -m experiments.ablation --seeds=3 --budget=960 --out=runs/ablation

Every variant searches the digits until it has spent `budget` training epochs; the table
gives the hypervolume reached at thirds of the budget (mean and range over the seeds),
all on validation data. Finished runs are kept in `out` and not repeated; each is a
workdir that launch.report can read.
"""

import argparse
import pathlib
import sqlite3

import jax
import numpy as np

from launch.workdir import start_study
from sparse_jax.config import default_config
from sparse_jax.search import loop, setup, study
from sparse_jax.search.objectives import hypervolume_of

VARIANTS = {
    'random, own cut only': {'algorithm': 'random', 'inherit': False, 'cuts': ()},
    'backbone: own cut only, fresh weights': {'inherit': False, 'cuts': ()},
    '+ threshold curves': {'inherit': False},
    '+ inheritance': {},
    '+ stages': {'stages': True},
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
        elif name == 'stages':
            config.search.stages = (5 * rounds // 12, 7 * rounds // 12)
        else:
            config.search[name] = value
    return config


class Enough(Exception):
    """The budget of epochs is spent."""


def spend(config, workdir: pathlib.Path, budget: int) -> tuple[list[float], int]:
    """Search until the budget; (hypervolume at thirds of it, programs compiled)."""
    built, records = setup.build(config), start_study(str(workdir), config)

    def stop_when_spent(news):
        if news.phase == 'finished round' and _epochs(records.rows()) >= budget:
            raise Enough

    if _epochs(records.rows()) < budget:
        try:
            loop.run(built, records, stop_when_spent)
        except Enough:
            pass
    networks = records.networks()
    volumes = [hypervolume_of(within(networks, share * budget // 3), built.objectives)
               for share in (1, 2, 3)]
    programs = sum(r['programs'] or 0 for r in records.rounds())
    records.close()
    return volumes, programs


def within(rows: list, budget: int) -> list:
    """Networks of the trials, in order, that the budget of epochs pays for."""
    own = [row for row in rows if row.offset is None]
    spent = np.cumsum([row.trial.epochs for row in own])
    paid = {row.trial.number for row, total in zip(own, spent) if total <= budget}
    return [row for row in rows if row.trial.number in paid]


def _epochs(rows):
    return sum(row.trial.epochs for row in rows if row.status != study.PENDING)


def main():
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--epochs', type=int, default=20, help='of a fresh candidate')
    parser.add_argument('--budget', type=int, default=960, help='epochs per search')
    parser.add_argument('--out', type=pathlib.Path, default='runs/ablation')
    arguments = parser.parse_args()
    cache = pathlib.Path('~/.cache/sparse_jax/xla').expanduser()
    jax.config.update('jax_compilation_cache_dir', str(cache))
    rounds = 2 * arguments.budget // (8 * arguments.epochs)
    print('| variant | ' + ' | '.join(
        f'{share * arguments.budget // 3} epochs' for share in (1, 2, 3))
        + ' | programs |\n|---|---|---|---|---|')
    for name, changes in VARIANTS.items():
        found = []
        for seed in range(arguments.seeds):
            config = configure(changes, seed, arguments.epochs, rounds)
            folder = arguments.out / f'{list(VARIANTS).index(name)}_{seed}'
            try:
                found.append(spend(config, folder, arguments.budget))
            except sqlite3.Error as error:
                raise SystemExit(f'{folder}: {error}') from None
        volumes = np.array([volumes for volumes, _ in found])
        cells = [f'{v.mean():.3f} ({v.min():.3f} to {v.max():.3f})' for v in volumes.T]
        programs = np.mean([programs for _, programs in found])
        print(f'| {name} | ' + ' | '.join(cells) + f' | {programs:.1f} |', flush=True)


if __name__ == '__main__':
    main()
