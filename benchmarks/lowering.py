"""Kernels and bytes of one training step, counted on what is lowered for accelerators.

python -m benchmarks.lowering [--k=1,64] [--forms=patches,native,grouped,tiled]
                              [--precisions=float32,bfloat16]
                              [--method=sparse_vd] [--size=28] [--batch=128]

Of the networks of `benchmarks.step`: at 28x28 convolutions 3x3 with 8, 8, pool, 16, 16
maps, pool, FC 10. Nothing is run or compiled; `benchmarks.traffic` says how it counts.
"""

import functools
import itertools
from typing import Any

import jax
import numpy as np

from benchmarks import step, timing, traffic
from sparse_jax.model import sizes
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.pruning import METHODS
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.step import Schedule, train_step
from sparse_jax.training.train import initialise

PLATFORMS = ('cuda', 'tpu')
SCHEDULE = Schedule(per_epoch=429, total=4290, num_images=55_000)


def traced(
    k: int, conv: str, *, method: str = 'sparse_vd', size: int = 28, batch: int = 128,
    precision: str = 'float32',
) -> Any:
    """One step of `k` candidates of one skeleton on common images, not yet lowered."""
    graph = step.graph(size)
    skeleton, one = Skeleton(graph), step.candidate(graph)
    config = TrainConfig(batch_size=batch, precision=precision)
    procedure = Procedure(skeleton, METHODS[method](), config, conv)
    wide = functools.partial(jax.tree.map, lambda leaf: jax.ShapeDtypeStruct(
        (k, *np.shape(leaf)), jax.dtypes.canonicalize_dtype(np.result_type(leaf))))
    state = jax.eval_shape(functools.partial(initialise, procedure=procedure),
                           jax.random.key(0), one)
    valid = jax.eval_shape(functools.partial(sizes.valid_weights, skeleton), one)
    images = jax.ShapeDtypeStruct((*graph.image_shape(), batch), np.float32)
    labels = jax.ShapeDtypeStruct((batch,), np.int32)
    steps = jax.vmap(functools.partial(
        train_step, procedure=procedure, schedule=SCHEDULE), (0, 0, None, 0, 0))
    return jax.jit(steps).trace(
        jax.ShapeDtypeStruct((k, 2), np.uint32), wide(state), (images, labels),
        wide(one), wide(valid))


def counted(program: Any, platform: str) -> traffic.Traffic:
    """The counts of a traced program for a platform."""
    return traffic.count(program.lower(lowering_platforms=(platform,)))


def measure(
    ks: list[int], forms: list[str], precisions: list[str], method: str, size: int,
    batch: int,
) -> str:
    """The Markdown table; bytes are those of one candidate."""
    rows = []
    for conv, precision in itertools.product(forms, precisions):
        if conv == 'native' and precision != 'float32':
            continue
        for k in ks:
            program = traced(k, conv, method=method, size=size, batch=batch,
                             precision=precision)
            for platform in PLATFORMS:
                found = counted(program, platform)
                rows.append([conv, precision, k, platform, found.products,
                             found.kernels, found.copies,
                             f'{found.bytes / k / 1e6:.1f}'])
    return timing.table(
        ['convolutions', 'products of', 'K', 'lowered for', 'products and convolutions',
         'kernels', 'concatenations and gathers', 'MB per candidate-step'], rows)


def main() -> None:
    """Prints the table."""
    parser = timing.parser(
        __doc__ or '', k='1,64', forms='patches,native,grouped,tiled',
        precisions='float32,bfloat16', method='sparse_vd', size=28, batch=128)
    args = parser.parse_args()
    print(timing.machine())
    print(measure(timing.whole(args.k), args.forms.split(','),
                  args.precisions.split(','), args.method, args.size, args.batch))


if __name__ == '__main__':
    main()
