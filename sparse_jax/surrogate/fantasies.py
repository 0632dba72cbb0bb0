"""Imagined observations: a fitted model extended by a few rows, never solved again.

The factor of the extended covariance is [[L, 0], [S', C]]: L is that of the data, S
the covariance of the new rows with the data solved by L, C the factor of the joint
posterior covariance at the new rows. A solution for a point is that for the data, kept
as it is, with one entry more for every new row: a batch that grows pick by pick asks
the thousands of data rows once for every candidate.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax.ops.product import product
from sparse_jax.surrogate.base import Posterior
from sparse_jax.surrogate.posterior import (
    SMALLEST,
    GPState,
    Hyperparameters,
    KernelOf,
    Solved,
    covariance,
    safe_cholesky,
)
from sparse_jax.types import Array, PRNGKey


class Fantasies(NamedTuple):
    """S sets of imagined values at q points."""

    params: Hyperparameters
    """Of the state, leading axis K."""
    rows: Array
    """[q, 2 D + 1] packed points; absent ones are not present."""
    cross: Array
    """[q, K, N] covariance with the data, solved by its factor; zero where absent."""
    corner: Array
    """[K, q, q] factor of the covariance of the points given the data."""
    normal: Array
    """[S, K, q] what the values deviate from their means by, solved by the corner."""


def fantasise(
    kernel_of: KernelOf, key: PRNGKey, state: GPState, solved: Solved, mask: Array,
    num: int,
) -> tuple[Fantasies, Array]:
    """Joint draws at those of q solved points that the mask [q] has, observed.

    Values are [num, K, q] in model units.
    """
    present = jnp.asarray(mask, jnp.float64)
    solved = solved._replace(
        rows=jnp.asarray(solved.rows).at[:, -1].set(present),
        cross=solved.cross * present[:, None, None])
    # An absent point gets a unit diagonal, exactly like an empty row of the data.
    corner = safe_cholesky(covariance(kernel_of, state, solved)
                           + jnp.diag(jnp.where(present > 0, 1e-8, 1.0)))
    mean = solved.mean.T
    normal = jax.random.normal(key, (num, *mean.shape), mean.dtype)
    values = mean + jnp.einsum('kij,skj->ski', corner, normal) * present
    return Fantasies(state.params, solved.rows, solved.cross, corner, normal), values


def conditional(kernel_of: KernelOf, fantasies: Fantasies, solved: Solved) -> Posterior:
    """Mean [S, K, Q] and variance [K, Q] given the fantasies, in model units."""

    def one(
        params: Hyperparameters, corner: Array, normal: Array, cross: Array,
        theirs: Array, mean: Array, var: Array,
    ) -> tuple[Array, Array]:
        given = kernel_of(params).cross_covariance(
            fantasies.rows, solved.rows) - product(cross, theirs.T)
        more = jax.scipy.linalg.solve_triangular(corner, given, lower=True)
        return mean + product(normal, more), var - (more**2).sum(0)

    mean, var = jax.vmap(one, in_axes=(0, 0, 1, 1, 1, 1, 1))(
        fantasies.params, fantasies.corner, fantasies.normal, fantasies.cross,
        solved.cross, solved.mean, solved.var)
    return Posterior(jnp.moveaxis(mean, 0, 1), jnp.maximum(var, SMALLEST))
