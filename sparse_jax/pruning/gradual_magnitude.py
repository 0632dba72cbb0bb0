"""Gradual magnitude pruning: the least weights go, more of them step by step.

After Zhu and Gupta 2017: dense at first, sparser on a schedule, sparse for the rest of
the training. What is pruned is absent from the forward pass alone: its gradient, that
of the pruned network, passes, so that it can grow and come back (Lin et al. 2020).
Weights of all layers are compared by their share of what is left of their layer (LAMP:
Lee et al. 2021), which spares small layers and means the same at any scale of a layer.
How many go is nobody's gradient: `training.gradual` moves that with the exact costs.
"""

import jax
import jax.numpy as jnp

from sparse_jax.pruning.method import PruningMethod, Tree, cached_factory, kernels

EPSILON = 1e-30
"""Of squares and of their sums."""
NONE = -20.0
"""Logarithms of thresholds before anything is pruned."""


@cached_factory
def gradual_magnitude() -> PruningMethod:
    """As many weights are zero as `press` was last told.

    `aux` is {node: {'log_threshold': []}}, the magnitude below which weights of the
    layer are pruned.

    Returns:
      The unstructured method; its score is log threshold - log |w|, its cut 0. It needs
      a target (`pruning.aim`).
    """
    def init(params: Tree, valid: Tree) -> Tree:
        del valid
        return {node: {'log_threshold': jnp.full((), NONE, kernel.dtype)}
                for node, kernel in kernels(params).items()}

    def mean(params: Tree, aux: Tree) -> Tree:
        return params | {
            node: params[node] | {'kernel': gate(
                params[node]['kernel'], jnp.exp(leaf['log_threshold']))}
            for node, leaf in aux.items()}

    def score(params: Tree, aux: Tree) -> dict[str, jax.Array]:
        return {node: aux[node]['log_threshold'] - 0.5 * jnp.log(
                    jnp.square(kernel) + EPSILON)
                for node, kernel in kernels(params).items()}

    return PruningMethod(
        'gradual_magnitude', False, 0.0, init, lambda params, aux: {},
        lambda params, aux, valid: jnp.zeros(()), mean, score, gated=True,
        thresholds=False, press=press)


def press(params: Tree, aux: Tree, valid: Tree, pressure: jax.Array) -> Tree:
    """Thresholds that keep one weight in exp(pressure), of all layers together.

    Args:
      params, valid: weights, and masks of those that exist.
      aux: of the method.
      pressure: [] log of how many weights there are to one that is kept; 0 keeps all.

    Returns:
      Another `aux`: the weights that are kept have the largest shares of what is left
      of their layer, w^2 over the sum of the squares that are no smaller.
    """
    falling, shares = {}, {}
    for node, kernel in kernels(params).items():
        square = jnp.square(jnp.where(valid[node]['kernel'], kernel, 0.0))
        falling[node] = jnp.sort(square.ravel())[::-1]
        shares[node] = falling[node] / (jnp.cumsum(falling[node]) + EPSILON)
    total = sum(valid[node]['kernel'].sum() for node in falling)
    kept = jnp.round(total * jnp.exp(-pressure)).astype(jnp.int32)
    # Weights that a candidate does not have are the least.
    order = jnp.sort(jnp.concatenate(list(shares.values())))
    last = order[jnp.clip(order.size - kept, 0, order.size - 1)]
    pressed = {}
    for node, leaf in aux.items():
        within = shares[node] >= last
        least = jnp.where(within, falling[node], jnp.inf).min()
        most = jnp.where(within, 0.0, falling[node]).max()
        # The geometric mean of two magnitudes, from their squares.
        between = 0.25 * (jnp.log(least + EPSILON) + jnp.log(most + EPSILON))
        pressed[node] = {'log_threshold': jnp.maximum(between, NONE).astype(
            leaf['log_threshold'].dtype)}
    return pressed


@jax.custom_jvp
def gate(kernel: jax.Array, threshold: jax.Array) -> jax.Array:
    """The kernel where its magnitude is above the threshold, else 0; its derivative is
    that of the kernel alone, everywhere.

    Args:
      kernel: any shape.
      threshold: [].
    """
    return jnp.where(jnp.abs(kernel) > threshold, kernel, 0.0)


@gate.defjvp
def _gate_jvp(
    primals: tuple[jax.Array, jax.Array], tangents: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    return gate(*primals), tangents[0]
