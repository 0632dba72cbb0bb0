"""Seconds of one suggestion of q points with 3 objectives on the SpArSe space.

python -m benchmarks.suggestion [--trials=64,256] [--points=8] [--rounds=3]
                                [--peers=botorch-qnparego] [--peer_trials=256]

CPU seconds count all threads; unlike the wall clock they hardly depend on what else
the machine does. BoTorch (requirements-bench.txt; one thread, its tutorial's settings)
is measured once, on the same trials as points of the unit cube, up to so many trials:
with 1024 it had taken 20 minutes when it was stopped.
"""

import functools
import gc
import importlib.util
import sys
import time
import types

import jax
import numpy as np

from benchmarks import timing
from experiments.optimiser_peers import PEERS
from sparse_jax import default_config
from sparse_jax.objectives import graph_costs
from sparse_jax.search import archive, setup
from sparse_jax.settings.reading import read
from sparse_jax.space import encoding
from sparse_jax.types import Archive, Evaluation


def trials_of(built: setup.Setup, count: int) -> Archive:
    """An archive of `count` trials: true sizes, an error that falls with the size."""
    rows = built.domain.sample(jax.random.key(0), count)
    rng, values = np.random.default_rng(0), []
    for graph in encoding.graphs(built.space, rows):
        total = (graph_costs.graph_totals(graph) if graph.feasible()
                 else graph_costs.Totals(*(10**6,) * len(graph_costs.Totals._fields)))
        error = 0.9 * total.model_size ** -0.3 * rng.lognormal(0, 0.2)
        values.append((error, total.model_size, total.working_memory))
    return archive.append(
        archive.empty(built.domain.dim, 3), rows,
        Evaluation(np.array(values), np.zeros(count, int)))


def timed(call) -> tuple[float, float]:
    """(wall-clock, CPU) seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def peer_call(name: str, found: Archive, points: int):
    """The same suggestion by BoTorch: logarithms of the costs, all standardised."""
    y = found.y.copy()
    y[:, 1:] = np.log(y[:, 1:])
    y = (y - y.mean(0)) / y.std(0)
    problem = types.SimpleNamespace(dim=found.x.shape[1], reference=y.max(0))
    return functools.partial(PEERS[name](problem, points, 0), 0, found.x, y)


def measure(
    trials: list[int], points: int, rounds: int, peers: list[str], peer_trials: int
) -> list[list]:
    """Rows of the Markdown table, of suggestions of so many points."""
    config = default_config()
    # One round: nothing is prepared beside a suggestion for a later one.
    config.search.batch, config.search.rounds = points, 1
    built = setup.build(read(config))
    gc.collect()
    gc.freeze()  # as launch.search does
    rows = []
    for count in trials:
        found = trials_of(built, count)
        calls = [functools.partial(built.algorithm.suggest, jax.random.key(i), found)
                 for i in range(rounds + 1)]
        first, _ = timed(calls[0])
        wall, cpu = np.array([timed(call) for call in calls[1:]]).T
        rows.append(['sparse_jax', points, count, f'{first:.1f}', timing.spread(wall),
                     timing.spread(cpu), ''])
        for name in peers if count <= peer_trials else ():
            theirs = timed(peer_call(name, found, points))
            rows.append([name, points, count, '', f'{theirs[0]:.2f}',
                         f'{theirs[1]:.2f}', f'1 / {theirs[1] / np.median(cpu):.0f}'])
    return rows


def main():
    args = timing.parser(
        __doc__, trials='64,256', points='8', rounds=3, peers='',
        peer_trials=256).parse_args()
    peers = [name for name in args.peers.split(',') if name]
    if peers and not importlib.util.find_spec('botorch'):
        print('BoTorch is not installed (requirements-bench.txt)', file=sys.stderr)
        peers = []
    print(timing.machine())
    rows = [row for points in timing.whole(args.points) for row in measure(
        timing.whole(args.trials), points, args.rounds, peers, args.peer_trials)]
    print(timing.table(['suggestion', 'points', 'trials', 'first call s', 'wall s',
                        'CPU s', 'CPU ratio'], rows))


if __name__ == '__main__':
    main()
