"""Candidate-steps per second over the devices that share the candidate axis.

python -m benchmarks.scaling [--devices=1,2] [--k=8] [--sizes=8,28] [--mapping=map|vmap]
                             [--simulate=2] [--conv=direct|patches|native|grouped|tiled]

The same K mixed candidates (`benchmarks.throughput`), sharded over the first n
devices. `--simulate` makes so many devices of one CPU; 0 takes the machine's own.
"""

import functools
import os

from benchmarks import timing
from benchmarks.throughput import (
    STEPS,
    caller,
    candidates,
    compiled,
    epochs_for,
    lowering_of,
)
from sparse_jax.ops.lowering import FORMS


def measure(
    sizes: list[int], devices: list[int], k: int, mapping: str, seconds: float,
    rounds: int, conv: str = 'auto',
) -> str:
    """The Markdown table; gains are over the first number of devices."""
    lowering = lowering_of(mapping, conv)
    rows = []
    for size in sizes:
        _, members = candidates(size, k)
        runs = {}
        for n in devices:
            slots = n if lowering.mapping == 'map' else k
            runs[n] = caller(*compiled(size, slots, lowering, n), members)
        epochs = epochs_for(runs[devices[0]], seconds / rounds)
        taken = timing.interleaved(
            {n: functools.partial(run, epochs) for n, run in runs.items()}, rounds)
        rows += [[f'{size}x{size}', n,
                  timing.spread(k * epochs * STEPS / taken[n], digits=0),
                  timing.spread(taken[devices[0]] / taken[n])] for n in devices]
    return timing.table(
        ['images', 'devices', f'candidate-steps/s, K = {k} '
         f'({lowering.conv}, {lowering.mapping})', 'gain'], rows)


def main():
    parser = timing.parser(__doc__, devices='1,2', k=8, sizes='8,28', seconds=4.0,
                           rounds=7, simulate=2)
    parser.add_argument('--mapping', choices=('map', 'vmap'), default='')
    parser.add_argument('--conv', choices=('auto', *FORMS), default='auto')
    args = parser.parse_args()
    if args.simulate:
        # Read when JAX starts its devices, at the first use below.
        os.environ['XLA_FLAGS'] = (
            f'{os.environ.get("XLA_FLAGS", "")} '
            f'--xla_force_host_platform_device_count={args.simulate}')
    print(timing.machine())
    print(measure(timing.whole(args.sizes), timing.whole(args.devices), args.k,
                  args.mapping, args.seconds, args.rounds, args.conv))


if __name__ == '__main__':
    main()
