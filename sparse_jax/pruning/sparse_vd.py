"""Sparse Variational Dropout: unstructured (Molchanov, Ashukha, Vetrov 2017)."""

import jax
import jax.numpy as jnp

from sparse_jax.pruning.method import (
    PruningMethod,
    Tree,
    cached_factory,
    capped,
    joined,
    kernels,
    log_uniform_kl,
)

EPSILON = 1e-8
RANGE = (-20.0, 8.0)
"""Of log alpha. The published code clips at -8, where a fresh weight above e^-1 has no
gradient and is never pruned: with fan-ins of 4 to 25 that is every fifth weight."""


MAX_LOG_SIGMA2 = 4.0
"""Cap of the noise. Adam moves a variance that nothing depends on as fast as any other:
networks that lost their input drifted to infinite variances."""


def log_alpha(mean: jax.Array, log_sigma2: jax.Array) -> jax.Array:
    """log(sigma^2 / theta^2), clipped to `RANGE`; element-wise."""
    return jnp.clip(log_sigma2 - jnp.log(jnp.square(mean) + EPSILON), *RANGE)


@cached_factory
def sparse_vd(*, init_log_sigma2: float = -10.0, cut: float = 3.0) -> PruningMethod:
    """Gaussian posterior per weight, log-uniform prior; prune at log alpha >= `cut`.

    `aux` is {node: {'log_sigma2': array of the kernel's shape}}.
    """

    def init(params: Tree, valid: Tree) -> Tree:
        del valid
        return {name: {'log_sigma2': jnp.full_like(k, init_log_sigma2)}
                for name, k in kernels(params).items()}

    def noise(params: Tree, aux: Tree) -> Tree:
        del params
        logs, apart = joined(aux, 'log_sigma2')
        variances = apart(jnp.exp(capped(logs, MAX_LOG_SIGMA2)))
        return {name: {'variance': variances[name]} for name in aux}

    def penalty(params: Tree, aux: Tree, valid: Tree) -> jax.Array | float:
        (means, _), (logs, _) = joined(params, 'kernel', aux), joined(aux, 'log_sigma2')
        mask, _ = joined(valid, 'kernel', aux)
        return jnp.where(mask, log_uniform_kl(log_alpha(means, logs)), 0.0).sum()

    def score(params: Tree, aux: Tree) -> dict[str, jax.Array]:
        return {name: log_alpha(params[name]['kernel'], leaf['log_sigma2'])
                for name, leaf in aux.items()}

    return PruningMethod(
        'sparse_vd', False, cut, init, noise, penalty, lambda params, aux: params,
        score)
