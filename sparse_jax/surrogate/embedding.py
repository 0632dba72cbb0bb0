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
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.ops.product import product
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


class _Features(NamedTuple):
    """Constants of the F coordinates of an embedding, [F] each."""

    column: np.ndarray
    """The dimension that a coordinate is of."""
    levels: np.ndarray
    """Levels of an unordered dimension, zero for others."""
    level: np.ndarray
    """The level whose indicator the coordinate is, where there are any."""
    told: np.ndarray
    """1 where the coordinate is the activity alone."""


@functools.lru_cache
def _features(layout: Layout) -> _Features:
    """The coordinates that are linear in one over a length; those of `arc` are not."""
    unordered, told = (np.array(a, bool) for a in (layout.categorical,
                                                   layout.conditional))
    line = np.flatnonzero(~unordered & ~(told & (layout.kind == 'arc')))
    parts = [(i, 0, 0, 0) for i in line]
    parts += [(i, layout.levels[i], code, 0) for i in np.flatnonzero(unordered)
              for code in range(layout.levels[i])]
    if layout.kind == 'indicator':
        parts += [(i, 0, 0, 1) for i in np.flatnonzero(told)]
    return _Features(*np.array(parts, int).reshape(-1, 4).T)


def embed(
    layout: Layout, length: Array, activity: Array, angle: Array, rows: Array
) -> jax.Array:
    """Packed rows [.., 2 D + 1] -> [.., F].

    `length` [D], `activity` [D] and `angle` [D] are positive; the last two matter to
    one kind each. Few operations on all coordinates together: compiling this, and its
    gradient, is most of what compiling a surrogate takes.
    """
    x, active, _ = unpack(layout, rows)
    f = _features(layout)
    levels = np.maximum(f.levels, 1)
    u = x[..., f.column]
    code = jnp.clip(jnp.floor(u * levels), 0, levels - 1) == f.level
    value = jnp.where(f.levels > 0, code / np.sqrt(2.0), u - 0.5)
    value = active[..., f.column] * jnp.where(f.told > 0, 1.0, value)
    scale = jnp.where(f.told > 0, activity[f.column], length[f.column])
    parts = [value / scale]
    bent = np.flatnonzero(np.array(layout.conditional, bool)
                          & ~np.array(layout.categorical, bool))
    if layout.kind == 'arc' and len(bent):
        turn = jnp.pi * angle[bent] * x[..., bent]
        radius = active[..., bent] / length[bent]
        parts += [radius * jnp.sin(turn), radius * jnp.cos(turn)]
    return jnp.concatenate(parts, -1)


def squared_distance(a: Array, b: Array) -> Array:
    """a [N, F], b [M, F] -> [N, M], by one matrix product; no forward mode."""
    # Else the transposition becomes a part of a product of the gradient.
    columns = jax.lax.optimization_barrier(b.T)
    square = (a**2).sum(-1)[:, None] + (b**2).sum(-1)[None, :]
    square -= 2.0 * product(a, columns)
    return jnp.maximum(square, 0.0)
