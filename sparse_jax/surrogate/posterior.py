"""Posteriors of fitted models: moments, joint samples, function draws, fantasies.

Traceable functions of a `GPState`; the kernel is made by `kernel_of`, a function of
one objective's hyperparameters, so that nothing here depends on a GP library. All of
it is meant to run in 64 bit.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax.surrogate import paths, warping
from sparse_jax.surrogate.base import Posterior
from sparse_jax.surrogate.embedding import pack
from sparse_jax.types import Array, PRNGKey

JITTER = 1e-8
"""Added to the diagonal of every noisy covariance."""
NOISE_FLOOR = 1e-7
"""Smallest noise variance, of standardised targets."""

Hyperparameters = dict[str, Array]
"""Of one objective, unconstrained."""

KernelOf = Callable[[Hyperparameters], Any]
"""(hyperparameters of one objective) -> an object with `cross_covariance(a, b)`,
`embed(rows)` and `variance`."""


class GPState(NamedTuple):
    """K fitted models over N rows, all float64."""

    params: dict[str, Array]
    """Unconstrained hyperparameters, leading axis K."""
    warp: warping.Warp
    rows: Array
    """[K, N, 2 D + 1] packed inputs; empty or missing rows are not present."""
    residual: Array
    """[K, N] targets minus the mean, zero where not present."""
    factor: Array
    """[K, N, N] Cholesky factor of the noisy covariance."""
    weights: Array
    """[K, N] inverse covariance times residual."""
    nll: Array
    """[K] negative log evidence per observation."""


class GPPaths(NamedTuple):
    """Function draws beside the state they belong to."""

    state: GPState
    paths: paths.Paths


class Fantasies(NamedTuple):
    """The state extended by q points, with S sets of imagined values at them."""

    state: GPState
    rows: Array
    """[K, N + q, 2 D + 1]"""
    factor: Array
    """[K, N + q, N + q]"""
    weights: Array
    """[K, N + q, S]"""


def noise_of(params: dict[str, Array]) -> Array:
    """Noise variance of one objective."""
    return NOISE_FLOOR + jnp.exp(params['noise'])


def queries(x: Array, active: Array) -> jax.Array:
    """Points as packed rows that are all present."""
    x = jnp.asarray(x, jnp.float64)
    present = jnp.ones(x.shape[0], jnp.float64)
    return pack(x, jnp.asarray(active, jnp.float64), present)


def _marginals(
    kernel: Any, mean: Array, data: Array, factor: Array, weights: Array, rows: Array
) -> tuple[Array, Array]:
    """Mean [Q] or [Q, S] and variance [Q] of one objective."""
    cross = kernel.cross_covariance(data, rows)
    solved = jax.scipy.linalg.solve_triangular(factor, cross, lower=True)
    var = kernel.variance - (solved**2).sum(0)
    return mean + cross.T @ weights, jnp.maximum(var, 1e-12)


def moments(kernel_of: KernelOf, state: GPState, x: Array, active: Array) -> Posterior:
    """Marginal mean and variance of the noise-free function, [K, Q] each."""
    rows = queries(x, active)
    one = lambda params, data, factor, weights: _marginals(
        kernel_of(params), params['mean'], data, factor, weights, rows)
    return Posterior(
        *jax.vmap(one)(state.params, state.rows, state.factor, state.weights))


class JointPosterior(NamedTuple):
    """K posteriors over Q points together, in model units."""

    mean: Array
    """[K, Q]"""
    cov: Array
    """[K, Q, Q]"""
    solved: Array
    """[K, N, Q] cross covariance with the data, solved by its factor."""


def joint(kernel_of: KernelOf, state: GPState, rows: Array) -> JointPosterior:
    """Joint posterior at packed rows [Q, ..]."""

    def one(
        params: Hyperparameters, data: Array, factor: Array, weights: Array
    ) -> tuple[Array, Array, Array]:
        kernel = kernel_of(params)
        cross = kernel.cross_covariance(data, rows)
        solved = jax.scipy.linalg.solve_triangular(factor, cross, lower=True)
        cov = kernel.cross_covariance(rows, rows) - solved.T @ solved
        return params['mean'] + cross.T @ weights, cov, solved

    return JointPosterior(
        *jax.vmap(one)(state.params, state.rows, state.factor, state.weights))


def leave_one_out(state: GPState) -> Array:
    """Mean log density of each observation given all others, [K], in model units.

    Hyperparameters stay those of all data (Rasmussen and Williams 2006, eq. 5.10-12).
    """

    def one(factor: Array, weights: Array, rows: Array) -> Array:
        identity = jnp.eye(factor.shape[0], dtype=factor.dtype)
        root = jax.scipy.linalg.solve_triangular(factor, identity, lower=True)
        precision, present = (root**2).sum(0), rows[:, -1]
        log_density = 0.5 * (jnp.log(precision) - weights**2 / precision
                             - jnp.log(2.0 * jnp.pi))
        return (log_density * present).sum() / jnp.maximum(present.sum(), 1.0)

    return jax.vmap(one)(state.factor, state.weights, state.rows)


def safe_cholesky(cov: Array) -> Array:
    """Cholesky factor of cov [.., Q, Q] with as little extra jitter as it takes."""
    scale = jnp.diagonal(cov, axis1=-2, axis2=-1).max(-1)[..., None, None]
    identity = jnp.eye(cov.shape[-1], dtype=cov.dtype)
    attempt = lambda extra: jnp.linalg.cholesky(
        cov + (1e-10 + extra * scale) * identity)
    factor = attempt(1e-8)
    for extra in (1e-6, 1e-4):
        factor = jax.lax.cond(
            jnp.isfinite(factor).all(), lambda f, _: f, lambda _, e: attempt(e),
            factor, extra)
    return factor


def sample(
    kernel_of: KernelOf, key: PRNGKey, state: GPState, x: Array, active: Array, num: int
) -> Array:
    """Exact joint draws [num, K, Q], in the objectives' units."""
    mean, cov, _ = joint(kernel_of, state, queries(x, active))
    normal = jax.random.normal(key, (num, *mean.shape), mean.dtype)
    draws = mean + jnp.einsum('kij,skj->ski', safe_cholesky(cov), normal)
    return warping.inverse(state.warp, draws)


def draw(
    kernel_of: KernelOf, frequencies: int, key: PRNGKey, state: GPState, num: int
) -> GPPaths:
    """num draws of whole functions."""

    def one(
        key: PRNGKey, params: Hyperparameters, data: Array, residual: Array,
        factor: Array,
    ) -> paths.Paths:
        kernel, present = kernel_of(params), data[:, -1]
        noise = (noise_of(params) + JITTER) * present
        # The prior's features do not know of empty rows: they are masked out here.
        solve = lambda b: jax.scipy.linalg.cho_solve(
            (factor, True), b * present[:, None])
        return paths.draw(key, kernel.embed(data), kernel.variance, noise, residual,
                          solve, size=(num, frequencies))

    keys = jax.random.split(key, state.residual.shape[0])
    drawn = jax.vmap(one)(keys, state.params, state.rows, state.residual, state.factor)
    return GPPaths(state, drawn)


def evaluate(kernel_of: KernelOf, drawn: GPPaths, x: Array, active: Array) -> Array:
    """Values [num, K, Q] of function draws, in the objectives' units."""
    rows = queries(x, active)

    def one(params: Hyperparameters, data: Array, path: paths.Paths) -> Array:
        kernel = kernel_of(params)
        cross = kernel.cross_covariance(rows, data)
        return params['mean'] + paths.evaluate(
            path, kernel.embed(rows), kernel.variance, cross)

    values = jax.vmap(one)(drawn.state.params, drawn.state.rows, drawn.paths)
    return warping.inverse(drawn.state.warp, jnp.swapaxes(values, 0, 1))


def fantasise(
    kernel_of: KernelOf, key: PRNGKey, state: GPState, x: Array, active: Array,
    mask: Array, num: int,
) -> tuple[Fantasies, Array]:
    """Joint draws at the masked points x [q, D], and the state that observed them.

    Values are [num, K, q] in model units. The factor is extended, not recomputed.
    """
    rows = queries(x, active).at[:, -1].set(jnp.asarray(mask, jnp.float64))
    mean, cov, solved = joint(kernel_of, state, rows)
    # An absent point gets a unit diagonal, exactly like an empty row of the data.
    corner = safe_cholesky(cov + jnp.diag(jnp.where(rows[:, -1] > 0, 1e-8, 1.0)))
    normal = jax.random.normal(key, (num, *mean.shape), mean.dtype)
    values = mean + jnp.einsum('kij,skj->ski', corner, normal) * rows[:, -1]

    def one(
        params: Hyperparameters, data: Array, factor: Array, residual: Array,
        corner: Array, solved: Array, values: Array,
    ) -> tuple[Array, Array, Array]:
        corner_zero = jnp.zeros_like(solved)
        whole = jnp.block([[factor, corner_zero], [solved.T, corner]])
        extra = (values - params['mean']) * rows[:, -1]
        past = jnp.broadcast_to(residual, (num, residual.shape[0]))
        weights = jax.scipy.linalg.cho_solve(
            (whole, True), jnp.concatenate([past, extra], 1).T)
        return jnp.concatenate([data, rows]), whole, weights

    parts = jax.vmap(one, in_axes=(0, 0, 0, 0, 0, 0, 1))(
        state.params, state.rows, state.factor, state.residual, corner, solved, values)
    return Fantasies(state, *parts), values


def conditional(
    kernel_of: KernelOf, fantasies: Fantasies, x: Array, active: Array
) -> Posterior:
    """Mean [S, K, Q] and variance [K, Q] given the fantasies, in model units."""
    rows = queries(x, active)
    one = lambda params, data, factor, weights: _marginals(
        kernel_of(params), params['mean'], data, factor, weights, rows)
    mean, var = jax.vmap(one)(
        fantasies.state.params, fantasies.rows, fantasies.factor, fantasies.weights)
    return Posterior(jnp.moveaxis(mean, 2, 0), var)
