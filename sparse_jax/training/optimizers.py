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
import numpy as np
import optax

from sparse_jax.ops.arrays import library_of
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
Kernels = dict[str, jax.Array]
"""{node: its kernel}, or what goes with it."""


class MuonState(NamedTuple):
    """What Muon remembers."""

    adam: optax.OptState
    """Of all that is no matrix."""
    momentum: dict[str, jax.Array]
    """{node: sum of the kernel's gradients}."""
    lengths: dict[str, jax.Array]
    """{node: [] of the direction of its kernel}, see `lengths_of`."""


def optimizer(
    config: TrainConfig, valid: Tree | None = None
) -> optax.GradientTransformation:
    """Directions of (params, aux), without their rate, which is traced and differs
    between candidates.

    Args:
      config: its `optimizer` and `clip_norm`.
      valid: {node: {'kernel', ...}} masks of the weights that exist, which the start of
        Muon takes the sizes of its matrices from; None where there is no padding.
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
        return MuonState(others.init(rest), jax.tree.map(jnp.zeros_like, matrices),
                         lengths_of(matrices, valid))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        matrices, rest = _split(updates)
        directions: Any
        directions, adam = others.update(rest, state.adam)
        params, aux = directions
        momentum = jax.tree.map(
            lambda old, new: MOMENTUM * old + new, state.momentum, matrices)
        ahead = {name: MOMENTUM * momentum[name] + gradient
                 for name, gradient in matrices.items()}
        for name, kernel in directions_of(ahead, state.lengths).items():
            params[name] = {**params[name], 'kernel': kernel}
        return (params, aux), MuonState(adam, momentum, state.lengths)

    return optax.GradientTransformation(init, update)


def lengths_of(kernels: Kernels, valid: Tree | None = None) -> Kernels:
    """{node: [] float32} what a matrix of equal singular values is multiplied by: its
    root mean square is `LENGTH` then, where all of them are 1.

    Args:
      kernels: {node: [O, ...]}, of which the shapes count.
      valid: {node: {'kernel', ...}} masks of the weights that exist: padding changes no
        length. Arrays of the host give numbers of the host.
    """
    found = {}
    for name, leaf in kernels.items():
        exists: Any = np.ones(leaf.shape, bool) if valid is None else (
            valid[name]['kernel'])
        exists, library = exists.reshape(len(exists), -1), library_of(exists)
        longest = library.maximum(exists.any(1).sum(), exists.any(0).sum())
        found[name] = LENGTH * library.sqrt(longest.astype(np.float32))
    return found


def directions_of(momenta: Kernels, lengths: Kernels) -> Kernels:
    """The momenta of kernels with equal singular values.

    Args:
      momenta: {node: [O, ...]}, matrices of one row per output; 0 where nothing exists.
      lengths: of these kernels, by `lengths_of`.
    """
    matrices = {name: leaf.reshape(leaf.shape[0], -1) for name, leaf in momenta.items()}
    return {name: (flat * lengths[name]).reshape(momenta[name].shape)
            for name, flat in orthogonal(matrices).items()}


def orthogonal(matrices: Kernels) -> Kernels:
    """Matrices of the same singular vectors, with singular values of 0.7 to 1.2; zeros
    of zero matrices. By Newton-Schulz iterations: products alone.

    One loop for all of them, which is compiled once and not once per iteration.
    """
    wide = {name: x if x.shape[0] <= x.shape[1] else x.T
            for name, x in matrices.items()}
    first = {name: x * jax.lax.rsqrt((x * x).sum() + TINY) for name, x in wide.items()}
    last, _ = jax.lax.scan(
        lambda found, _: (jax.tree.map(_iterated, found), None), first,
        length=ITERATIONS)
    return {name: x if x.shape == matrices[name].shape else x.T
            for name, x in last.items()}


def _iterated(x: jax.Array) -> jax.Array:
    a, b, c = QUINTIC
    gram = _gram(x)
    return a * x + (b * gram + c * gram @ gram) @ x


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
