"""Bonsai and ProtoNN on MNIST at their published sizes.

    python -m experiments.small_classifiers bonsai --data=DIR --kilobytes=84
    python -m experiments.small_classifiers protonn --data=DIR --kilobytes=63.4

DIR holds the four MNIST idx files. The rates of a grid are trained in one program; the
best on the validation images is read once on the test images. Published are 97.01 % at
84 KB and 95.88 % at 63.4 KB.
"""

import argparse
import time
from typing import Any, NamedTuple

import jax

from experiments.paper import command
from sparse_jax.baselines import bonsai, budgets, features, grids, protonn, sizes
from sparse_jax.baselines.features import Labelled
from sparse_jax.baselines.thresholding import Plan
from sparse_jax.data import DataSpec, load, load_test


class Grid(NamedTuple):
    """Tunings of one shape within a budget."""

    shape: Any
    tunings: list[Any]
    module: Any


def grid_of(args: argparse.Namespace, inputs: int, classes: int) -> Grid:
    """What the command line asks for.

    Raises:
      SystemExit: the budget is too small for the shape.
    """
    budget = int(1024 * args.kilobytes)
    if args.method == 'bonsai':
        tree = bonsai.Tree(inputs, classes, args.projection or 28, args.depth)
        start = bonsai.Tuning(share_w=1.0, share_v=1.0, share_t=1.0)
        filled: Any = budgets.fill_bonsai(tree, start, budget)
        shape: Any = tree
    else:
        shape = protonn.Prototypes(inputs, classes, args.projection or 18,
                                   args.per_class)
        filled = budgets.fill_protonn(shape, protonn.Tuning(), budget)
    if filled is None:
        raise SystemExit(f'error: --kilobytes={args.kilobytes}: {shape} needs more')
    if args.method == 'bonsai':
        return Grid(shape, grids.product(filled, rate=args.rates), bonsai)
    return Grid(shape, grids.product(filled, rate=args.rates, width=args.widths),
                protonn)


def accuracy(grid: Grid, trained: Any, index: int, part: Labelled) -> float:
    """Of one member of the grid."""
    one, tuning = grids.member(trained, index), grid.tunings[index]
    if grid.module is bonsai:
        found = bonsai.predict(one, part.features, grid.shape, sigma=tuning.sigma)
    else:
        found = protonn.predict(one, part.features)
    return grids.accuracy(found, part.labels)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = command.Parser(__doc__)
    parser.add_argument('method', choices=('bonsai', 'protonn'))
    parser.add_argument('--data', default='', help='folder of the idx files')
    parser.add_argument('--set', default='mnist', help='name of the data set')
    parser.add_argument('--kilobytes', type=float, default=84.0)
    parser.add_argument('--projection', type=int, default=0, help='0: 28 or 18')
    parser.add_argument('--depth', type=int, default=3)
    parser.add_argument('--per_class', type=int, default=5)
    parser.add_argument('--epochs', type=int, default=60)
    parser.add_argument('--rates', type=float, nargs='+', default=[0.01])
    parser.add_argument('--widths', type=float, nargs='+', default=[2.5],
                        help='of ProtoNN')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Train, choose, print."""
    args = parse()
    spec = DataSpec(args.set, path=args.data)
    images = load(spec)
    train = features.flat(images.train)
    by = features.standard(train.features)

    def standardised(part: Labelled) -> Labelled:
        return part._replace(features=features.standardise(part.features, by))

    grid = grid_of(args, train.features.shape[1], images.num_classes)
    begun = time.time()
    trained = jax.block_until_ready(grids.train(
        jax.random.key(args.seed), standardised(train), grids.stacked(grid.tunings),
        method=grid.module.train, shape=grid.shape, plan=Plan(epochs=args.epochs)))
    seconds = time.time() - begun
    validation = standardised(features.flat(images.validation))
    found = [accuracy(grid, trained, i, validation) for i in range(len(grid.tunings))]
    for tuning, value in zip(grid.tunings, found):
        print(f'{tuning}: {100 * value:.2f} % of the validation images')
    best = max(range(len(found)), key=found.__getitem__)
    test = accuracy(grid, trained, best, standardised(features.flat(load_test(spec))))
    parts = grid.module.stored(grid.shape, grid.tunings[best])
    print(f'{args.method}, {grid.shape}: {100 * test:.2f} % of the test images, '
          f'{sizes.size(parts) / 1024:.2f} KB published, '
          f'{sizes.size(parts, "1-byte") / 1024:.2f} KB at a byte a value, '
          f'{sizes.size(parts, "nnz")} values; {seconds:.0f} s')


if __name__ == '__main__':
    main()
