"""Where a training step spends its time, by layer and phase.

python -m benchmarks.step_profile [--size=28] [--method=sparse_vd] [--conv=direct]
                                  [--steps=8] [--rounds=6]

The step of `benchmarks.step`, from the record of every kernel of the compiled
program. A kernel's time is the lower decile over all steps: other work on the machine
only adds to it.
"""

import collections
import functools
import pathlib
import re
import tempfile

import jax
import numpy as np

from benchmarks import floor, step, timing
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.pruning import METHODS
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.train import initialise, train

INSTRUCTION = re.compile(r'\s*(?:ROOT )?%?([\w.\-]+) = ')
CALL = re.compile(r'custom_call_target="sparse_jax_([a-z_]+)_[0-9a-f]+"')
NAME = re.compile(r'op_name="([^"]*)"')
LAYER = re.compile(r'/(conv\d+|classifier)/')
STEP = '/while/body/closed_call/cond/branch_1_fun/while/body/'
"""Scopes of what runs once per step, not once per epoch."""
OTHER = 'bias, ReLU, pool, loss, penalty, optimiser'


def phases(program: str) -> dict[str, tuple[str, str]]:
    """(layer, phase) of every instruction of a compiled program's step."""
    found = {}
    for line in program.splitlines():
        named, scope = INSTRUCTION.match(line), NAME.search(line)
        if not named or not scope or STEP not in scope[1]:
            continue
        layer, call = LAYER.search(scope[1]), CALL.search(line)
        found[named[1]] = (layer[1] if layer else 'all layers',
                           call[1].replace('_', ' ') if call else OTHER)
    return found


def recorded(size: int, method: str, conv: str, steps: int, rounds: int
             ) -> collections.Counter[tuple[str, str]]:
    """Milliseconds of a step by (layer, phase)."""
    graph = step.graph(size)
    skeleton, one = Skeleton(graph), step.candidate(graph)
    procedure = Procedure(
        skeleton, METHODS[method](), TrainConfig(epochs=1, batch_size=step.BATCH), conv)
    data = TrainData(*map(jax.numpy.asarray, step.images(size, steps * step.BATCH)))
    key = jax.random.key(0)
    state = jax.jit(functools.partial(initialise, procedure=procedure))(key, one)
    run = jax.jit(functools.partial(train, procedure=procedure)).lower(
        key, state, one, data, key).compile()
    jax.block_until_ready(run(key, state, one, data, key))
    seconds: dict[str, list[float]] = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(rounds):
                jax.block_until_ready(run(key, state, one, data, key))
        path, = pathlib.Path(folder).rglob('*.xplane.pb')
        for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
            for line in plane.lines:
                for event in line.events:
                    seconds[event.name].append(event.duration_ns)
    taken: collections.Counter[tuple[str, str]] = collections.Counter()
    for name, place in phases(run.as_text()).items():
        if name in seconds and not name.startswith(('while', 'conditional')):
            each = np.asarray(seconds[name])
            taken[place] += np.quantile(each, 0.1) * len(each) / (rounds * steps) / 1e6
    return taken


def measure(size: int, method: str, conv: str, steps: int, rounds: int) -> str:
    """The Markdown table, the longest first."""
    taken = recorded(size, method, conv, steps, rounds)
    total = sum(taken.values())
    least = 1e3 * floor.step_flops(
        step.graph(size), step.BATCH, noisy=method != 'none') / floor.matmul_rate()
    rows = [[*place, f'{value:.3f}', f'{100 * value / total:.0f}']
            for place, value in taken.most_common()]
    rows.append(['sum', '', f'{total:.3f}', '100'])
    rows.append(['floor', '', f'{least:.3f}', f'{100 * least / total:.0f}'])
    return timing.table(['layer', 'phase', 'ms', '%'], rows)


def main() -> None:
    """Prints the table."""
    parser = timing.parser(
        __doc__ or '', size=28, method='sparse_vd', conv='direct', steps=8, rounds=6)
    args = parser.parse_args()
    print(timing.machine())
    print(measure(args.size, args.method, args.conv, args.steps, args.rounds))


if __name__ == '__main__':
    main()
