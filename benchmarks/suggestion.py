"""Seconds of one suggestion of q = 8 points with 3 objectives on the SpArSe space.

python -m benchmarks.suggestion [--trials=64,256] [--rounds=3] [--botorch=1]

CPU seconds count all threads; unlike the wall clock they hardly depend on what else
the machine does. BoTorch (three GPs, noisy expected hypervolume improvement, points
chosen one after another, on the unit cube) is measured once where it is installed.
"""

import functools
import importlib.util
import os
import time

import jax
import numpy as np

from benchmarks import timing
from sparse_jax.config import default_config
from sparse_jax.objectives import graph_costs
from sparse_jax.search import setup
from sparse_jax.space import encoding
from sparse_jax.types import Evaluation, SearchState

Q = 8


def archive(built: setup.Setup, count: int) -> SearchState:
    """A state of `count` trials: true sizes, an error that falls with the size."""
    rows = built.domain.sample(jax.random.key(0), count)
    rng, values = np.random.default_rng(0), []
    for graph in encoding.graphs(built.space, rows):
        total = (graph_costs.graph_totals(graph) if graph.feasible()
                 else graph_costs.Totals(*(10**6,) * len(graph_costs.Totals._fields)))
        error = 0.9 * total.model_size ** -0.3 * rng.lognormal(0, 0.2)
        values.append((error, total.model_size, total.working_memory))
    return built.algorithm.observe(
        built.algorithm.init(), rows,
        Evaluation(np.array(values), np.zeros(count, int)))


def timed(call) -> tuple[float, float]:
    """(wall-clock, CPU) seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def botorch_call(state: SearchState):
    """The same suggestion by BoTorch's default settings."""
    import torch
    from botorch.acquisition.multi_objective.logei import (
        qLogNoisyExpectedHypervolumeImprovement,
    )
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import ModelListGP, SingleTaskGP
    from botorch.optim import optimize_acqf
    from gpytorch.mlls import SumMarginalLogLikelihood

    torch.set_num_threads(os.cpu_count())
    x = torch.tensor(state.x[: state.count])
    y = state.y[: state.count].copy()
    y[:, 1:] = np.log(y[:, 1:])
    y = -torch.tensor((y - y.mean(0)) / y.std(0))

    def call():
        model = ModelListGP(*(SingleTaskGP(x, y[:, i:i + 1]) for i in range(3)))
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        score = qLogNoisyExpectedHypervolumeImprovement(
            model, y.min(0).values, x, prune_baseline=True)
        unit = torch.stack([torch.zeros(x.shape[1]), torch.ones(x.shape[1])])
        optimize_acqf(score, unit.double(), q=Q, num_restarts=10, raw_samples=512,
                      sequential=True)

    return call


def measure(trials: list[int], rounds: int, with_botorch: bool) -> str:
    """The Markdown table."""
    config = default_config()
    config.search.batch = Q
    built = setup.build(config)
    rows = []
    for count in trials:
        state = archive(built, count)
        calls = [functools.partial(built.algorithm.suggest, jax.random.key(i), state)
                 for i in range(rounds + 1)]
        first, _ = timed(calls[0])
        wall, cpu = np.array([timed(call) for call in calls[1:]]).T
        rows.append(['sparse_jax', count, f'{first:.1f}', timing.spread(wall),
                     timing.spread(cpu), ''])
        if with_botorch and importlib.util.find_spec('botorch'):
            theirs = timed(botorch_call(state))
            rows.append(['BoTorch qLogNEHVI', count, '', f'{theirs[0]:.2f}',
                         f'{theirs[1]:.2f}', f'{np.median(cpu) / theirs[1]:.2f}'])
    return timing.table(['suggestion of 8', 'trials', 'first call s', 'wall s', 'CPU s',
                         'CPU ratio'], rows)


def main():
    args = timing.parser(__doc__, trials='64,256', rounds=3, botorch=1).parse_args()
    print(timing.machine())
    print(measure([int(n) for n in args.trials.split(',')], args.rounds,
                  bool(args.botorch)))


if __name__ == '__main__':
    main()
