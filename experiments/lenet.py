"""LeNet-300-100 and LeNet-5-Caffe on MNIST: the pruning methods against their papers.

Both networks lie outside the searched space, in files of their nodes; training, cutting
and counting are the library's. DIR holds the four MNIST idx files.

    python -m experiments.lenet --data=DIR --net=lenet-300-100 --method=sparse_vd
"""

import argparse
import functools
import pathlib
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.paper import command
from sparse_jax.data import DataSpec, load, load_test
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.pruning import METHODS, PruningMethod, bayes_compress
from sparse_jax.space import graph_file, network_file
from sparse_jax.space.architecture import Graph
from sparse_jax.training import (
    Procedure,
    TrainConfig,
    TrainData,
    error_rate,
    initialise,
    prune,
    train,
    train_data,
)

_FOLDER = pathlib.Path(__file__).parent / 'networks'
NETWORKS = {name: graph_file.parse(network_file.document(_FOLDER / f'{name}.json'))
            for name in ('lenet-300-100', 'lenet-5')}
"""784-300-100-10, and 20-50-500-10 with 5x5 convolutions and 2x2 pools."""


class Row(NamedTuple):
    """The network that one cut leaves."""

    offset: float
    kept: dict[str, int]
    """Non-zero kernel weights per layer, between living units."""
    compression: float
    """Dense kernel weights / non-zero kernel weights."""
    validation: float
    test: float


def method_of(args: argparse.Namespace) -> PruningMethod:
    """The pruning method that the command line names."""
    if args.method == 'bayes_compress':
        return bayes_compress(max_variance=args.max_variance)
    return METHODS[args.method]()


def candidate(graph: Graph, args: argparse.Namespace) -> Candidate:
    """Training settings; the epochs of the schedule are percent of the run."""
    count = len(graph.nodes)
    return Candidate(
        channels=np.array([n.channels for n in graph.nodes], np.int32),
        kernel=np.array([n.kernel for n in graph.nodes], np.int32),
        threshold=np.zeros(count, np.float32),
        log_alpha_offset=np.float32(0),
        alpha=np.float32(args.alpha),
        pretraining=np.float32(args.pretraining),
        zero_regularization_epochs=np.float32(args.zero_epochs),
        annealing_epochs=np.float32(args.annealing_epochs),
        learning_rate=np.float32(args.learning_rate))


def fit(graph: Graph, data: TrainData, args: argparse.Namespace):
    """Train one network; returns the state and the log of its epochs."""
    config = TrainConfig(
        epochs=args.epochs, batch_size=args.batch_size, decay=args.decay,
        variational_rate=args.variational_rate)
    fixed = dict(procedure=Procedure(Skeleton(graph), method_of(args), config))
    settings, key = candidate(graph, args), jax.random.key(args.seed)
    state = initialise(jax.random.fold_in(key, 0), settings, **fixed)
    run = jax.jit(functools.partial(train, **fixed))
    return run(jax.random.fold_in(key, 1), state, settings, data,
               jax.random.fold_in(key, 2))


def cut_rows(
    state, graph: Graph, args: argparse.Namespace, parts: list[TrainData]
) -> list[Row]:
    """Prune one training at every offset; parts are validation and test data."""
    settings = candidate(graph, args)
    procedure = Procedure(Skeleton(graph), method_of(args))

    @jax.jit
    def at(offset, state, parts):
        pruned, folded = prune(state, settings, procedure=procedure, offset=offset)
        kept = {name: mask.sum() for name, mask in pruned.kernel.items()}
        return kept, [
            error_rate(folded, settings, part, skeleton=procedure.skeleton)
            for part in parts]

    rows = []
    for offset in args.offsets:
        kept, errors = jax.device_get(at(jnp.float32(offset), state, parts))
        kept = {name: int(count) for name, count in kept.items()}
        factor = sum(dense_weights(graph).values()) / max(sum(kept.values()), 1)
        rows.append(Row(offset, kept, factor, *(float(e) for e in errors)))
    return rows


def dense_weights(graph: Graph) -> dict[str, int]:
    """Kernel weights per layer before pruning."""
    shapes, counts = graph.shapes(), {}
    for node in graph.nodes:
        source = shapes[node.inputs[0]]
        fan_in = np.prod(source) if node.op == 'dense' else source[0] * node.kernel**2
        counts[node.name] = int(fan_in) * node.channels
    return counts


def report(rows: list[Row], graph: Graph, cut: float) -> str:
    """A Markdown table, one line per cut."""
    dense = dense_weights(graph)
    heads = ['cut', *(f'{name} ({count:,})' for name, count in dense.items()),
             'compression', 'validation error', 'test error']
    lines = [' | '.join(heads), ' | '.join(['---'] * len(heads))]
    for row in rows:
        kept = [f'{row.kept[name]:,}' for name in dense]
        lines.append(' | '.join([
            f'{cut + row.offset:g}', *kept, f'{row.compression:.1f}x',
            f'{row.validation:.2%}', f'{row.test:.2%}']))
    return '\n'.join(f'| {line} |' for line in lines)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line -> settings."""
    parser = command.Parser(__doc__)
    add = parser.add_argument
    add('--data', required=True, help='folder with the four MNIST idx files')
    add('--net', choices=NETWORKS, default='lenet-300-100')
    add('--method', choices=METHODS, default='sparse_vd')
    add('--max-variance', type=float, default=1.0,
        help='of a weight under bayes_compress')
    add('--epochs', type=int, default=30)
    add('--batch-size', type=int, default=500)
    add('--learning-rate', type=float, default=1e-3)
    add('--variational-rate', type=float, default=10.0,
        help='learning rate of the variances and scales, in units of the above')
    add('--decay', type=float, default=0.5,
        help='share of the run over which the rate falls to 0')
    add('--alpha', type=float, default=1.0, help='final coefficient of KL / N')
    add('--pretraining', action='store_true', help='no noise before the KL sets in')
    add('--zero-epochs', type=float, default=5.0, help='percent of the run without KL')
    add('--annealing-epochs', type=float, default=30.0,
        help='percent of the run over which the KL ramps up')
    add('--offsets', type=lambda text: [float(v) for v in text.split(',')],
        default=[-2.0, -1.0, 0.0, 1.0, 2.0],
        help="shifts of the method's log alpha cut; write --offsets=-1,0,1")
    add('--max-train', type=int, default=0, help='train on so many images; 0: all')
    add('--seed', type=int, default=0)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> list[Row]:
    """Train once, print the table of cuts; the test part is read after training."""
    args = parse(argv)
    spec = DataSpec(name='mnist', path=args.data, max_train=args.max_train)
    dataset, graph = load(spec), NETWORKS[args.net]
    ready = lambda part: train_data(part, dataset)
    data, start = ready(dataset.train), time.perf_counter()
    print(f'{args.net}, {args.method}: {args.epochs} epochs of '
          f'{len(data.labels)} images', flush=True)
    state, info = jax.block_until_ready(fit(graph, data, args))
    seconds = time.perf_counter() - start
    for epoch in range(0, args.epochs, max(1, args.epochs // 6)):
        print(f'  epoch {epoch + 1}: loss {float(info.loss[epoch]):.4f}, accuracy '
              f'{float(info.accuracy[epoch]):.4f}, KL coefficient '
              f'{float(info.coefficient[epoch]):.2f}')
    rows = cut_rows(state, graph, args, [
        ready(dataset.validation), ready(load_test(spec))])
    print(report(rows, graph, method_of(args).default_cut))
    print(f'trained in {seconds:.0f} s')
    return rows


if __name__ == '__main__':
    main()
