"""Predicted memory of training programs against what the compiler plans.

python -m benchmarks.memory [--networks=4] [--slots=1,4,16] [--method=sparse_vd]
                            [--conv=auto]

Random networks of the full space on MNIST-shaped images; so many candidates at once,
vmapped.
"""

import math
import pathlib
import tempfile

import jax

from benchmarks import timing
from benchmarks.compile import mnist_shaped
from sparse_jax import default_config
from sparse_jax.evaluation import device_memory
from sparse_jax.model.skeleton import split
from sparse_jax.search import setup
from sparse_jax.settings.reading import read
from sparse_jax.space import encoding


def built_search(method, conv, slots, folder):
    """The objects of a vmapped search on one device."""
    tree = default_config()
    tree.update_from_flattened_dict({
        'data.name': 'mnist_shaped', 'data.path': str(mnist_shaped(folder, 2048)),
        'data.validation_size': 512, 'pruning.method': method,
        'search.batch': slots, 'runtime.slots': slots, 'runtime.mapping': 'vmap',
        'runtime.conv': conv, 'runtime.devices': 1})
    return setup.build(read(tree))


def measure(args) -> str:
    """The Markdown table."""
    slots = timing.whole(args.slots)
    with tempfile.TemporaryDirectory() as folder:
        searches = [built_search(args.method, args.conv, k, pathlib.Path(folder))
                    for k in slots]
    built = searches[0]
    rows = built.domain.sample(jax.random.key(7), 8 * args.networks)
    rows = rows[~built.evaluator.refuse(rows)][: args.networks]
    table = [_line(searches, slots, row) for row in rows]
    return timing.table(
        ['layers', 'padded weights',
         *(f'K = {k}: predicted / planned MB' for k in slots)], table)


def _line(searches, slots, row):
    """One network: what is predicted and what the compiler plans, for every K."""
    built, cells = searches[0], []
    graph = encoding.graph(built.space, row)
    skeleton, candidate = split(
        graph, encoding.decode(built.space, row), built.evaluator.policy)
    for of_k, k in zip(searches, slots):
        programs = of_k.evaluator.executor.programs
        program = programs.get(skeleton, candidate)
        predicted = device_memory.of_data(programs.shared)
        predicted += k * device_memory.per_candidate(
            skeleton, program.template,
            batch_size=programs.recipe.config.batch_size,
            conv=of_k.lowering.conv)
        planned = device_memory.compiled_bytes(program.run)
        cells.append(f'{predicted / 1e6:.0f} / {planned / 1e6:.0f} = '
                     f'{predicted / planned:.2f}')
    weights = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(
        program.template[0]))
    return [len(graph.nodes), weights, *cells]


def main():
    args = timing.parser(
        __doc__, networks=4, slots='1,4,16', method='sparse_vd',
        conv='auto').parse_args()
    print(timing.machine())
    print(measure(args))


if __name__ == '__main__':
    main()
