"""Posteriors of fitted models: moments, joint samples, function draws.

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
SMALLEST = 1e-12
"""Smallest variance of a function: rounding may leave less, and less than zero."""

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
    upper: Array
    """[K, N, N] Cholesky factor of the noisy covariance, transposed: as LAPACK reads
    it, which saves a copy with every solve."""
    weights: Array
    """[K, N] inverse covariance times residual."""
    nll: Array
    """[K] negative log evidence per observation."""

    @property
    def factor(self) -> Array:
        """[K, N, N] the factor, lower triangular."""
        return self.upper.swapaxes(-1, -2)


class GPPaths(NamedTuple):
    """Function draws beside the state they belong to."""

    state: GPState
    paths: paths.Paths


def noise_of(params: dict[str, Array]) -> Array:
    """Noise variance of one objective."""
    return NOISE_FLOOR + jnp.exp(params['noise'])


def queries(x: Array, active: Array) -> jax.Array:
    """Points as packed rows that are all present."""
    x = jnp.asarray(x, jnp.float64)
    present = jnp.ones(x.shape[0], jnp.float64)
    return pack(x, jnp.asarray(active, jnp.float64), present)


class Solved(NamedTuple):
    """What the state says of Q points, each by itself."""

    rows: Array
    """[Q, 2 D + 1] the packed points."""
    mean: Array
    """[Q, K] in model units."""
    var: Array
    """[Q, K] variance of the noise-free function."""
    cross: Array
    """[Q, K, N] covariance with the data, solved by its factor."""


def solve(kernel_of: KernelOf, state: GPState, x: Array, active: Array) -> Solved:
    """The posterior at x [Q, D] by one triangular solve, with what it takes to add
    observations to it."""
    rows = queries(x, active)

    def one(
        params: Hyperparameters, data: Array, factor: Array, weights: Array
    ) -> tuple[Array, Array, Array]:
        kernel = kernel_of(params)
        cross = kernel.cross_covariance(data, rows)
        solved = jax.scipy.linalg.solve_triangular(factor, cross, lower=True)
        var = kernel.variance - (solved**2).sum(0)
        return params['mean'] + cross.T @ weights, var, solved.T

    found = jax.vmap(one, out_axes=1)(
        state.params, state.rows, state.factor, state.weights)
    return Solved(rows, *found)


def covariance(kernel_of: KernelOf, state: GPState, solved: Solved) -> Array:
    """[K, Q, Q] of the noise-free function at solved points together."""

    def one(params: Hyperparameters, cross: Array) -> Array:
        # Rows by rows, see `ops.product`: they may be transposed from columns.
        cross = jax.lax.optimization_barrier(cross)
        rows = solved.rows
        return kernel_of(params).cross_covariance(rows, rows) - cross @ cross.T

    return jax.vmap(one, in_axes=(0, 1))(state.params, solved.cross)


def moments(kernel_of: KernelOf, state: GPState, x: Array, active: Array) -> Posterior:
    """Marginal mean and variance of the noise-free function, [K, Q] each."""
    found = solve(kernel_of, state, x, active)
    return Posterior(found.mean.T, jnp.maximum(found.var, SMALLEST).T)


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
    found = solve(kernel_of, state, x, active)
    mean, cov = found.mean.T, covariance(kernel_of, state, found)
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
