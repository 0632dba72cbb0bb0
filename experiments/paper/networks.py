"""Train a network of a file as a competitor: LeNet, LeNet with sparse variational
dropout, the network of MODC.

    python -m experiments.paper.networks lenet-5 --method=sparse_vd --set=mnist \
        --data=DIR --workdir=runs/mnist_networks
    python -m experiments.paper.networks modc --data=DIR --workdir=runs/mnist_networks

NETWORK is a file of experiments/networks, whose input and classes become those of the
data, or a path. It is trained once, on the training images. Of the cuts of a pruning
method, that of the best int8 accuracy on the validation images is read once on the test
images, in int8. WORKDIR gets the same files as from launch.baselines, so that tables,
comparisons and reports read them; a network that it has is not trained again.
"""

import argparse
import pathlib
import time
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments import lenet
from experiments.paper import command
from sparse_jax import data
from sparse_jax.baselines import rows, sizes
from sparse_jax.baselines.rows import Row
from sparse_jax.comparison.random_search import memory_of
from sparse_jax.data import Dataset, DataSpec
from sparse_jax.evaluation.chip import as_int8
from sparse_jax.model.compact import CompactNet
from sparse_jax.model.shrink import shrink
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.objectives import compact_costs
from sparse_jax.paths import local
from sparse_jax.pruning import METHODS
from sparse_jax.quantize import classify
from sparse_jax.space import graph_file, network_file
from sparse_jax.space.architecture import Graph
from sparse_jax.training import Procedure, prune, train_data

FOLDER = pathlib.Path(__file__).parents[1] / 'networks'
OFFSETS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Shifts of the cut that are tried where a method prunes."""


class Cut(NamedTuple):
    """The network that one cut leaves."""

    offset: float
    net: CompactNet
    validation: float
    """Accuracy of its int8 form."""


def find(name: str, images: Dataset | None = None) -> Graph:
    """The network of a file.

    Args:
      name: of a file of experiments/networks without its ending, or a path.
      images: whose form and number of classes a network of experiments/networks takes;
        None for those of the file.

    Raises:
      NetworkFileError: there is no such file, or it holds no network of that form.
    """
    known = FOLDER / f'{name}.json'
    if not known.is_file():
        return graph_file.parse(network_file.document(local(name)))
    document = network_file.document(known)
    if images is not None:
        document['input_shape'] = list(images.input_shape)
        document['nodes'][-1]['channels'] = images.num_classes
    return graph_file.parse(document)


def cuts(graph: Graph, images: Dataset, args: argparse.Namespace) -> list[Cut]:
    """Train once and prune at every cut; cuts that leave nothing are left out."""
    how = lenet.parse([
        '--data=', f'--method={args.method}', f'--epochs={args.epochs}',
        f'--batch-size={args.batch_size}', f'--learning-rate={args.learning_rate}',
        f'--seed={args.seed}'])
    state, _ = lenet.fit(graph, train_data(images.train, images), how)
    settings = lenet.candidate(graph, how)
    procedure = Procedure(Skeleton(graph), lenet.method_of(how))
    found = []
    for offset in OFFSETS if args.method != 'none' else (0.0,):
        live, folded = jax.device_get(prune(
            state, settings, procedure=procedure, offset=jnp.float32(offset)))
        if not all(mask.any() for mask in live.units.values()):
            continue
        net = shrink(graph, folded, live.units, mean=images.mean, std=images.std)
        found.append(Cut(offset, net, accuracy(net, images, images.validation)))
    return found


def accuracy(net: CompactNet, images: Dataset, part: data.Split) -> float:
    """Share of a part that the int8 form of a network gets right."""
    right = classify(as_int8(net, images), part.images) == part.labels
    return float(np.mean(right))


def row_of(name: str, spec: DataSpec, args: argparse.Namespace) -> Row:
    """Train, choose on validation images, test once."""
    find(args.network)  # A mistake is said before images are read.
    images = data.load(spec)
    graph, begun = find(args.network, images), time.time()
    if graph.input_shape != images.input_shape or (
            graph.nodes[-1].channels != images.num_classes):
        shape = 'x'.join(map(str, graph.input_shape))
        command.fail(f'{args.network}: reads {shape} images of '
                     f'{graph.nodes[-1].channels} classes; allowed: data of that form')
    found = cuts(graph, images, args)
    if not found:
        command.fail(f'{name}: pruning leaves nothing at any cut; allowed: more epochs')
    best = max(found, key=lambda cut: (cut.validation, cut.offset))
    seconds, test = time.time() - begun, data.load_test(spec)
    published, one_byte = (sizes.size(sizes.of_network(best.net), rule)
                           for rule in sizes.RULES[:2])
    costs = compact_costs.costs(best.net)
    return Row(
        name, f'{spec.name} {spec.classes}'.strip(), images.num_classes,
        data.digest(images), data.split_digest(test), best.validation,
        accuracy(best.net, images, test), published, one_byte,
        costs.model_size, len(found), round(seconds, 1), {'offset': best.offset},
        asked(args), memory_of(costs))


def asked(args: argparse.Namespace) -> dict[str, float | int | str]:
    """What decides a row beside its data."""
    return {'network': args.network, 'method': args.method, 'epochs': args.epochs,
            'batch_size': args.batch_size, 'learning_rate': args.learning_rate,
            'seed': args.seed}


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = command.Parser(__doc__)
    parser.add_argument('network', help='lenet-5, lenet-300-100, modc, or a path')
    parser.add_argument('--method', choices=METHODS, default='none', help='of pruning')
    parser.add_argument('--set', default='mnist', help='name of the data set')
    parser.add_argument('--data', default='', help='where it lies')
    parser.add_argument('--workdir', required=True)
    parser.add_argument('--epochs', type=int, default=30)
    parser.add_argument('--batch-size', type=int, default=500)
    parser.add_argument('--learning-rate', type=float, default=1e-3)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args(argv)
    for name in ('epochs', 'batch_size'):
        if getattr(args, name) < 1:
            command.fail(f'--{name.replace("_", "-")}={getattr(args, name)}: allowed: '
                         '1 or more')
    if not 0 < args.learning_rate < 1:
        command.fail(f'--learning-rate={args.learning_rate}: allowed: above 0, below 1')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Train what the folder does not have, and print the row."""
    args = parse(argv)
    with command.one_line():
        folder = local(args.workdir)
        known = rows.read(folder) if (folder / rows.JSON).is_file() else []
        stem = pathlib.Path(args.network).stem
        name = stem if args.method == 'none' else f'{stem}+{args.method}'
        row = next((row for row in known if row.method == name), None)
        if row is not None and row.asked != asked(args):
            command.fail(f'--workdir={args.workdir}: has {name} with {row.asked}; '
                         'allowed: the same, or a new folder')
        if row is None:
            row = row_of(name, DataSpec(args.set, path=args.data), args)
            if known and known[0].split != row.split:
                command.fail(f'--workdir={args.workdir}: has rows of other data '
                             f'({known[0].data}); allowed: a folder of the same data')
            rows.write(folder, [*known, row])
        print(f'{row.method}: validation {100 * row.validation:.2f} %, test '
              f'{100 * row.test:.2f} % in int8, {row.values:,} values, '
              f'{row.one_byte_bytes:,} bytes')


if __name__ == '__main__':
    main()
