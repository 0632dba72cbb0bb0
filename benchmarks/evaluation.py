"""What pruning, measuring and threshold curves cost beside training, and loading data.

python -m benchmarks.evaluation [--epochs=3] [--images=8000] [--data=DIR]

The program of one network on MNIST-shaped images runs with its epochs and with none:
without, it initialises, prunes and measures at its own cut and at the other shifts of
`pruning.cuts`. There are eleven training images for each validation image, as in MNIST.
--data times loading a folder of MNIST idx files to the device, warm.
"""

import functools
import pathlib
import tempfile
import time

import jax
import numpy as np

from benchmarks import timing
from benchmarks.compile import mnist_shaped
from benchmarks.throughput import caller, candidates
from sparse_jax import data, default_config
from sparse_jax.search import setup
from sparse_jax.settings.reading import read


def measure(args) -> str:
    """The Markdown table."""
    tree = default_config()
    with tempfile.TemporaryDirectory() as folder:
        path = mnist_shaped(pathlib.Path(folder), args.images)
        tree.update_from_flattened_dict({
            'data.name': 'mnist_shaped', 'data.path': str(path),
            'data.validation_size': args.images // 11, 'train.epochs': args.epochs,
            'runtime.devices': 1})
        programs = setup.build(read(tree)).evaluator.executor.programs
    skeleton, members = candidates(28, 1)
    run = caller(programs.get(skeleton, members[0]), programs, members)
    calls = {'all': functools.partial(run, args.epochs),
             'evaluation': functools.partial(run, 0)}
    seconds = timing.interleaved(calls, args.rounds)
    epoch = (seconds['all'] - seconds['evaluation']) / args.epochs
    share = lambda epochs: 100 * seconds['evaluation'] / (
        seconds['evaluation'] + epochs * epoch)
    lengths = (args.epochs, 10, 30)
    row = [timing.spread(epoch, 1e3, 0), timing.spread(seconds['evaluation'], 1e3, 0),
           *(timing.spread(share(length), digits=1) for length in lengths)]
    return timing.table(
        ['an epoch, ms', 'evaluation, ms',
         *(f'% of {length} epochs' for length in lengths)], [row])


def load_seconds(folder: str) -> float:
    """Loading and normalising MNIST and moving it to the device, the second time."""
    for _ in range(2):
        begin = time.perf_counter()
        dataset = data.load(data.DataSpec('mnist', folder))
        images = data.normalise(dataset.train.images, dataset.mean, dataset.std)
        jax.block_until_ready(jax.device_put(np.asarray(images)))
        seconds = time.perf_counter() - begin
    return seconds


def main():
    args = timing.parser(
        __doc__, epochs=3, images=8000, rounds=5, data='').parse_args()
    print(timing.machine())
    print(measure(args))
    if args.data:
        print(f'\nMNIST from disk to device: {load_seconds(args.data):.2f} s.')


if __name__ == '__main__':
    main()
