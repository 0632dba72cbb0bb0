"""What random networks of a search are: draws of the table against filled structures.

    python -m experiments.starts
    python -m experiments.starts --train=12 --data=digits --epochs=15

The first prints a table of draws for images of some shapes, before pruning; the second
trains some of each that are within the bounds, plainly, and prints their validation
errors. docs/starts.md has both.
"""

import argparse
import time
from typing import NamedTuple

import jax
import numpy as np

from experiments.paper import command
from sparse_jax import default_config
from sparse_jax.host_random import root_key
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.search import setup, starts
from sparse_jax.search.alone import train_graph
from sparse_jax.search.domain import skeletons
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.reading import read, tier_policy
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.sparse_space import Space, sparse_space

TASKS = {'8x8x1': ((8, 8, 1), 10), '28x28x1': ((28, 28, 1), 10),
         '32x32x3': ((32, 32, 3), 2), '20x20x3': ((20, 20, 3), 62),
         '200x200x1': ((200, 200, 1), 61), '48x48x1': ((48, 48, 1), 61)}
DESIGNS = ('prior', 'filled')


class Summary(NamedTuple):
    """Some draws, as counted before pruning."""

    within: float
    """Share that is within the bounds of both costs."""
    full: float
    """Share that is, and has nine tenths of one."""
    structures: int
    """Different programs, at the default tiers."""
    maps: float
    """Median over all convolutions."""
    thin: float
    """Share with a convolution of one to three maps, but for squeezes of the image."""
    seconds: float
    """Of a processor, for all draws."""


def draw_of(design: str, space: Space, aims: Objectives) -> starts.Draw:
    """How rows of a design are drawn for trainings that do not prune."""
    if design == 'prior':
        return lambda key, num: encoding.sample(key, space, num)
    return starts.filled(space, aims)


def summary(space: Space, design: str, count: int, seed: int) -> Summary:
    """The summary of so many draws, within 2 KB of model and of working memory."""
    aims = Objectives()
    draw, start = draw_of(design, space, aims), time.process_time()
    rows = draw(root_key(seed), count)
    seconds = time.process_time() - start
    graphs = encoding.graphs(space, rows)
    costs = np.array([graph_totals(graph)[:2] for graph in graphs])
    share = (costs / np.array(aims.bounds[1:])).max(1)
    convs = [_convolutions(graph) for graph in graphs]
    labels = skeletons(space, tier_policy(Settings()), rows)
    return Summary(
        float((share <= 1).mean()), float(((share <= 1) & (share > 0.9)).mean()),
        len(set(labels)), float(np.median(np.concatenate(convs))),
        float(np.mean([min(maps, default=4) < 4 for maps in convs])), seconds)


def _convolutions(graph: Graph) -> list[int]:
    """Maps of all convolutions but those that squeeze the channels of the image."""
    return [node.channels for node in graph.nodes if node.op == 'conv' and not (
        node.name.endswith('-reduce') and node.inputs == ('input',))]


def print_draws(count: int, seed: int) -> None:
    """The table of all shapes and designs."""
    print('| images | design | within | full | structures | median maps | thin | s |')
    print('|---|---|---:|---:|---:|---:|---:|---:|')
    for name, (shape, classes) in TASKS.items():
        space = sparse_space(shape, classes)
        for design in DESIGNS:
            s = summary(space, design, count, seed)
            print(f'| {name} | {design} | {100 * s.within:.0f} % '
                  f'| {100 * s.full:.0f} % | {s.structures} | {s.maps:.0f} '
                  f'| {100 * s.thin:.0f} % | {s.seconds:.1f} |', flush=True)


def errors(
    built: setup.Setup, design: str, count: int, seed: int
) -> list[float]:
    """Validation errors of plain trainings of the first draws within the soft bounds,
    in order; fewer where few are."""
    aims = built.objectives
    draw = draw_of(design, built.space, aims)
    within = lambda graph: all(
        cost is None or cost <= most for cost, most in (
            (starts.known_cost(graph, goal, aims), most)
            for goal, most in starts.targets(aims)))
    graphs = [graph for graph in encoding.graphs(
        built.space, draw(root_key(seed), 32 * count)) if within(graph)]
    return [1.0 if outcome.error is None else outcome.error for graph in graphs[:count]
            for outcome in train_graph(built, graph, 1)]


def print_trainings(arguments: argparse.Namespace) -> None:
    """Errors of plain trainings of both designs, sorted."""
    config = default_config()
    config.update_from_flattened_dict({
        'data.name': arguments.data, 'data.path': arguments.path,
        'data.max_train': arguments.max_train, 'train.epochs': arguments.epochs,
        'pruning.method': 'none', 'pruning.cuts': (), 'space.prior': 'scaled'})
    built = setup.build(read(config))
    for design in DESIGNS:
        found = sorted(errors(built, design, arguments.train, arguments.seed))
        print(f'{design}: median {100 * np.median(found):.1f} %, '
              f'{" ".join(f"{100 * error:.1f}" for error in found)}', flush=True)


def main() -> None:
    """Print the tables."""
    parser = command.Parser(__doc__)
    parser.add_argument('--count', type=int, default=256, help='Draws of each.')
    parser.add_argument('--seed', type=int, default=0, help='Of the draws.')
    parser.add_argument('--train', type=int, default=0, help='Trainings of each.')
    parser.add_argument('--data', default='digits', help='Images to train with.')
    parser.add_argument('--path', default='', help='Where they are.')
    parser.add_argument('--max_train', type=int, default=0, help='Images; 0 for all.')
    parser.add_argument('--epochs', type=int, default=15, help='Of a training.')
    arguments = parser.parse_args()
    if arguments.train:
        print_trainings(arguments)
    else:
        print_draws(arguments.count, arguments.seed)


if __name__ == '__main__':
    jax.config.update('jax_platforms', 'cpu')
    main()
