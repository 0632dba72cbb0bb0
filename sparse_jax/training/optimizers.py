"""What turns the gradients of a step into its direction; the rate comes afterwards.

`adam` (Kingma and Ba 2015), or `muon` (Jordan et al. 2024): the momentum of every
matrix of weights is replaced by the nearest matrix whose singular values are all about
1, so that directions which gradients hardly have move as far as the others. Beside the
products of a convolution that costs next to nothing, as the matrices of small networks
are small.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from sparse_jax.train_config import TrainConfig

EPSILON_ROOT = 1e-20
"""Far below the square of Adam's own epsilon."""
MOMENTUM = 0.95
"""Of Muon, which looks one step ahead (Nesterov)."""
QUINTIC = (3.4445, -4.7750, 2.0315)
"""a, b, c of X -> a X + (b A + c A²) X with A = X Xᵀ, which moves singular values of 0
to 1 to about 1 (Jordan et al. 2024)."""
ITERATIONS = 5
LENGTH = 1.2
"""Root mean square of the direction of a weight, where all singular values are 1; of
Adam's it is below 1. Tried on networks of two kilobytes (docs/training.md)."""
PART = 256
"""Terms of a sum that no compiler splits."""
TINY = 1e-20
"""Beside the square of a norm, whose root has a gradient then."""

Tree = dict[str, dict[str, jax.Array]]


class MuonState(NamedTuple):
    """What Muon remembers."""

    adam: optax.OptState
    """Of all that is no matrix."""
    momentum: dict[str, jax.Array]
    """{node: sum of the kernel's gradients}."""


def optimizer(
    config: TrainConfig, valid: Tree | None = None
) -> optax.GradientTransformation:
    """Directions of (params, aux), without their rate, which is traced and differs
    between candidates.

    Args:
      config: its `optimizer` and `clip_norm`.
      valid: {node: {'kernel', ...}} masks of the weights that exist, which Muon takes
        the sizes of its matrices from; None where there is no padding.
    """
    clip = [optax.clip_by_global_norm(config.clip_norm)] if config.clip_norm else []
    if config.optimizer == 'muon':
        return optax.chain(*clip, _muon(valid))
    # One flat vector: a handful of operations instead of a handful per layer.
    return optax.flatten(optax.chain(*clip, _adam()))


def _adam() -> optax.GradientTransformation:
    """The root has a gradient where a weight has none, so that a training can be
    differentiated."""
    return optax.scale_by_adam(eps_root=EPSILON_ROOT)


def _muon(valid: Tree | None) -> optax.GradientTransformation:
    """Muon of all kernels that are matrices, Adam of the rest."""
    others = optax.flatten(_adam())

    def init(params: Any) -> Any:
        matrices, rest = _split(params)
        return MuonState(others.init(rest), jax.tree.map(jnp.zeros_like, matrices))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        matrices, rest = _split(updates)
        directions: Any
        directions, adam = others.update(rest, state.adam)
        params, aux = directions
        momentum = jax.tree.map(
            lambda old, new: MOMENTUM * old + new, state.momentum, matrices)
        for name, gradient in matrices.items():
            mask = None if valid is None else valid[name]['kernel']
            kernel = direction(MOMENTUM * momentum[name] + gradient, mask)
            params[name] = {**params[name], 'kernel': kernel}
        return (params, aux), MuonState(adam, momentum)

    return optax.GradientTransformation(init, update)


def direction(momentum: jax.Array, valid: jax.Array | None = None) -> jax.Array:
    """The momentum of a kernel with equal singular values, of length `LENGTH`.

    Args:
      momentum: [O, ...], a matrix of one row per output; 0 where nothing exists.
      valid: bool mask of the same shape, of the weights that exist: padding changes
        neither the matrix nor its length.
    """
    matrix = momentum.reshape(momentum.shape[0], -1)
    exists = jnp.ones(matrix.shape, bool) if valid is None else valid.reshape(
        matrix.shape)
    longest = jnp.maximum(exists.any(1).sum(), exists.any(0).sum())
    flat = orthogonal(matrix) * (LENGTH * jnp.sqrt(longest.astype(matrix.dtype)))
    return flat.reshape(momentum.shape)


def orthogonal(matrix: jax.Array) -> jax.Array:
    """A matrix of the same singular vectors, with singular values of 0.7 to 1.2; of a
    zero matrix zeros. By Newton-Schulz iterations: products alone."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide * jax.lax.rsqrt((wide * wide).sum() + TINY)
    a, b, c = QUINTIC
    for _ in range(ITERATIONS):
        gram = _gram(x)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide is matrix else x.T


def _gram(x: jax.Array) -> jax.Array:
    """X Xᵀ, long sums in parts, one after another: XLA may split one over threads, that
    of the parts too, and its rounding would depend on their number."""
    rows, columns = x.shape
    if columns <= PART:
        return x @ x.T
    parts = -(-columns // PART)
    filled = jnp.pad(x, ((0, 0), (0, parts * PART - columns)))
    blocks = filled.reshape(rows, parts, PART).swapaxes(0, 1)
    return jax.lax.scan(lambda total, block: (total + block @ block.T, None),
                        jnp.zeros((rows, rows), x.dtype), blocks)[0]


def _split(trained: tuple[Tree, Any]) -> tuple[dict[str, jax.Array], tuple[Tree, Any]]:
    """({node: kernel} of dense layers and convolutions, all the rest).

    The taps of a depthwise kernel belong to one map each: no matrix of one layer.
    """
    params, aux = trained
    matrices = {name: leaves['kernel'] for name, leaves in params.items()
                if 'kernel' in leaves and leaves['kernel'].ndim in (2, 4)}
    rest = {name: {part: leaf for part, leaf in leaves.items()
                   if part != 'kernel' or name not in matrices}
            for name, leaves in params.items()}
    return matrices, (rest, aux)
