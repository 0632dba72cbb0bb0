"""Training throughput of mixed candidates of one skeleton, together and one by one.

python -m benchmarks.throughput [--k=1,4,8] [--mapping=map|vmap] [--seconds=4]
                                [--sizes=8,28] [--workers=0]
                                [--conv=direct|patches|native|grouped]

Candidate-steps per second (batch 128, SpVD) on synthetic images; beside them the same
networks one after another, in eager PyTorch one after another where it is installed,
and the floor (benchmarks.floor) of the true networks. A training is 10 epochs of 55 000
images. Needs nothing beyond jax, flax, optax and numpy and runs unchanged on an
accelerator.
"""

import concurrent.futures
import functools
import os
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import floor, timing
from sparse_jax.data.synthetic import draw
from sparse_jax.evaluation.batching import Batch
from sparse_jax.evaluation.machine import AXIS, Machine, make_mesh, place
from sparse_jax.evaluation.programs import Program, Programs
from sparse_jax.evaluation.recipe import Inherited, Recipe, Shared
from sparse_jax.model.skeleton import Candidate, Skeleton, TierPolicy, pad, stack
from sparse_jax.ops.lowering import FORMS, Lowering, chosen
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.data import TrainData

BATCH, STEPS = 128, 10
"""Images of a step, steps of an epoch."""
TRAINING = 10 * (55_000 // BATCH)
"""Steps of a training of MNIST."""
MAX_EPOCHS = 4096
"""Epochs of the programs; how many of them run is data."""


def graph(size: int, widths: tuple[int, int] = (8, 16),
          kernels: tuple[int, int] = (3, 3)) -> Graph:
    """conv, pool, conv, pool from 12x12 on, FC 10."""
    pool = 2 if size >= 12 else 1
    sides = [(k, k) for k in kernels]
    return Graph((size, size, 1), 1, False, (
        Node('first', 'conv', ('input',), widths[0], *sides[0], pool=2),
        Node('second', 'conv', ('first',), widths[1], *sides[1], pool=pool),
        Node('classifier', 'dense', ('second',), 10, relu=False)))


def lowering_of(mapping: str, conv: str = 'auto') -> Lowering:
    """The machine's lowering, with another mapping unless it is empty."""
    return chosen(conv, mapping or 'auto')


def candidates(size: int, count: int) -> tuple[Skeleton, list[Candidate]]:
    """Networks of different widths, kernels and settings in one skeleton."""
    rng, members = np.random.default_rng(0), []
    number = np.float32
    for _ in range(count):
        widths = (rng.integers(5, 9), rng.integers(9, 17))
        members.append(Candidate(
            np.array([*widths, 10], np.int32),
            np.array([*rng.integers(2, 4, 2), 1], np.int32), np.zeros(3, np.float32),
            number(0), number(rng.uniform(0.1, 1)), number(0), number(5), number(10),
            number(10 ** rng.uniform(-3.5, -2.5))))
    return pad(graph(size), TierPolicy(kernels=((2, 3), (4, 5)))), members


def compiled(
    size: int, slots: int, lowering: Lowering, devices: int = 1
) -> tuple[Program, Programs]:
    """The search's own training program with `slots` candidates per call."""
    images, labels = draw(0, 2 * BATCH + STEPS * BATCH, shape=(size, size, 1),
                          num_classes=10)
    x = jnp.asarray(images, jnp.float32) / 128 - 1
    data = TrainData(x, jnp.asarray(labels))
    part = lambda rows: TrainData(*(leaf[rows] for leaf in data))
    shared = Shared(part(slice(0, STEPS * BATCH)), part(slice(-2 * BATCH, None)),
                    jax.random.key(1))
    recipe = Recipe(METHODS['sparse_vd'](), TrainConfig(MAX_EPOCHS, BATCH))
    programs = Programs(recipe, shared, Machine(lowering, make_mesh(devices), slots))
    skeleton, members = candidates(size, 1)
    return programs.get(skeleton, members[0]), programs


def caller(program: Program, programs: Programs, members: list[Candidate], workers=1):
    """(epochs) -> None: trains all members, `workers` calls at a time."""
    slots = program.slots
    zeros = lambda dtype: jax.tree.map(
        lambda leaf: np.zeros((slots, *leaf.shape), dtype or leaf.dtype),
        program.template)
    inherited = Inherited(
        zeros(None), zeros(bool), np.zeros(slots, np.float32))
    calls = [place(programs.machine.mesh, AXIS, Batch(
        np.asarray(jax.random.key_data(jax.random.split(jax.random.key(start), slots))),
        stack(members[start:start + slots]), inherited, np.ones(slots, bool)))
        for start in range(0, len(members), slots)]

    def run(epochs):
        one = lambda call: jax.block_until_ready(
            program.run(call, programs.shared, jnp.int32(epochs)).info)
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, calls))

    return run


def epochs_for(run, seconds: float) -> int:
    """Epochs that take about so long, from one and from four epochs."""
    clock = time.perf_counter
    run(1)
    marks = [clock()]
    for epochs in (1, 4):
        run(epochs)
        marks.append(clock())
    each = max((marks[2] - marks[1] - (marks[1] - marks[0])) / 3, 1e-5)
    return int(np.clip(seconds / each, 1, MAX_EPOCHS))


def torch_caller(size: int, members: list[Candidate], threads: int):
    """(epochs) -> None: the same widths, with kernels of 3, in eager PyTorch."""
    from benchmarks import torch_step

    images, labels = draw(0, STEPS * BATCH, shape=(size, size, 1), num_classes=10)
    data = images.astype(np.float32) / 128 - 1, labels
    pooled = (0, 1) if size >= 12 else (0,)
    runs = [torch_step.steps(data, tuple(map(int, m.channels[:2])), pooled, 'sparse_vd',
                             BATCH, threads) for m in members]

    def run(epochs):
        for one in runs:
            for _ in range(epochs):
                one()

    return run


def floor_seconds(size: int, members: list[Candidate], rates: tuple) -> float:
    """Seconds of one step of every member at (flop/s, bytes/s)."""
    total = 0.0
    for member in members:
        exact = graph(size, tuple(map(int, member.channels[:2])),
                      tuple(map(int, member.kernel[:2])))
        total += max(floor.step_flops(exact, BATCH, noisy=True) / rates[0],
                     floor.step_bytes(exact, BATCH, noisy=True) / rates[1])
    return total


def measure(
    sizes: list[int], ks: list[int], mapping: str, seconds: float, rounds: int,
    workers: int, conv: str = 'auto',
) -> str:
    """The Markdown table; rates of K together, and of the same K one after another."""
    lowering = lowering_of(mapping, conv)
    workers = workers or (os.cpu_count() if lowering.mapping == 'map' else 1)
    rows, limits = [], (floor.matmul_rate(), floor.copy_rate())
    for size in sizes:
        single, alone = compiled(size, 1, lowering_of('map', conv))
        for k in ks:
            _, members = candidates(size, k)
            apart = caller(single, alone, members)
            if lowering.mapping == 'map':
                # The search: one candidate per call, a call per core.
                program, programs = single, alone
            else:
                program, programs = compiled(size, k, lowering)
            together = caller(program, programs, members, workers)
            epochs = epochs_for(together, seconds / rounds)
            calls = {'together': functools.partial(together, epochs),
                     'apart': functools.partial(apart, epochs)}
            if timing.has_torch():
                calls['torch'] = functools.partial(
                    torch_caller(size, members, os.cpu_count()), epochs)
            taken = timing.interleaved(calls, rounds)
            rates = {name: k * epochs * STEPS / s for name, s in taken.items()}
            least = floor_seconds(size, members, limits) * epochs * STEPS
            rows.append([
                f'{size}x{size}', k, timing.spread(rates['together'], digits=0),
                timing.spread(rates['apart'], digits=0),
                timing.spread(taken['apart'] / taken['together']),
                timing.spread(taken['torch'] / taken['together'])
                if 'torch' in taken else '',
                timing.spread(least / taken['together'], 100, digits=0),
                timing.spread(3600 * rates['together'] / TRAINING, digits=0),
                f'{program.seconds:.1f}'])
    return timing.table(
        ['images', 'K', f'together ({lowering.conv}, {lowering.mapping}), '
         'candidate-steps/s', 'one after another, candidate-steps/s', 'gain',
         'gain over PyTorch', '% of the floor', 'trainings an hour', 'compile s'], rows)


def main():
    parser = timing.parser(__doc__, k='1,4,8', sizes='8,28', seconds=4.0, rounds=5,
                           workers=0)
    parser.add_argument('--mapping', choices=('map', 'vmap'), default='')
    parser.add_argument('--conv', choices=('auto', *FORMS), default='auto')
    args = parser.parse_args()
    print(timing.machine())
    print(measure(timing.whole(args.sizes), timing.whole(args.k), args.mapping,
                  args.seconds, args.rounds, args.workers, args.conv))
    extra = {'gpjax', 'tensorflow_datasets', 'ml_collections'} & set(sys.modules)
    assert not extra, f'imported: {extra}'


if __name__ == '__main__':
    main()
