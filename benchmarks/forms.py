"""Forms of convolutions against one another, taken in turns.

python -m benchmarks.forms [--forms=grouped,tiled] [--precisions=float32,bfloat16]
                           [--k=16,64] [--layers=2,4] [--size=28] [--seconds=2]
                           [--rounds=3]

Candidate-steps per second of the networks of `benchmarks.throughput`, all candidates in
one call, SpVD, batch 128. Ratios are to the first form and precision, with as many
candidates of as many layers.
"""

import concurrent.futures
import functools
import itertools
import os

from benchmarks import throughput, timing
from sparse_jax.evaluation import device_memory
from sparse_jax.ops.lowering import Lowering


def measure(ways: list[tuple], size: int, seconds: float, rounds: int) -> str:
    """The Markdown table of some (layers, K, precision, form)."""
    def build(way):
        layers, k, precision, form = way
        return throughput.compiled(
            size, k, Lowering(form, 'vmap'), layers=layers, precision=precision)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        ready = dict(zip(ways, pool.map(build, ways)))
    runs = {way: throughput.caller(
        *ready[way], throughput.candidates(size, way[1], way[0])[1]) for way in ways}
    epochs = {
        way: throughput.epochs_for(run, seconds / rounds) for way, run in runs.items()}
    taken = timing.interleaved({str(way): functools.partial(run, epochs[way])
                                for way, run in runs.items()}, rounds)
    rates = {way: way[1] * epochs[way] * throughput.STEPS / taken[str(way)]
             for way in ways}
    rows, first = [], {}
    for way in ways:
        base = first.setdefault(way[:2], rates[way])
        planned = device_memory.compiled_bytes(ready[way][0].run) or 0
        rows.append([
            *way, timing.spread(rates[way], digits=0), timing.spread(rates[way] / base),
            timing.spread(3600 * rates[way] / throughput.TRAINING, digits=0),
            f'{planned / way[1] / 1e6:.1f}'])
    return timing.table(
        ['layers', 'K', 'products of', 'convolutions', 'candidate-steps/s', 'ratio',
         'trainings an hour', 'planned MB per candidate'], rows)


def main() -> None:
    """Print the table."""
    args = timing.parser(
        __doc__ or '', forms='grouped,tiled', precisions='float32,bfloat16', k='16,64',
        layers='2,4', size=28, seconds=2.0, rounds=3).parse_args()
    print(timing.machine())
    print(measure(list(itertools.product(
        timing.whole(args.layers), timing.whole(args.k), args.precisions.split(','),
        args.forms.split(','))), args.size, args.seconds, args.rounds))


if __name__ == '__main__':
    main()
