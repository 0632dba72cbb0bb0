"""Bayesian Compression: structured, group normal-Jeffreys (Louizos et al. 2017).

Groups are the output maps of a convolution and the input elements of a dense layer.
"""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.pruning.method import (
    PruningMethod,
    Tree,
    cached_factory,
    capped,
    group_axes,
    joined,
    kernels,
    log_uniform_kl,
)

EPSILON = 1e-8


@cached_factory
def bayes_compress(
    *, init_log_variance: float = -9.0, cut: float = -3.0, max_variance: float = 1.0
) -> PruningMethod:
    """Scale z per group with a Jeffreys prior; prune at log alpha_z >= `cut`.

    The variance of a weight is capped at `max_variance`. At 1, the prior's own, the
    penalty of a weight that does not matter vanishes, and its noise is what drives the
    scale of its group to 0. A lower cap keeps more groups (docs/pruning.md).

    `aux` is {node: {'log_sigma2' of the kernel's shape, 'group_mean' [G],
    'group_log_sigma2' [G]}}.
    """

    def log_variance(log_sigma2: jax.Array) -> jax.Array:
        return capped(log_sigma2, float(np.log(max_variance)))

    def init(params: Tree, valid: Tree) -> Tree:
        del valid
        aux = {}
        for name, kernel in kernels(params).items():
            groups = kernel.shape[1] if kernel.ndim == 2 else kernel.shape[0]
            aux[name] = {
                'log_sigma2': jnp.full_like(kernel, init_log_variance),
                'group_mean': jnp.ones(groups, kernel.dtype),
                'group_log_sigma2': jnp.full((groups,), init_log_variance),
            }
        return aux

    def noise(params: Tree, aux: Tree) -> Tree:
        del params
        logs, apart = joined(aux, 'log_sigma2')
        variances = apart(jnp.exp(log_variance(logs)))
        return {name: {
            'variance': variances[name],
            'group_mean': leaf['group_mean'],
            'group_variance': jnp.exp(leaf['group_log_sigma2']),
        } for name, leaf in aux.items()}

    def penalty(params: Tree, aux: Tree, valid: Tree) -> jax.Array | float:
        (means, _), (logs, _) = joined(params, 'kernel', aux), joined(aux, 'log_sigma2')
        logs, (mask, _) = log_variance(logs), joined(valid, 'kernel', aux)
        normal = 0.5 * (jnp.exp(logs) + jnp.square(means) - 1.0 - logs)
        total = jnp.where(mask, normal, 0.0).sum()
        for name, leaf in aux.items():
            own = valid[name]['kernel']
            present = own.any(axis=group_axes(own))
            kl = log_uniform_kl(_group_log_alpha(leaf))
            total += jnp.where(present, kl, 0.0).sum()
        return total

    def mean(params: Tree, aux: Tree) -> Tree:
        return params | {name: params[name] | {
            'kernel': params[name]['kernel'] * _spread(
                leaf['group_mean'], params[name]['kernel'])
        } for name, leaf in aux.items()}

    def score(params: Tree, aux: Tree) -> dict[str, jax.Array]:
        return {name: _spread(_group_log_alpha(leaf), params[name]['kernel'])
                for name, leaf in aux.items()}

    return PruningMethod(
        'bayes_compress', True, cut, init, noise, penalty, mean, score)


def _group_log_alpha(leaf: Tree) -> jax.Array:
    return jnp.clip(leaf['group_log_sigma2'] - jnp.log(
        jnp.square(leaf['group_mean']) + EPSILON), -20.0, 8.0)


def _spread(group: jax.Array, kernel: jax.Array) -> jax.Array:
    """[G] -> an array that broadcasts against the kernel."""
    if kernel.ndim == 2:
        return group[None, :]
    return group.reshape((-1,) + (1,) * (kernel.ndim - 1))
