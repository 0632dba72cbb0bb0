"""Criteria as values: their type, scoring candidates and climbing, compiled once."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.lowered import lower
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


class Points(NamedTuple):
    """Q candidates as a criterion sees them."""

    x: Array
    """[Q, D]"""
    active: Array
    """[Q, D]"""
    facts: Facts
    """Of the Q points."""
    fixed: Any = ()
    """What `Criterion.fixed` gives for them, arrays [Q, ..]."""


class Pending(NamedTuple):
    """Earlier picks whose outcomes are not known yet, at fixed size q: those of batches
    that are being evaluated, then those of the same batch."""

    points: Points
    """q points; those past the earlier picks are of any."""
    mask: np.ndarray
    """[q] bool: the earlier picks."""


Value = Callable[[Surrogate, Any, Points], Array]
"""(surrogate, arrays, Q points) -> [Q]."""
Fixed = Callable[[Surrogate, Any, Array, Array], Any]
"""(surrogate, state, x [Q, D], active [Q, D]) -> tree of arrays [Q, ..]."""


class Criterion(NamedTuple):
    """One acquisition criterion over one fitted surrogate: what makes a point good.

    A batch of q points is picked one after the other. For every pick the host calls
    `prepare` once: it draws what this pick needs (its own weights, a function of the
    posterior, fantasies of the earlier picks) and returns arrays, of equal shapes for
    all picks. `value` is pure and traceable: one compiled program per surrogate and
    criterion scores any points with these arrays, and its gradient refines points of
    continuous spaces. What no pick changes of a point is computed by `fixed`, once for
    a batch. `criteria` has the library's own: Thompson sampling with random Chebyshev
    weights as in SpArSe, a lower confidence bound, expected improvement (qNParEGO,
    Daulton et al. 2020) and expected hypervolume improvement.
    """

    surrogate: Surrogate
    prepare: Callable[[PRNGKey, int, Pending], Any]
    """(key, number of the pick, earlier picks) -> arrays, any tree of them."""
    value: Value
    """(surrogate, arrays, points) -> [Q]; smaller is better. The same function object
    whenever it computes the same."""
    improvement: bool
    """Values are minus an improvement: zero means that nothing is gained."""
    weights: np.ndarray | None = None
    """[q, K] scalarization weights of the picks, where there are any."""
    fixed: Fixed | None = None
    """What `value` finds in the points of a fit, if anything: pure, traceable, and one
    function object as well."""
    state: Any = None
    """The fit that `fixed` is given."""


lower.register(Facts, Points)


@functools.partial(cheap_jit, static_argnums=(0, 1))
def _fixed_jit(
    fixed: Fixed, surrogate: Surrogate, state: Any, x: Array, active: Array
) -> Any:
    return fixed(surrogate, state, x, active)


def points_of(
    criterion: Criterion, x: np.ndarray, active: np.ndarray, facts: Facts, *, chunk: int
) -> Points:
    """Points x [Q, D] for all picks of a criterion, `chunk` rows at a time."""
    if criterion.fixed is None:
        return Points(x, active, facts)
    with jax.enable_x64(True):
        parts = [_fixed_jit(
            criterion.fixed, criterion.surrogate, criterion.state, *part)
                 for part in _chunks((x, active), chunk)]
    return Points(x, active, facts, jax.tree.map(
        lambda *a: np.concatenate([np.asarray(part) for part in a])[: len(x)], *parts))


@functools.partial(cheap_jit, static_argnums=(0, 1))
def _score_jit(
    value: Value, surrogate: Surrogate, arrays: Any, points: Points
) -> Array:
    return value(surrogate, arrays, points)


def score(
    criterion: Criterion, arrays: Any, points: Points, *, chunk: int
) -> np.ndarray:
    """Values [Q] of points, `chunk` rows at a time so that one program serves any Q."""
    with jax.enable_x64(True):
        found = [np.asarray(_score_jit(
            criterion.value, criterion.surrogate, arrays, part))
                 for part in _chunks(points, chunk)]
    return np.concatenate([np.zeros(0), *found])[: len(points.x)]


def _chunks(rows: Any, size: int) -> list[Any]:
    """A tree of arrays [Q, ..] in pieces of `size` rows; the last row is repeated."""
    count = len(jax.tree.leaves(rows)[0])
    # A piece that is full is a view.
    take = [slice(start, start + size) if start + size <= count
            else np.minimum(np.arange(start, start + size), count - 1)
            for start in range(0, count, size)]
    return [jax.tree.map(lambda a, some=some: a[some], rows) for some in take]


@functools.partial(
    cheap_jit, static_argnums=(0, 1, 2), static_argnames=('steps', 'rate'))
def _ascend_jit(
    value: Value, fixed: Fixed | None, surrogate: Surrogate, arrays: Any, state: Any,
    points: Points, *, steps: int, rate: float,
) -> Array:
    """Projected Adam on every row at once; the best point met of each row."""

    def values_at(x: Array) -> Array:
        known = () if fixed is None else fixed(surrogate, state, x, points.active)
        return value(surrogate, arrays, points._replace(x=x, fixed=known))

    def total(x: Array) -> tuple[Array, Array]:
        values = values_at(x)
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

    x = jnp.asarray(points.x)
    zeros = jnp.zeros_like(x)
    carry = (x, zeros, zeros, x, jnp.full(x.shape[0], jnp.inf))
    (last, _, _, best, best_value), _ = jax.lax.scan(
        step, carry, jnp.arange(steps, dtype=x.dtype))
    better = values_at(last) < best_value
    return jnp.where(better[:, None], last, best)


def ascend(
    criterion: Criterion, arrays: Any, points: Points, *, steps: int, rate: float = 0.03
) -> np.ndarray:
    """Gradient refinement of points inside the cube -> [M, D], for continuous spaces
    only. What is fixed of a point is computed anew as it moves."""
    with jax.enable_x64(True):
        return np.asarray(_ascend_jit(
            criterion.value, criterion.fixed, criterion.surrogate, arrays,
            criterion.state, points._replace(fixed=()), steps=steps, rate=rate))
