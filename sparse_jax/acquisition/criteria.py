"""Acquisition criteria: what makes a point worth evaluating, smaller is better.

A criterion is a pair. `prepare`, on the host, makes the arrays that one pick of a
batch needs (its own weights, posterior draw, fantasies of the earlier picks);
`value` is a pure traceable function of those arrays and of candidate points.
Picks have different arrays of equal shapes, so one compiled program serves all.
What the fitted surrogate says of a candidate is the same for all picks: `_solved` and
`_moments` compute it once.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.acquisition import scalarize
from sparse_jax.acquisition.scoring import Criterion, Facts, Pending, Points
from sparse_jax.host_random import generator
from sparse_jax.surrogate.base import Surrogate
from sparse_jax.surrogate.programs import cheap_jit
from sparse_jax.types import Array, PRNGKey


def _known(facts: Facts, f: Array, num_objectives: int) -> Array:
    """Model values f [.., K + C, Q] -> those of the K objectives, in their units,
    within what is known."""
    f = jnp.clip(f * facts.scale.T, facts.low.T, facts.high.T)
    return f if f.shape[-2] == num_objectives else f[..., :num_objectives, :]


# Thompson sampling: SpArSe's own.


def _thompson_value(surrogate: Surrogate, arrays: Any, points: Points) -> Array:
    f = surrogate.evaluate(arrays['paths'], points.x, points.active)[0]
    f = _known(points.facts, f, len(arrays['weights']))
    return scalarize.chebyshev(arrays['weights'][:, None], f, axis=0)


def thompson(surrogate: Surrogate, state: Any, weights: np.ndarray) -> Criterion:
    """max_k weights_k f_k of one posterior draw per pick; weights [q, K] in the
    objectives' units."""

    def prepare(key: PRNGKey, pick: int, pending: Pending) -> dict[str, Any]:
        del pending
        return {'paths': _draw(surrogate, key, state), 'weights': weights[pick]}

    return Criterion(surrogate, prepare, _thompson_value, False, weights)


# Lower confidence bound ("UCB" of a maximiser).


def _moments(
    surrogate: Surrogate, state: Any, x: Array, active: Array
) -> tuple[Array, ...]:
    """Mean and variance of K models, [Q, K] each."""
    return tuple(part.T for part in surrogate.moments(state, x, active))


def _bound_value(surrogate: Surrogate, arrays: Any, points: Points) -> Array:
    mean, var = (part.T for part in points.fixed)
    low = surrogate.unwarp(arrays['state'], mean - arrays['beta'] * jnp.sqrt(var))
    low = _known(points.facts, low, len(arrays['weights']))
    return scalarize.chebyshev(arrays['weights'][:, None], low, axis=0)


def lower_bound(
    surrogate: Surrogate, state: Any, weights: np.ndarray, *, beta: float
) -> Criterion:
    """max_k weights_k (mean_k - beta sd_k), the bound taken in model units."""

    def prepare(key: PRNGKey, pick: int, pending: Pending) -> dict[str, Any]:
        del key, pending
        return {'state': state, 'weights': weights[pick], 'beta': np.float64(beta)}

    return Criterion(
        surrogate, prepare, _bound_value, False, weights, _moments, state)


# Monte Carlo criteria that know the earlier picks of the batch.


def _solved(surrogate: Surrogate, state: Any, x: Array, active: Array) -> Any:
    return surrogate.solve(state, x, active)


def _draws(surrogate: Surrogate, arrays: Any, points: Points, num: int) -> Array:
    """Marginal draws [S, K, Q] of `num` objectives given the fantasies, common random
    numbers."""
    mean, var = surrogate.conditional(arrays['fantasies'], points.fixed)
    z = mean + jnp.sqrt(var) * arrays['normal'][:, :, None]
    return _known(points.facts, surrogate.unwarp(arrays['state'], z), num)


def _improvement_value(surrogate: Surrogate, arrays: Any, points: Points) -> Array:
    f = _draws(surrogate, arrays, points, len(arrays['weights']))
    scaled = (f - arrays['low'][:, None]) / arrays['span'][:, None]
    g = scalarize.augmented_chebyshev(arrays['weights'][:, None], scaled, axis=1)
    return -jnp.maximum(arrays['best'][:, None] - g, 0.0).mean(0)


def expected_improvement(
    surrogate: Surrogate, state: Any, observed: np.ndarray, weights: np.ndarray, *,
    num_draws: int,
) -> Criterion:
    """Expected improvement of the augmented Chebyshev value over observed [N, K].

    The qNParEGO way (Daulton et al. 2020): every pick has its own weights [K], in
    units of the observed ranges, and the earlier picks count as observed, draw by
    draw.
    """
    low = observed.min(0)
    span = np.maximum(observed.max(0) - low, 1e-12)
    scaled = (observed - low) / span

    def prepare(key: PRNGKey, pick: int, pending: Pending) -> dict[str, Any]:
        fantasies, values, normal = _imagine(surrogate, key, state, pending, num_draws)
        values = values[..., :observed.shape[1]]
        best = scalarize.augmented_chebyshev(weights[pick], scaled).min()
        g = scalarize.augmented_chebyshev(weights[pick], (values - low) / span)
        best = np.minimum(best, np.where(pending.mask, g, np.inf).min(1))
        return {'state': state, 'fantasies': fantasies, 'normal': normal,
                'weights': weights[pick], 'low': low, 'span': span, 'best': best}

    return Criterion(
        surrogate, prepare, _improvement_value, True, weights, _solved, state)


def _hypervolume_value(surrogate: Surrogate, arrays: Any, points: Points) -> Array:
    f = _draws(surrogate, arrays, points, len(arrays['reference']))
    gain = (arrays['reference'][:, None] - f) / arrays['span'][:, None]
    gain = jnp.maximum(gain, 0.0).astype(jnp.float32)
    # min_k gain_k / direction_k, one objective at a time: [S, Q, L] stays fused.
    inverse = arrays['inverse'].astype(jnp.float32)
    ratio = functools.reduce(jnp.minimum, (
        gain[:, k, :, None] * inverse[:, k] for k in range(f.shape[1])))
    best = arrays['best'].astype(jnp.float32)
    rise = jnp.maximum(ratio ** f.shape[1] - best[:, None, :], 0.0)
    return -rise.mean((0, 2)).astype(f.dtype)


def hypervolume_improvement(
    surrogate: Surrogate, state: Any, front: np.ndarray, reference: np.ndarray, *,
    num_draws: int, num_directions: int, low: np.ndarray | None = None,
) -> Criterion:
    """Expected gain of hypervolume over front [P, K], below reference [K]; low [K]
    is the best that objectives are scaled by, that of the front where it is None.

    The hypervolume is a mean over directions (Zhang and Golovin 2020), which costs
    the same for any number of objectives and any front; the expectation is a mean
    over draws in which the earlier picks of the batch count as observed.
    """
    low = front.min(0) if low is None else low
    span = np.maximum(reference - low, 1e-12)
    num_objectives = len(reference)

    def scalars(points: np.ndarray, rays: np.ndarray) -> np.ndarray:
        gain = (reference - points) / span
        return scalarize.hypervolume_scalar(rays, gain[..., None, :])

    def prepare(key: PRNGKey, pick: int, pending: Pending) -> dict[str, Any]:
        key, key_rays = jax.random.split(key)
        rays = scalarize.directions(generator(key_rays), num_objectives, num_directions)
        fantasies, values, normal = _imagine(surrogate, key, state, pending, num_draws)
        best = scalars(front, rays).max(0, initial=0.0)
        taken = scalars(values[..., :num_objectives], rays) * pending.mask[:, None]
        return {
            'state': state, 'fantasies': fantasies, 'normal': normal,
            'reference': reference, 'span': span,
            'inverse': 1.0 / np.maximum(rays, 1e-9),
            'best': np.maximum(best, taken.max(1)),
        }

    return Criterion(surrogate, prepare, _hypervolume_value, True, None, _solved, state)


def _imagine(
    surrogate: Surrogate, key: PRNGKey, state: Any, pending: Pending, num_draws: int
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Fantasies, their values [S, q, K + C] in the objectives' units, normals
    [S, K + C]."""
    key, key_normal = jax.random.split(key)
    fantasies, values = _fantasise(surrogate, key, state, pending, num_draws)
    low, high, scale = pending.points.facts
    values = np.clip(np.swapaxes(np.asarray(values), 1, 2) * scale, low, high)
    normal = scalarize.quasi_normal(
        generator(key_normal), num_draws, values.shape[2])
    return fantasies, values, normal


def _draw(surrogate: Surrogate, key: PRNGKey, state: Any) -> Any:
    with jax.enable_x64(True):
        return _draw_jit(surrogate, key, state)


def _fantasise(
    surrogate: Surrogate, key: PRNGKey, state: Any, pending: Pending, num_draws: int
) -> tuple[Any, Array]:
    with jax.enable_x64(True):
        return _fantasise_jit(
            surrogate, key, state, pending.points.fixed, pending.mask, num_draws)


@functools.partial(cheap_jit, static_argnums=0)
def _draw_jit(surrogate: Surrogate, key: PRNGKey, state: Any) -> Any:
    return surrogate.draw(key, state, 1)


@functools.partial(cheap_jit, static_argnums=(0, 5))
def _fantasise_jit(
    surrogate: Surrogate, key: PRNGKey, state: Any, solved: Any, mask: Array, num: int
) -> tuple[Any, Array]:
    fantasies, values = surrogate.fantasise(key, state, solved, mask, num)
    return fantasies, surrogate.unwarp(state, values)
