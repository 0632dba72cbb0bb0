"""One training step against the same arithmetic in eager PyTorch, interleaved.

python -m benchmarks.step [--rounds=9] [--steps=4] [--threads=1] [--lowerings=1]
                          [--sizes=28,16,8] [--as_search=1]

Convolutions 3x3 with 8, 8, pool, 16, 16 maps, pool, FC 10; batch 128. The floor is the
step's products and sums at the rate of a large matrix product on the same cores.
Without torch the PyTorch columns are left out. With --lowerings=1, patches and the
direct convolution side by side, with the seconds that their programs compile, and
PyTorch eager and compiled; with --as_search=1 these programs are compiled with the
effort of a search.
"""

import functools
import os
import sys
import time
from collections.abc import Callable

import jax
import numpy as np

from benchmarks import floor, timing
from sparse_jax import efforts
from sparse_jax.evaluation import machine
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.train import initialise, train

BATCH = 128
MAPS = {28: (8, 8, 16, 16), 16: (8, 8, 16, 16), 8: (8, 16)}
"""Maps of the convolutions by the height of the image; a pool after every second
(28, 16) or after the first (8)."""
POOLED = {28: (1, 3), 16: (1, 3), 8: (0,)}
COLOURS = {28: 1, 16: 3, 8: 1}
METHOD_NAMES = {'sparse_vd': 'SpVD', 'bayes_compress': 'Bayesian Compression',
                'none': 'plain'}


def graph(size: int, low: int = 3) -> Graph:
    """The network for size x size images; `low` is the smallest kernel it may have."""
    nodes, source = [], 'input'
    for i, maps in enumerate(MAPS[size]):
        pool = 2 if i in POOLED[size] else 1
        nodes.append(Node(f'conv{i}', 'conv', (source,), maps, 3, low, pool=pool))
        source = nodes[-1].name
    nodes.append(Node('classifier', 'dense', (source,), 10, relu=False))
    return Graph((size, size, COLOURS[size]), 1, False, tuple(nodes))


def candidate(g: Graph) -> Candidate:
    """All of the graph's channels, kernels of 3."""
    number = np.float32
    return Candidate(
        np.array([n.channels for n in g.nodes], np.int32),
        np.array([n.kernel for n in g.nodes], np.int32),
        np.zeros(len(g.nodes), np.float32), number(0), number(1), number(0),
        number(5), number(10), number(1e-3))


def images(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Random images [N, H, W, C] and labels [N]."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(count, size, size, COLOURS[size])).astype(np.float32),
            rng.integers(0, 10, count).astype(np.int32))


def options(how: str) -> efforts.Effort:
    """Of the compiler, for the steps of a long training in a search."""
    phases = efforts.of_training(how, sys.maxsize, 0, finetunes=False)
    return machine.compiler_options(machine.make_mesh(1), phases.learn)


def jax_steps(
    size: int, method: str, steps: int, *, low: int = 3, how: str = 'patches',
    as_search: bool = False,
) -> Callable[[], object]:
    """A call that runs `steps` steps as one compiled scan.

    as_search: compiled as a search does, not with all effort.
    """
    g = graph(size, low)
    skeleton, one = Skeleton(g), candidate(g)
    config = TrainConfig(epochs=1, batch_size=BATCH)
    fixed = dict(procedure=Procedure(skeleton, METHODS[method](), config, how))
    data = TrainData(*map(jax.numpy.asarray, images(size, steps * BATCH)))
    key = jax.random.key(0)
    state = jax.jit(functools.partial(initialise, **fixed))(key, one)
    run = jax.jit(functools.partial(train, **fixed),
                  compiler_options=options(how) if as_search else None)
    return lambda: jax.block_until_ready(run(key, state, one, data, key))


def torch_steps(
    size: int, method: str, steps: int, threads: int, *, compiled: bool = False
) -> Callable[[], object]:
    """The same steps in PyTorch, eager or by `torch.compile`."""
    from benchmarks import torch_step
    return torch_step.steps(
        images(size, steps * BATCH), MAPS[size], POOLED[size], method, BATCH, threads,
        compiled)


def measure(rounds: int, steps: int, threads: int) -> str:
    """The Markdown table; CPU milliseconds of a step, all threads counted."""
    rows, rate = [], floor.matmul_rate(clock=time.process_time)
    for size in (28, 8):
        for method in METHOD_NAMES:
            calls = {'jax': jax_steps(size, method, steps)}
            if timing.has_torch():
                calls['torch'] = torch_steps(size, method, steps, threads)
            taken = timing.interleaved(calls, rounds, clock=timing.both)
            least = floor.step_flops(graph(size), BATCH, noisy=method != 'none') / rate
            rows.append([f'{METHOD_NAMES[method]}, {size}x{size}', f'{1e3 * least:.2f}']
                        + _columns(taken, 1e3 / steps))
    header = ['step', 'floor ms', 'sparse_jax CPU ms']
    if timing.has_torch():
        header += ['PyTorch CPU ms', 'ratio of CPU time', 'ratio of wall-clock']
    return timing.table(header, rows)


def measure_lowerings(
    rounds: int, steps: int, threads: int, sizes: list[int], as_search: bool
) -> str:
    """The Markdown table of patches and the direct convolution; CPU milliseconds."""
    rows = []
    for size in sizes:
        for method in ('sparse_vd', 'none'):
            calls, seconds = {}, {}
            for how in ('patches', 'direct'):
                calls[how] = jax_steps(
                    size, method, steps, how=how, as_search=as_search)
                begin = time.process_time()
                calls[how]()
                seconds[how] = time.process_time() - begin
            for name in ('eager', 'compiled') if timing.has_torch() else ():
                calls[name] = torch_steps(
                    size, method, steps, threads, compiled=name == 'compiled')
            taken = {name: s[:, 1] for name, s in timing.interleaved(
                calls, rounds, clock=timing.both).items()}
            rows.append(
                [f'{METHOD_NAMES[method]}, {size}x{size}x{COLOURS[size]}']
                + [timing.spread(s, 1e3 / steps) for s in taken.values()]
                + [timing.spread(taken['patches'] / taken['direct'])]
                + [timing.spread(taken['direct'] / taken[name])
                   for name in ('eager', 'compiled') if name in taken]
                + [f'{s:.1f}' for s in seconds.values()])
    header = ['step', 'patches ms', 'direct ms']
    gains = ['patches / direct']
    if timing.has_torch():
        header += ['PyTorch eager ms', 'torch.compile ms']
        gains += ['direct / eager', 'direct / torch.compile']
    compile_s = ['patches compile s', 'direct compile s']
    return timing.table(header + gains + compile_s, rows)


def _columns(taken: dict[str, np.ndarray], scale: float) -> list[str]:
    """Cells of one row from seconds [rounds, (wall, CPU)] by name."""
    cells = [timing.spread(seconds[:, 1], scale) for seconds in taken.values()]
    if 'torch' in taken:
        ratio = taken['jax'] / taken['torch']
        cells += [timing.spread(ratio[:, 1]), timing.spread(ratio[:, 0])]
    return cells


def main() -> None:
    """Prints the table."""
    parser = timing.parser(
        __doc__ or '', rounds=9, steps=4, threads=1, lowerings=0, sizes='28,16,8',
        as_search=0)
    args = parser.parse_args()
    # Before JAX starts its threads and torch is imported.
    os.environ['OMP_WAIT_POLICY'] = 'passive'
    if hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-args.threads:])
    print(f'{timing.machine()}, {args.threads} threads')
    common = args.rounds, args.steps, args.threads
    if args.lowerings:
        sizes = timing.whole(args.sizes)
        print(measure_lowerings(*common, sizes, bool(args.as_search)))
    else:
        print(measure(*common))


if __name__ == '__main__':
    main()
