"""Reference methods: magnitude pruning after an L1 penalty, and no pruning at all."""

import jax
import jax.numpy as jnp

from sparse_jax.pruning.method import PruningMethod, Tree, cached_factory, kernels

EPSILON = 1e-12


@cached_factory
def magnitude(*, cut: float = 1.4) -> PruningMethod:
    """Deterministic training with an L1 penalty; small weights of a layer go.

    The score is log(rms^2 / w^2) with the root mean square of the layer's valid
    weights: the default cut removes weights below half of it.
    """

    def penalty(params: Tree, aux: Tree, valid: Tree) -> jax.Array | float:
        del aux
        return sum(jnp.where(valid[name]['kernel'], jnp.abs(k), 0.0).sum()
                   for name, k in kernels(params).items())

    def score(params: Tree, aux: Tree) -> dict[str, jax.Array]:
        del aux
        scores = {}
        for name, kernel in kernels(params).items():
            square = jnp.square(kernel)
            # Weights that the candidate does not have are exact zeros.
            count = jnp.maximum((square > 0).sum(), 1)
            mean = square.sum() / count
            scores[name] = jnp.log(mean + EPSILON) - jnp.log(square + EPSILON)
        return scores

    return PruningMethod('magnitude', False, cut, _no_aux, _no_noise, penalty,
                         lambda params, aux: params, score)


@cached_factory
def no_pruning() -> PruningMethod:
    """Plain training; every weight is kept."""
    def score(params: Tree, aux: Tree) -> dict[str, jax.Array]:
        del aux
        return {name: jnp.full_like(k, -jnp.inf) for name, k in kernels(params).items()}

    return PruningMethod(
        'none', False, 0.0, _no_aux, _no_noise,
        lambda params, aux, valid: jnp.zeros(()), lambda params, aux: params, score,
        thresholds=False, prunes=False)


def _no_aux(params: Tree, valid: Tree) -> Tree:
    del params, valid
    return {}


def _no_noise(params: Tree, aux: Tree) -> Tree:
    del params, aux
    return {}
