"""The relaxed network: all networks of a template with one set of weights.

Every convolution has its largest width and window; masks that are expectations over
the decisions take the rest away (FBNetV2, Wan et al., 2020). At one-hot decisions it is
the network that they stand for, weight by weight.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.geometry import End, Geometry, Passage
from sparse_jax.differentiable.template import (
    KERNELS,
    PLAIN_POOLS,
    Decisions,
    Template,
    stride_of,
)
from sparse_jax.model.layers import NORM_EPSILON
from sparse_jax.ops import grouped, lowering
from sparse_jax.ops.product import product
from sparse_jax.space.architecture import POOL

_LARGEST = max(KERNELS)
_SIDES = np.arange(_LARGEST)[None] < np.array(KERNELS)[:, None]
_TAPS = (_SIDES[:, :, None] & _SIDES[:, None]).astype(np.float32)
"""[4, 5, 5] the taps of every window."""


class Linear(NamedTuple):
    """Weights of one layer."""

    kernel: jax.Array
    """[O, C, 5, 5], [O, F] of what reads flattened maps; [O, C] of the second half of a
    separable layer."""
    bias: jax.Array
    """[O]; the shift of a batch norm."""
    taps: jax.Array | None = None
    """[C, 5, 5] the first half of a separable layer; None of others."""
    scale: jax.Array | None = None
    """[O] of the batch norm; None where there is none."""


def init(key: jax.Array, template: Template) -> tuple[Linear, ...]:
    """Fresh weights of all layers, the fully connected one if there is one, and the
    classifier: uniform with the variance 2 / fan-in of a window of 3."""
    (height, width), (*_, maps) = template.canvas, template.input_shape
    widest, found = template.widths[-1], []
    keys = jax.random.split(key, len(template.layers) + 2)
    for key_layer, kind in zip(keys, template.layers):
        key_kernel, key_taps = jax.random.split(key_layer)
        whole = kind == 'Conv2D'
        shape = (widest, maps, _LARGEST, _LARGEST) if whole else (widest, maps)
        kernel = _uniform(key_kernel, shape, 9 * maps if whole else maps)
        taps = None if whole else _uniform(key_taps, (maps, _LARGEST, _LARGEST), 9)
        scale = jnp.ones(widest) if template.norm else None
        found.append(Linear(kernel, jnp.zeros(widest), taps, scale))
        maps = widest
    read = maps * height * width
    units = template.units[-1]
    for key_layer, out, norm in zip(
            keys[-2:], (units, template.num_classes), (template.norm, False)):
        if out:
            found.append(Linear(
                _uniform(key_layer, (out, read), min(read, 4 * height * width)),
                jnp.zeros(out), scale=jnp.ones(out) if norm else None))
            read = out
    return tuple(found)


def products(template: Template) -> int:
    """Multiply-accumulates of the relaxed network for one image."""
    params = jax.eval_shape(
        functools.partial(init, template=template), jax.random.key(0))
    pixels, layers = math.prod(template.canvas), len(template.layers)
    sizes = [sum(leaf.size for leaf in (layer.kernel, layer.taps) if leaf is not None)
             for layer in params]
    return pixels * sum(sizes[:layers]) + sum(sizes[layers:])


def apply(
    params: tuple[Linear, ...], choice: Decisions, sizes: Geometry, images: jax.Array,
    *, template: Template, conv: str,
) -> jax.Array:
    """Logits [classes, B] of images [C, H, W, B].

    Args:
      params: of `init`.
      choice: shares of every decision.
      sizes: their `geometry`.
      images: normalised, at full resolution.
      template: the family; static.
      conv: lowering of convolutions, see `ops.lowering`; static.
    """
    x = _image(images, choice, template)
    for i, passage in enumerate(sizes.passages):
        y = _layer(params[i], choice, i, (x, passage), template, conv)
        there = choice.exists[i, 1]
        # What can be left out reads as many maps as it writes.
        x = y if y.shape != x.shape else there * y + (1.0 - there) * x
        if i + 1 in template.ends:
            k = template.ends.index(i + 1)
            x = _pooled(x, choice.pool[k], sizes.ends[k], template.pools)
    x = x.reshape(-1, x.shape[-1])
    if template.head:
        mask = (np.arange(template.units[-1])[:, None] < np.array(template.units)
                ).astype(np.float32)
        x = jax.nn.relu(_shifted(
            product(params[-2].kernel, x)[:, None, None], params[-2],
            jnp.ones((1, 1)))[:, 0, 0])
        x = x * (mask @ choice.units)[:, None]
    return product(params[-1].kernel, x) + params[-1].bias[:, None]


def _layer(
    layer: Linear, choice: Decisions, i: int, source: tuple[jax.Array, Passage],
    template: Template, conv: str,
) -> jax.Array:
    """What layer i writes where it is there; source = (what it reads, its sizes)."""
    x, passage = source
    pixels = passage.pixels[None, :, :, None]
    taps = jnp.tensordot(choice.kernel[i], _TAPS, 1)
    if layer.taps is not None:
        x = _convolved(x, layer.taps * taps, conv) * pixels
        y = product(layer.kernel, x.reshape(len(x), -1)).reshape(-1, *x.shape[1:])
    else:
        y = _convolved(x, layer.kernel * taps, conv)
    stride = stride_of(choice, i, template)
    y = jax.nn.relu(_shifted(y, layer, _left(passage.pixels, stride, template)))
    grid = np.array(template.widths)
    masks = (np.arange(grid[-1])[:, None] < grid).astype(np.float32)
    y = y * (masks @ choice.width[i])[:, None, None, None] * pixels
    if stride is None:
        return y
    parts = zip(stride, template.strides, strict=True)
    return functools.reduce(jnp.add, (share * _every(y, n) for share, n in parts))


def _left(
    pixels: jax.Array, stride: jax.Array | np.ndarray | None, template: Template
) -> jax.Array:
    """[H, W] how much a pixel counts in the moments of a map: of those that a stride
    leaves all as much, 1 in all."""
    share = lambda weights: weights / jnp.maximum(weights.sum(), 1e-6)
    if stride is None:
        return share(pixels)
    rows, columns = map(np.arange, pixels.shape)
    left = [(rows[:, None] % n == 0) & (columns % n == 0) for n in template.strides]
    return functools.reduce(jnp.add, (
        part * share(pixels * kept) for part, kept in zip(stride, left)))


def _shifted(y: jax.Array, layer: Linear, weights: jax.Array) -> jax.Array:
    """y [O, H, W, B] after the bias or the batch norm of its layer, whose moments have
    these weights [H, W] of pixels."""
    column = lambda values: values[:, None, None, None]
    if layer.scale is None:
        return y + column(layer.bias)
    mean = jnp.einsum('ohwb,hw->o', y, weights) / y.shape[-1]
    square = jnp.einsum('ohwb,hw->o', jnp.square(y), weights) / y.shape[-1]
    variance = jnp.maximum(square - jnp.square(mean), 0.0)
    factor = layer.scale * jax.lax.rsqrt(variance + NORM_EPSILON)
    return y * column(factor) + column(layer.bias - mean * factor)


def _every(y: jax.Array, stride: int) -> jax.Array:
    """Every so many pixels of y, in the top left corner of as many as y has."""
    if stride == 1:
        return y
    return _small(y[:, ::stride, ::stride], y.shape[1:3])


def _convolved(x: jax.Array, kernel: jax.Array, conv: str) -> jax.Array:
    """A window in the top left corner of the largest one; as many pixels as x has."""
    if lowering.uses_direct(conv, x, kernel):
        return lowering.direct_product(x, kernel, 1)
    if lowering.uses_groups(conv, kernel):
        return grouped.product(x, kernel, 1)
    if kernel.ndim == 3:
        return lowering.depthwise_product(
            lowering.depthwise_view(x, _LARGEST, 1), kernel)
    return lowering.conv_product(lowering.conv_view(x, _LARGEST, 1, conv), kernel)


def _pooled(
    x: jax.Array, choice: jax.Array, end: End, pools: tuple[str, ...]
) -> jax.Array:
    """x with all pools mixed in as far as they are there."""
    found = 0.0
    for p, pool in enumerate(pools):
        y = _small(_POOLS[pool](x), x.shape[1:3])
        if pool not in PLAIN_POOLS:
            y = y * end.shares[p]
        if pool:
            y = y * end.pixels[p][None, :, :, None]
        found += choice[p] * y
    return jnp.asarray(found)


def _summed(x: jax.Array, size: int) -> jax.Array:
    """Sums of size x size / size windows, of the last ones what there is of them."""
    down, across = (-side % size for side in x.shape[1:3])
    x = jnp.pad(x, ((0, 0), (0, down), (0, across), (0, 0)))
    return functools.reduce(jnp.add, (
        x[:, i::size, j::size] for i in range(size) for j in range(size)))


_POOLS: dict[str, Callable[[jax.Array], jax.Array]] = {
    '': lambda x: x,
    'max': functools.partial(lowering.max_pool, size=POOL),
    'average': functools.partial(_summed, size=POOL),
    'global': lambda x: x.sum((1, 2), keepdims=True)}
"""Of a map that is 0 outside of its pixels: the maximum of every window, or its sum."""


def _image(images: jax.Array, choice: Decisions, template: Template) -> jax.Array:
    """The image at all rates and depths, mixed, on the canvas."""
    squeezed = images.max(axis=0, keepdims=True)
    squeezed = jnp.pad(squeezed, ((0, len(images) - 1), (0, 0), (0, 0), (0, 0)))
    images = choice.squeeze[0] * images + choice.squeeze[1] * squeezed
    small = _mean if template.averaged else lowering.max_pool
    parts = [share * _small(small(images, rate), template.canvas)
             for share, rate in zip(choice.rate, template.rates, strict=True)]
    return functools.reduce(jnp.add, parts)


def _mean(x: jax.Array, size: int) -> jax.Array:
    """size x size / size VALID means."""
    height, width = (side // size * size for side in x.shape[1:3])
    return _summed(x[:, :height, :width], size) / size**2


def _small(x: jax.Array, sides: tuple[int, ...]) -> jax.Array:
    """x with zeros up to (height, width)."""
    down, across = (n - m for n, m in zip(sides, x.shape[1:3]))
    return jnp.pad(x, ((0, 0), (0, down), (0, across), (0, 0)))


def _uniform(key: jax.Array, shape: tuple[int, ...], fan_in: int) -> jax.Array:
    bound = np.sqrt(6.0 / fan_in)
    return jax.random.uniform(key, shape, jnp.float32, -bound, bound)
