"""Criteria as values: their type, scoring candidates and climbing, compiled once."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.surrogate.base import Surrogate
from sparse_jax.surrogate.programs import cheap_jit
from sparse_jax.types import Array, PRNGKey


class Facts(NamedTuple):
    """What is known of Q points before they are evaluated."""

    low: np.ndarray
    """[Q, K] lower bounds of the objectives, -inf for none."""
    high: np.ndarray
    """[Q, K] upper bounds, inf for none; where both are equal nothing is learned."""
    scale: np.ndarray
    """[Q, K] the surrogate models an objective as a multiple of this."""

    @classmethod
    def nothing(cls, num: int, num_objectives: int) -> 'Facts':
        """Nothing known, objectives modelled as they are."""
        shape = (num, num_objectives)
        return cls(np.full(shape, -np.inf), np.full(shape, np.inf), np.ones(shape))


class Pending(NamedTuple):
    """Earlier picks of the same batch, at fixed size q."""

    x: np.ndarray
    """[q, D]"""
    active: np.ndarray
    """[q, D]"""
    facts: Facts
    """Of the q points."""
    mask: np.ndarray
    """[q] bool."""


Value = Callable[[Surrogate, Any, Array, Array, Facts], Array]
"""(surrogate, arrays, x [Q, D], active [Q, D], facts) -> [Q]."""


class Criterion(NamedTuple):
    """One acquisition criterion over one fitted surrogate: what makes a point good.

    A batch of q points is picked one after the other. For every pick the host calls
    `prepare` once: it draws what this pick needs (its own weights, a function of the
    posterior, fantasies of the earlier picks) and returns arrays, of equal shapes for
    all picks. `value` is pure and traceable: one compiled program per surrogate and
    criterion scores any points with these arrays, and its gradient refines points of
    continuous spaces. `criteria` has the library's own: Thompson sampling with random
    Chebyshev weights as in SpArSe, a lower confidence bound, expected improvement
    (qNParEGO, Daulton et al. 2020) and expected hypervolume improvement.
    """

    surrogate: Surrogate
    prepare: Callable[[PRNGKey, int, Pending], Any]
    """(key, number of the pick, earlier picks) -> arrays, any tree of them."""
    value: Value
    """(surrogate, arrays, x [Q, D], active [Q, D] bool, facts of Q) -> [Q]; smaller is
    better. The same function object whenever it computes the same."""
    improvement: bool
    """Values are minus an improvement: zero means that nothing is gained."""
    weights: np.ndarray | None = None
    """[q, K] scalarization weights of the picks, where there are any."""


@functools.partial(cheap_jit, static_argnums=(0, 1))
def _score_jit(
    value: Value, surrogate: Surrogate, arrays: Any, x: Array, active: Array,
    facts: Facts,
) -> Array:
    return value(surrogate, arrays, x, active, facts)


def score(
    criterion: Criterion, arrays: Any, x: np.ndarray, active: np.ndarray,
    facts: Facts, *, chunk: int,
) -> np.ndarray:
    """Values of x [Q, D] -> [Q], in pieces of `chunk` rows so that one program serves
    any Q."""
    out = []
    for start in range(0, len(x), chunk):
        rows = slice(start, start + chunk)
        parts = jax.tree.map(
            lambda a, rows=rows: _fill(a[rows], chunk), (x, active, facts))
        with jax.enable_x64(True):
            found = _score_jit(criterion.value, criterion.surrogate, arrays, *parts)
        out.append(np.asarray(found)[: len(x[rows])])
    return np.concatenate(out) if out else np.zeros(0)


def _fill(rows: np.ndarray, size: int) -> np.ndarray:
    """Repeats the last row up to `size` rows."""
    short = size - len(rows)
    return np.concatenate([rows, np.repeat(rows[-1:], short, 0)]) if short else rows


@functools.partial(
    cheap_jit, static_argnums=(0, 1), static_argnames=('steps', 'rate'))
def _ascend_jit(
    value: Value, surrogate: Surrogate, arrays: Any, x: Array, active: Array,
    facts: Facts, *, steps: int, rate: float,
) -> Array:
    """Projected Adam on every row at once; the best point met of each row."""

    def total(x: Array) -> tuple[Array, Array]:
        values = value(surrogate, arrays, x, active, facts)
        return values.sum(), values  # rows are independent

    gradient = jax.grad(total, has_aux=True)

    def step(carry: tuple[Array, ...], t: Array) -> tuple[tuple[Array, ...], None]:
        x, first, second, best, best_value = carry
        grads, values = gradient(x)
        better = values < best_value
        best = jnp.where(better[:, None], x, best)
        best_value = jnp.where(better, values, best_value)
        grads = jnp.nan_to_num(grads)
        first = 0.9 * first + 0.1 * grads
        second = 0.99 * second + 0.01 * grads**2
        size = rate * (0.5 + 0.5 * jnp.cos(jnp.pi * t / steps))
        move = (first / (1 - 0.9 ** (t + 1))) / (
            jnp.sqrt(second / (1 - 0.99 ** (t + 1))) + 1e-30)
        return (jnp.clip(x - size * move, 0.0, 1.0), first, second, best,
                best_value), None

    zeros = jnp.zeros_like(x)
    carry = (x, zeros, zeros, x, jnp.full(x.shape[0], jnp.inf))
    (last, _, _, best, best_value), _ = jax.lax.scan(
        step, carry, jnp.arange(steps, dtype=x.dtype))
    better = value(surrogate, arrays, last, active, facts) < best_value
    return jnp.where(better[:, None], last, best)


def ascend(
    criterion: Criterion, arrays: Any, x: np.ndarray, active: np.ndarray,
    facts: Facts, *, steps: int, rate: float = 0.03,
) -> np.ndarray:
    """Gradient refinement of x [M, D] inside the cube, for continuous spaces only."""
    with jax.enable_x64(True):
        return np.asarray(_ascend_jit(
            criterion.value, criterion.surrogate, arrays, x, active, facts,
            steps=steps, rate=rate))
