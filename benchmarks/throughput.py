"""Training throughput of mixed candidates of one skeleton, together and one by one.

python -m benchmarks.throughput [--k=1,4,8] [--mapping=map|vmap] [--seconds=4]
                                [--sizes=8,28] [--layers=2|4] [--workers=0]
                                [--conv=direct|patches|native|grouped|tiled]
                                [--precision=float32|bfloat16]

Candidate-steps per second (batch 128, SpVD) on synthetic images; beside them some of
the same networks one after another, in eager PyTorch one after another where it is
installed, and the floor (benchmarks.floor) of the true networks. A training is 10
epochs of 55 000 images. Needs nothing beyond jax, flax, optax and numpy and runs
unchanged on an accelerator.
"""

import concurrent.futures
import functools
import math
import os
import sys
import time
from collections.abc import Sequence

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
MAX_EPOCHS = 256
"""Epochs of the programs; how many of them run is data. On an accelerator each of them
costs some 50 microseconds even where it does not run."""
ALONE = 4
"""Of the candidates so many are trained one after another."""
WIDTHS = {2: (8, 16), 4: (8, 8, 16, 16)}
"""{convolutions: maps}; candidates have more than half of them."""


def graph(
    size: int, widths: Sequence[int] = WIDTHS[2], kernels: Sequence[int] | None = None
) -> Graph:
    """Two convolutions, or four of images of 16x16 and more, in halves with a pool
    after each, FC 10. Images below 12x12 are pooled once."""
    nodes, source, half = [], 'input', len(widths) // 2
    for i, (maps, k) in enumerate(zip(widths, kernels or (3,) * len(widths))):
        pooled = i % half == half - 1 and (size >= 12 or i < half)
        nodes.append(Node(f'conv{i}', 'conv', (source,), maps, k, k,
                          pool=2 if pooled else 1))
        source = nodes[-1].name
    nodes.append(Node('classifier', 'dense', (source,), 10, relu=False))
    return Graph((size, size, 1), 1, False, tuple(nodes))


def lowering_of(mapping: str, conv: str = 'auto') -> Lowering:
    """The machine's lowering, with another mapping unless it is empty."""
    return chosen(conv, mapping or 'auto')


def candidates(
    size: int, count: int, layers: int = 2
) -> tuple[Skeleton, list[Candidate]]:
    """Networks of different widths, kernels and settings in one skeleton."""
    rng, members = np.random.default_rng(0), []
    number = np.float32
    for _ in range(count):
        widths = [rng.integers(most // 2 + 1, most + 1) for most in WIDTHS[layers]]
        members.append(Candidate(
            np.array([*widths, 10], np.int32),
            np.array([*rng.integers(2, 4, layers), 1], np.int32),
            np.zeros(layers + 1, np.float32),
            number(0), number(rng.uniform(0.1, 1)), number(0), number(5), number(10),
            number(10 ** rng.uniform(-3.5, -2.5))))
    policy = TierPolicy(kernels=((2, 3), (4, 5)))
    return pad(graph(size, WIDTHS[layers]), policy), members


def compiled(
    size: int, slots: int, lowering: Lowering, devices: int = 1, *, layers: int = 2,
    precision: str = 'float32',
) -> tuple[Program, Programs]:
    """The search's own training program with `slots` candidates per call."""
    images, labels = draw(0, 2 * BATCH + STEPS * BATCH, shape=(size, size, 1),
                          num_classes=10)
    x = jnp.asarray(images, jnp.float32) / 128 - 1
    data = TrainData(x, jnp.asarray(labels))
    part = lambda rows: jax.tree.map(lambda leaf: leaf[rows], data)
    shared = Shared(part(slice(0, STEPS * BATCH)), part(slice(-2 * BATCH, None)),
                    jax.random.key(1))
    recipe = Recipe(METHODS['sparse_vd'](),
                    TrainConfig(MAX_EPOCHS, BATCH, precision=precision))
    programs = Programs(recipe, shared, Machine(lowering, make_mesh(devices), slots))
    skeleton, members = candidates(size, 1, layers)
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
    drawn = [tuple(map(int, member.channels[:-1])) for member in members]
    pooled = [i for i, node in enumerate(graph(size, drawn[0]).nodes) if node.pool > 1]
    runs = [torch_step.steps(data, maps, pooled, 'sparse_vd', BATCH, threads)
            for maps in drawn]

    def run(epochs):
        for one in runs:
            for _ in range(epochs):
                one()

    return run


def floor_seconds(size: int, members: list[Candidate], rates: tuple) -> float:
    """Seconds of one step of every member at (flop/s, bytes/s)."""
    total = 0.0
    for member in members:
        exact = graph(size, [int(maps) for maps in member.channels[:-1]],
                      [int(side) for side in member.kernel[:-1]])
        total += max(floor.step_flops(exact, BATCH, noisy=True) / rates[0],
                     floor.step_bytes(exact, BATCH, noisy=True) / rates[1])
    return total


def programs_of(
    lowering: Lowering, sizes: list[int], ks: list[int], **network
) -> dict[tuple[int, int], tuple[Program, Programs]]:
    """{(size, slots): a program} of one slot and of K, compiled at the same time.

    On a CPU the search has one candidate per call, and a call per core.
    """
    slots = {1} | ({*ks} if lowering.mapping == 'vmap' else set())
    wanted = [(size, count) for size in sizes for count in sorted(slots)]
    one = Lowering(lowering.conv, 'map')
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(wanted, pool.map(
            lambda pair: compiled(*pair, one if pair[1] == 1 else lowering, **network),
            wanted)))


def rates_of(
    size: int, members: list[Candidate], ready: dict, workers: int, seconds: float,
    rounds: int,
) -> dict[str, np.ndarray]:
    """Candidate-steps per second [rounds] of every way; each has so many seconds."""
    few, program = members[:ALONE], ready.get((size, len(members)), ready[size, 1])
    runs = {'together': (len(members), caller(*program, members, workers)),
            'apart': (len(few), caller(*ready[size, 1], few))}
    if timing.has_torch():
        runs['torch'] = len(few), torch_caller(size, few, os.cpu_count())
    epochs = {
        name: epochs_for(run, seconds / rounds) for name, (_, run) in runs.items()}
    taken = timing.interleaved(
        {name: functools.partial(run, epochs[name]) for name, (_, run) in runs.items()},
        rounds)
    return {name: runs[name][0] * epochs[name] * STEPS / s for name, s in taken.items()}


def measure(
    sizes: list[int], ks: list[int], lowering: Lowering, seconds: float, rounds: int,
    workers: int, **network,
) -> str:
    """The Markdown table; rates of K together, and of some of them one by one."""
    workers = workers or (os.cpu_count() if lowering.mapping == 'map' else 1)
    # Layers of the networks here stay in a CPU's caches: products alone bound it.
    cached = jax.default_backend() == 'cpu'
    rows, limits = [], (floor.matmul_rate(),
                        math.inf if cached else floor.copy_rate())
    ready = programs_of(lowering, sizes, ks, **network)
    for size in sizes:
        for k in ks:
            _, members = candidates(size, k, network['layers'])
            rates = rates_of(size, members, ready, workers, seconds, rounds)
            together, least = rates['together'], floor_seconds(size, members, limits)
            rows.append([
                f'{size}x{size}', network['layers'], k,
                timing.spread(together, digits=0),
                timing.spread(rates['apart'], digits=0),
                timing.spread(together / rates['apart']),
                timing.spread(together / rates['torch']) if 'torch' in rates else '',
                timing.spread(together * least / k, 100, digits=0),
                timing.spread(3600 * together / TRAINING, digits=0),
                f'{ready.get((size, k), ready[size, 1])[0].seconds:.1f}'])
    return timing.table(
        ['images', 'convolutions', 'K',
         f'together ({lowering.conv}, {lowering.mapping}, {network["precision"]}), '
         'candidate-steps/s', 'one after another, candidate-steps/s', 'gain',
         'gain over PyTorch', '% of the floor', 'trainings an hour', 'compile s'], rows)


def main():
    parser = timing.parser(__doc__, k='1,4,8', sizes='8,28', layers=2, seconds=4.0,
                           rounds=5, workers=0, precision='float32')
    parser.add_argument('--mapping', choices=('map', 'vmap'), default='')
    parser.add_argument('--conv', choices=('auto', *FORMS), default='auto')
    args = parser.parse_args()
    print(timing.machine())
    print(measure(timing.whole(args.sizes), timing.whole(args.k),
                  lowering_of(args.mapping, args.conv), args.seconds, args.rounds,
                  args.workers, layers=args.layers, precision=args.precision))
    extra = {'gpjax', 'tensorflow_datasets', 'ml_collections'} & set(sys.modules)
    assert not extra, f'imported: {extra}'


if __name__ == '__main__':
    main()
