"""What a structure of a search costs to compile, program by program, and its steps.

python -m benchmarks.compile_parts [--structures=3] [--rounds=2] [--other=FOLDER]

Structures are the first ones that a preset draws: `cifar10_binary_cpu.py:row=2kb`,
filled, plain, by Muon, with augmentation and batch norm, and `digits.py`, variational,
by Adam.
Images are made from a seed in the shape of the data set. Everything is processor time
and in a process of its own, without any cache. Training is `EPOCHS` epochs of 20 steps
with start and end, the least of three.

--other: the sources of another version, which is measured in turn; ratios are of sums
over all structures and rounds.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

import jax
import numpy as np

PRESETS = ('cifar10_binary', 'digits')
STEPS, EPOCHS = 20, 5
SEED = 5
"""Of the structures."""
PARTS = ('tracing', 'start', 'learn', 'finish', 'training')
NAMES = {'rounded': 'finish'}


def main() -> None:
    """Prints the table, or in a process of its own the figures of one preset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--structures', type=int, default=3)
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--other', default='')
    parser.add_argument('--preset', default='', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.preset:
        print(json.dumps(figures(args.preset, args.structures)))
        return
    from benchmarks import timing

    print(timing.machine())
    print(measure(args.structures, args.rounds, args.other))


def measure(structures: int, rounds: int, other: str) -> str:
    """The Markdown table: seconds of processor time per structure."""
    from benchmarks import timing

    versions = timing.versions(other)
    rows = []
    for preset in PRESETS:
        totals = {name: np.zeros(len(PARTS)) for name in versions}
        for i in range(rounds):
            for name in list(versions)[:: 1 - 2 * (i % 2)]:
                totals[name] += _in_process(versions[name], preset, structures)
        for name, total in totals.items():
            each = total / (structures * rounds)
            rows.append([f'{preset}, {name}', *(f'{value:.2f}' for value in each[:-1]),
                         f'{each[:-1].sum():.2f}', f'{each[-1]:.2f}'])
        if other:
            both = [np.array([total[:-1].sum(), total[-1]]) for total in (
                totals['this'], totals['other'])]
            rows.append([f'{preset}, this / other', *[''] * (len(PARTS) - 1),
                         *(f'{ratio:.2f}' for ratio in both[0] / both[1])])
    return timing.table(
        ['preset', 'tracing s', *(f'XLA: {name} s' for name in PARTS[1:-1]),
         'before the first step s', 'training s'], rows)


def _in_process(folder: pathlib.Path, preset: str, structures: int) -> np.ndarray:
    done = subprocess.run(
        [sys.executable, __file__, f'--preset={preset}', f'--structures={structures}'],
        env=os.environ | {'PYTHONPATH': str(folder), 'JAX_PLATFORMS': 'cpu'},
        check=True, cwd=folder, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return np.array([found.get(part, 0.0) for part in PARTS])


def figures(preset: str, structures: int) -> dict[str, float]:
    """{part: processor seconds, of all structures}; one more goes first, uncounted."""
    from sparse_jax.evaluation import programs as module
    from sparse_jax.evaluation.grouping import Member
    from sparse_jax.evaluation.recipe import template
    from sparse_jax.study.outcome import Trial

    taken: dict[str, float] = collections.defaultdict(float)
    lower: Any = module.lower

    def timed(function: Any, arguments: Any, **names: Any) -> Any:
        name = str(names['decided_by'][0])
        return _Timed(
            lower(function, arguments, **names), NAMES.get(name, name), taken)

    module.lower = timed
    with tempfile.TemporaryDirectory() as folder:
        built = _setup(preset, pathlib.Path(folder))
        made: Any = built.evaluator.executor.programs
        for number, (graph, skeleton, candidate) in enumerate(
                _structures(built, structures + 1)):
            begin, before = time.process_time(), sum(taken.values())
            weights = template(skeleton, made.recipe)
            run: Any = made._compiled(skeleton, candidate, weights, 1)
            seconds = time.process_time() - begin
            taken['tracing'] += seconds - (sum(taken.values()) - before)
            program = module.Program(run, skeleton, 0.0, weights, 1)
            member = Member(Trial(number, np.zeros(0), EPOCHS), graph, candidate,
                            np.array([0, number], np.uint32), None)
            each = []
            for _ in range(3):
                begin = time.process_time()
                made.train(program, [member], EPOCHS)
                each.append(time.process_time() - begin)
            taken['training'] += min(each)
            if number == 0:
                taken.clear()
    return dict(taken)


class _Timed:
    """A lowered program whose compilation is measured."""

    def __init__(self, lowered: Any, name: str, taken: dict[str, float]) -> None:
        """taken: what the seconds are added to."""
        self._lowered, self._name, self._taken = lowered, name, taken
        self.out_info = lowered.out_info

    def compile(self, **options: Any) -> Any:
        """As of `jax.stages.Lowered`."""
        begin = time.process_time()
        compiled = self._lowered.compile(**options)
        self._taken[self._name] += time.process_time() - begin
        return compiled


def _setup(preset: str, folder: pathlib.Path) -> Any:
    """The objects of a search."""
    from experiments import cifar10_binary_cpu, digits
    from sparse_jax.data.synthetic import draw
    from sparse_jax.search import setup
    from sparse_jax.settings.reading import read

    tree: Any = digits.get_config()
    if preset == 'cifar10_binary':
        tree = cifar10_binary_cpu.get_config('minutes=14,row=2kb')
        count = STEPS * tree.train.batch_size
        images, labels = draw(0, count + 640, shape=(32, 32, 3), num_classes=10)
        tree.data.path = str(folder / 'images.npz')
        tree.data.validation_size = 640
        np.savez(tree.data.path, x_train=images, y_train=labels, x_test=images[:16],
                 y_test=labels[:16])
    return setup.build(read(tree))


def _structures(built: Any, count: int) -> list[tuple]:
    """(graph, skeleton, candidate) of the first ones that are worth training."""
    from sparse_jax.model.skeleton import split
    from sparse_jax.settings import reading
    from sparse_jax.space import encoding

    rows = built.domain.sample(jax.random.key(SEED), 16 * count)
    rows = rows[~built.evaluator.refuse(rows)][:count]
    policy = reading.tier_policy(built.settings)
    return [(graph, *split(graph, encoding.decode(built.space, row), policy))
            for row, graph in zip(rows, encoding.graphs(built.space, rows))]


if __name__ == '__main__':
    main()
