"""Predicted memory of training programs against what the compiler plans.

python -m benchmarks.memory [--networks=6] [--slots=4] [--method=sparse_vd]

Random networks of the full space on MNIST-shaped images, all slots at once (vmapped).
"""

import math
import pathlib
import tempfile

import jax

from benchmarks import timing
from benchmarks.compile import mnist_shaped
from sparse_jax.config import default_config
from sparse_jax.model.skeleton import split
from sparse_jax.search import device_memory, setup
from sparse_jax.space import encoding


def built_search(args, folder):
    """The objects of a vmapped search on one device."""
    tree = default_config()
    tree.update_from_flattened_dict({
        'data.name': 'mnist_shaped', 'data.path': str(mnist_shaped(folder, 2048)),
        'data.validation_size': 512, 'pruning.method': args.method,
        'search.batch': args.slots, 'runtime.mapping': 'vmap', 'runtime.devices': 1})
    return setup.build(tree)


def measure(args) -> str:
    """The Markdown table."""
    with tempfile.TemporaryDirectory() as folder:
        built = built_search(args, pathlib.Path(folder))
    rows = built.domain.sample(jax.random.key(7), 8 * args.networks)
    rows = rows[~built.evaluator.refuse(rows)][: args.networks]
    shared = device_memory.tree_bytes(built.programs.shared)
    table = []
    for row in rows:
        graph = encoding.graph(built.space, row)
        skeleton, candidate = split(
            graph, encoding.decode(built.space, row), built.evaluator.policy)
        program = built.programs.get(skeleton, candidate)
        weights = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(
            program.template[0]))
        predicted = shared + args.slots * device_memory.per_candidate(
            skeleton, program.template,
            batch_size=built.programs.recipe.config.batch_size)
        planned = device_memory.compiled_bytes(program.run)
        table.append([len(graph.nodes), weights, f'{predicted / 1e6:.0f}',
                      f'{planned / 1e6:.0f}', f'{predicted / planned:.2f}'])
    return timing.table(['layers', 'padded weights', 'predicted MB', 'planned MB',
                         'predicted / planned'], table)


def main():
    args = timing.parser(
        __doc__, networks=6, slots=4, method='sparse_vd').parse_args()
    print(timing.machine())
    print(measure(args))


if __name__ == '__main__':
    main()
