"""What a surrogate is: a bundle of pure functions, whatever the model behind them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sparse_jax.types import Array, PRNGKey


class Posterior(NamedTuple):
    """Marginal posterior of K independent models at Q points, in model units."""

    mean: Array
    """[K, Q], or [S, K, Q] given S sets of fantasies."""
    var: Array
    """[K, Q] variance of the noise-free function, which fantasies do not change."""


class Surrogate(NamedTuple):
    """Independent models of K objectives over a mixed conditional space.

    `fit`, `predict` and `sample` are called from the host and return host arrays;
    the others may be traced, and compute in 64 bits: inside `jax.enable_x64(True)`.
    Points are x [.., D] in the unit cube beside active [.., D] bool: an inactive
    dimension is at its neutral value and must not matter. K objectives and further
    costs have a model each, and nothing is shared between models. Model units are
    warped and standardised; `unwarp` turns them into the objectives' own units, where
    smaller is better.

    What `fit` returns is a state that only these functions look into. `surrogate.gp.gp`
    makes the library's own, a Gaussian process with a Matern 5/2 kernel over
    conditional dimensions; equal configurations give one object, so that compiled
    programs are shared.
    """

    fit: Callable[[PRNGKey, Array, Array, Array, Array], Any]
    """(key, x [N, D], active [N, D], y [N, K], mask [N]) -> state. Rows with a false
    mask are empty; NaN entries of y are left out of their own model only."""
    predict: Callable[[Any, Array, Array], Posterior]
    """(state, x [Q, D], active [Q, D]) -> Posterior."""
    sample: Callable[[PRNGKey, Any, Array, Array, int], Array]
    """(key, state, x, active, num) -> [num, K, Q] joint draws, objectives' units."""
    nll: Callable[[Any], Array]
    """(state) -> [K] negative log evidence per observation."""
    moments: Callable[[Any, Array, Array], Posterior]
    """Traceable `predict`."""
    unwarp: Callable[[Any, Array], Array]
    """(state, f [.., K, Q] in model units) -> objectives' units."""
    draw: Callable[[PRNGKey, Any, int], Any]
    """(key, state, num) -> paths: draws of whole functions."""
    evaluate: Callable[[Any, Array, Array], Array]
    """(paths, x, active) -> [num, K, Q] values of the draws, objectives' units."""
    solve: Callable[[Any, Array, Array], Any]
    """(state, x, active) -> solved, a tree of arrays [Q, ..]: all that is costly of a
    posterior at points, which fantasies do not change."""
    fantasise: Callable[[PRNGKey, Any, Any, Array, int], tuple[Any, Array]]
    """(key, state, solved of q points, mask [q], num) -> (fantasies, values [num, K, q]
    in model units): draws at the points of the mask, as if each had been observed."""
    conditional: Callable[[Any, Any], Posterior]
    """(fantasies, solved) -> Posterior with a mean for each of num draws."""
    warp: Callable[[Any, Array], Array]
    """(state, f [.., K, Q] in objectives' units) -> model units."""
    noise: Callable[[Any], Array]
    """(state) -> [K] variance of an observation, in model units."""
