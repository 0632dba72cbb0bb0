"""Points of a conditional mixed space as vectors in which distance means something.

A dimension that is inactive in both points must not separate them, whatever its
coordinate. Three embeddings do this (all are positive definite with any stationary
base kernel, being plain maps into a Euclidean space):

* `neutral` (default): an active ordered dimension gives (x - 1/2) / l, an inactive
  one 0. That a dimension is inactive is told by the dimension that switched it off.
  On an unconditional space this is exactly the usual ARD kernel.
* `indicator`: the same, and every conditional dimension also gives activity / a.
* `arc` (Swersky et al. 2014, "Raiders of the Lost Architecture", eq. 4): an active
  conditional dimension gives (sin, cos)(pi r x) / l, an inactive one (0, 0).

An unordered dimension gives its one-hot code over sqrt(2) l, so that two different
levels are 1 / l apart (a Hamming distance). docs/ablation.md compares the three by
leave-one-out densities of recorded trials.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.types import Array

KINDS = ('neutral', 'indicator', 'arc')


@dataclasses.dataclass(frozen=True)
class Layout:
    """Which dimensions are unordered, and how active ones are embedded. Static."""

    levels: tuple[int, ...]
    """Levels of each dimension, 0 for a continuous one."""
    categorical: tuple[bool, ...]
    conditional: tuple[bool, ...]
    """Dimensions that are inactive in some points."""
    kind: str = 'neutral'

    def __post_init__(self) -> None:
        """Refuses an unknown kind."""
        if self.kind not in KINDS:
            raise ValueError(f'unknown embedding {self.kind!r}: {", ".join(KINDS)}')

    @property
    def dim(self) -> int:
        """D."""
        return len(self.levels)


def pack(x: Array, active: Array, present: Array) -> jax.Array:
    """x [.., D], active [.., D], present [..] -> [.., 2 D + 1], one kernel input."""
    return jnp.concatenate([x, active, present[..., None]], -1)


def unpack(layout: Layout, rows: Array) -> tuple[Array, Array, Array]:
    """Inverse of `pack`."""
    dim = layout.dim
    return rows[..., :dim], rows[..., dim:-1], rows[..., -1]


def embed(
    layout: Layout, length: Array, activity: Array, angle: Array, rows: Array
) -> Array:
    """Packed rows [.., 2 D + 1] -> [.., F].

    `length` [D], `activity` [D] and `angle` [D] are positive; the last two matter to
    one kind each.
    """
    x, active, _ = unpack(layout, rows)
    unordered = np.array(layout.categorical, bool)
    told = np.array(layout.conditional, bool)
    arc = told & ~unordered & (layout.kind == 'arc')
    line, bent = np.flatnonzero(~unordered & ~arc), np.flatnonzero(arc)
    parts = [active[..., line] * (x[..., line] - 0.5) / length[line]]
    if len(bent):
        turn = jnp.pi * angle[bent] * x[..., bent]
        radius = active[..., bent] / length[bent]
        parts += [radius * jnp.sin(turn), radius * jnp.cos(turn)]
    for i in np.flatnonzero(layout.categorical):
        level = jnp.clip(jnp.floor(x[..., i] * layout.levels[i]),
                         0, layout.levels[i] - 1)
        code = jax.nn.one_hot(level.astype(int), layout.levels[i], dtype=x.dtype)
        parts.append(code * active[..., i, None] / (np.sqrt(2.0) * length[i]))
    if layout.kind == 'indicator':
        told = np.flatnonzero(told)
        parts.append(active[..., told] / activity[told])
    return jnp.concatenate(parts, -1)


def squared_distance(a: Array, b: Array) -> Array:
    """a [N, F], b [M, F] -> [N, M], by one matrix product."""
    square = (a**2).sum(-1)[:, None] + (b**2).sum(-1)[None, :] - 2.0 * a @ b.T
    return jnp.maximum(square, 0.0)
