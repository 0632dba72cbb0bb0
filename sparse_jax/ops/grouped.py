"""Convolutions in groups by `jax.lax`, without windows: for accelerators.

Groups have inputs and kernels of their own: the mean and the variance of a noisy
layer, the maps of a depthwise one, and under `jax.vmap` the candidates, all in one.
It reads its input once and writes its output once, and so do both gradients. Each of
them is in the form that XLA hands to a library for GPUs: the gradient to kernels has
groups of the batch, which `jax.vmap` of JAX's own rule would make groups of features, a
convolution with windows as large as the image.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from sparse_jax.ops.lowering import padded
from sparse_jax.ops.product import operand, sums

Function = Callable[[jax.Array, jax.Array], jax.Array]

AXES = ('CHWN', 'OIHW', 'CHWN')
"""Of activations, kernels and results, once groups are a part of the maps."""


def product(x: jax.Array, kernel: jax.Array, low: int) -> jax.Array:
    """Convolution of stride 1.

    Args:
      x: [C, H, W, B]; its type is that of the products, sums are float32.
      kernel: [O, C, k, k], or [C, k, k] of a depthwise convolution.
      low: the window's smallest true size, as for `lowering.conv_view`.

    Returns:
      [O, H - low + 1, W - low + 1, B], float32.
    """
    return _products(padded(x, kernel.shape[-1] - low)[None], kernel[None])[0]


def both_products(
    x: jax.Array, mean: jax.Array, variance: jax.Array, low: int
) -> tuple[jax.Array, jax.Array]:
    """Of x with the means and of its squares with the variances, in one convolution.

    Args, Returns: as for `product`, twice.
    """
    x = padded(x, mean.shape[-1] - low)
    centre, square = _products(
        jnp.stack([x, jnp.square(x)]), jnp.stack([mean, variance]))
    return centre, square


@jax.custom_vjp
def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """VALID convolution of every group; differentiated once in reverse.

    Args:
      x: [G, C, H, W, B]; its type is that of the products.
      kernel: [G, O, C, k, k].

    Returns:
      [G, O, H - k + 1, W - k + 1, B], float32.
    """
    return _correlate(x, operand(kernel, x))


def _forward(x: jax.Array, kernel: jax.Array) -> tuple:
    return convolve(x, kernel), (x, kernel)


def _backward(residuals: tuple, gradient: jax.Array) -> tuple:
    x, kernel = residuals
    gradient = operand(gradient, x)
    flipped = operand(kernel, x)[..., ::-1, ::-1]
    return (_input_gradient(gradient, flipped).astype(x.dtype),
            _kernel_gradient(x, gradient).astype(kernel.dtype))


convolve.defvjp(_forward, _backward)


def _products(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """[S, C, H, W, B] and [S, O, C, k, k], or [S, C, k, k] -> [S, O, H', W', B]."""
    if kernel.ndim == 5:
        return convolve(x, kernel)
    # Every map is a group.
    apart = x.reshape(-1, 1, *x.shape[2:])
    y = convolve(apart, kernel.reshape(-1, 1, 1, *kernel.shape[-2:]))
    return y.reshape(*x.shape[:2], *y.shape[2:])


def _conv(
    x: jax.Array, kernel: jax.Array, axes: tuple[str, str, str], margin: int = 0, *,
    maps: int = 1, batches: int = 1,
) -> jax.Array:
    """With so many groups of maps, or of the batch."""
    return jax.lax.conv_general_dilated(
        x, kernel, (1, 1), ((margin, margin),) * 2, dimension_numbers=axes,
        feature_group_count=maps, batch_group_count=batches,
        preferred_element_type=sums(x, kernel))


def _merged(array: jax.Array) -> jax.Array:
    """[A, B, ...] -> [A B, ...]."""
    return array.reshape(-1, *array.shape[2:])


def _correlate_groups(x: jax.Array, kernel: jax.Array) -> jax.Array:
    groups = len(x)
    y = _conv(_merged(x), _merged(kernel), AXES, maps=groups)
    return y.reshape(groups, -1, *y.shape[1:])


def _input_gradient_groups(gradient: jax.Array, flipped: jax.Array) -> jax.Array:
    """Of [G, O, H', W', B] and flipped kernels [G, O, C, k, k] -> [G, C, H, W, B]."""
    groups, side = len(flipped), flipped.shape[-1]
    kernel = _merged(flipped.swapaxes(1, 2))
    y = _conv(_merged(gradient), kernel, AXES, side - 1, maps=groups)
    return y.reshape(groups, -1, *y.shape[1:])


def _kernel_gradient_groups(x: jax.Array, gradient: jax.Array) -> jax.Array:
    """Of [G, C, H, W, B] and [G, O, H', W', B] -> [G, O, C, k, k].

    The batch is what is summed over; maps are the batch of this convolution.
    """
    groups = len(x)
    y = _conv(_merged(x), _merged(gradient), ('NHWC', 'OHWI', 'CNHW'),
              batches=groups)
    return y.reshape(groups, -1, *y.shape[1:])


def _mapped(function: Function, *, shares_first: bool) -> Function:
    """`function` with a rule for `jax.vmap`: what is mapped becomes groups.

    shares_first: whether the first operand may be one for all, as the images of the
      first layer are: the others' maps are then put one behind another, in place of
      a copy of it for each.
    """
    mapped = jax.custom_batching.custom_vmap(function)

    def rule(size: int, is_mapped: list[bool], first: jax.Array, second: jax.Array
             ) -> tuple[jax.Array, bool]:
        if shares_first and not is_mapped[0]:
            groups = second.shape[1]
            together = second.swapaxes(0, 1).reshape(groups, -1, *second.shape[3:])
            y = mapped(first, together)
            return y.reshape(groups, size, -1, *y.shape[2:]).swapaxes(0, 1), True
        first, second = (
            _merged(a if own else jnp.broadcast_to(a, (size, *a.shape)))
            for a, own in zip((first, second), is_mapped))
        y = mapped(first, second)
        return y.reshape(size, -1, *y.shape[1:]), True

    mapped.def_vmap(rule)
    return mapped


_correlate = _mapped(_correlate_groups, shares_first=True)
_input_gradient = _mapped(_input_gradient_groups, shares_first=False)
_kernel_gradient = _mapped(_kernel_gradient_groups, shares_first=True)
