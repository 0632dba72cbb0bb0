"""Learned thresholds: a magnitude per layer that training moves by gradient.

After TinyLSTMs (Fedorov et al. 2020): w * 1[|w| > tau], the indicator replaced by a
sigmoid in the backward pass, one tau per layer, and a price for everything that
survives. Groups are the output maps of a convolution and the inputs of a dense layer,
as in Bayesian Compression; the size of a group is its root mean square.
"""

import functools

import jax
import jax.numpy as jnp

from sparse_jax.pruning.method import (
    PruningMethod,
    Tree,
    cached_factory,
    capped,
    group_axes,
    kernels,
)

EPSILON = 1e-16
"""Of a square: sizes below 1e-8 are as good as none."""
MAX_LOG_THRESHOLD = 0.0
"""Adam moves a threshold that nothing reaches any more as fast as any other: without a
cap it would leave a layer that it emptied for good."""


@cached_factory
def learned_threshold(
    *, init_log_threshold: float = -7.0, temperature: float = 0.5, nats: float = 4.0
) -> PruningMethod:
    """Weights below the threshold of their layer are zero, in training too.

    The indicator is 1[log |w| > log tau]: on this scale one temperature suits layers of
    all sizes, and the gradient of a surviving weight is at most 1 / (4 temperature)
    above that of the plain network. A weight below the threshold keeps a gradient, so
    that it can come back.

    `aux` is {node: {'log_threshold': []}}.

    Args:
      init_log_threshold: log tau of every layer before training, far below its weights.
      temperature: of the sigmoid that replaces the indicator in the backward pass.
      nats: price of a weight. 4 is about what a fresh weight costs under the Bayesian
        methods, so that a coefficient means the same.

    Returns:
      The unstructured method; its score is log tau^2 - log w^2, its cut 0.
    """
    return _method('learned_threshold', False, init_log_threshold, temperature, nats)


@cached_factory
def learned_group_threshold(
    *, init_log_threshold: float = -7.0, temperature: float = 0.5, nats: float = 4.0
) -> PruningMethod:
    """Groups whose root mean square is below the threshold of their layer are zero.

    Args:
      init_log_threshold, temperature: as those of `learned_threshold`.
      nats: price of a weight of a group that survives.

    Returns:
      The structured method; its score is log tau^2 - log of the group's mean square.
    """
    return _method(
        'learned_group_threshold', True, init_log_threshold, temperature, nats)


def _method(
    name: str, structured: bool, start: float, temperature: float, nats: float
) -> PruningMethod:
    """Either method: they differ in what has one size."""
    excess = functools.partial(_excess, structured=structured)

    def init(params: Tree, valid: Tree) -> Tree:
        del valid
        return {node: {'log_threshold': jnp.full((), start, kernel.dtype)}
                for node, kernel in kernels(params).items()}

    def penalty(params: Tree, aux: Tree, valid: Tree) -> jax.Array | float:
        total = jnp.zeros(())
        for node, leaf in aux.items():
            mask = valid[node]['kernel']
            above = excess(jnp.where(mask, params[node]['kernel'], 0.0), leaf, mask)
            total += jnp.where(mask, survives(above, temperature), 0.0).sum()
        return nats * total

    def mean(params: Tree, aux: Tree) -> Tree:
        gated = {}
        for node, leaf in aux.items():
            kernel = params[node]['kernel']
            above = excess(kernel, leaf, kernel != 0)
            # What starts at exactly 0, as a new input of an inherited unit, is not
            # pruned: through the gate it would have no gradient, and stay there.
            gated[node] = params[node] | {'kernel': jnp.where(
                kernel == 0, kernel, kernel * survives(above, temperature))}
        return params | gated

    def score(params: Tree, aux: Tree) -> dict[str, jax.Array]:
        found = kernels(params)
        return {node: -2.0 * excess(found[node], leaf, found[node] != 0)
                for node, leaf in aux.items()}

    return PruningMethod(
        name, structured, 0.0, init, lambda params, aux: {}, penalty, mean, score,
        gated=True, thresholds=False)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def survives(above: jax.Array, temperature: float) -> jax.Array:
    """1 where `above` is positive, else 0; its derivative is that of a sigmoid.

    Args:
      above: log of a size over its threshold, any shape.
      temperature: of the sigmoid.
    """
    del temperature
    return (above > 0).astype(above.dtype)


@survives.defjvp
def _survives_jvp(
    temperature: float, primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (above,), (moved,) = primals, tangents
    soft = jax.nn.sigmoid(above / temperature)
    return survives(above, temperature), soft * (1.0 - soft) / temperature * moved


def _excess(
    kernel: jax.Array, leaf: Tree, exists: jax.Array, *, structured: bool
) -> jax.Array:
    """log(size / tau) of every weight, or of every group; broadcasts to the kernel.

    exists: the weights that count. Those that a candidate has not are exact zeros,
    which have no part in the size of their group.
    """
    square = jnp.square(kernel)
    if structured:
        axes = group_axes(kernel)
        count = jnp.maximum(exists.sum(axis=axes, keepdims=True), 1)
        square = square.sum(axis=axes, keepdims=True) / count
    threshold = capped(leaf['log_threshold'], MAX_LOG_THRESHOLD)
    return 0.5 * jnp.log(square + EPSILON) - threshold
