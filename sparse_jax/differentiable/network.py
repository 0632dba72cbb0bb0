"""The relaxed network: all networks of a template with one set of weights.

Every convolution has its largest width and window; masks that are expectations over
the decisions take the rest away (FBNetV2, Wan et al., 2020). At one-hot decisions it is
the network that they stand for, weight by weight.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.geometry import Geometry, Passage
from sparse_jax.differentiable.template import KERNELS, Decisions, Template
from sparse_jax.ops import lowering
from sparse_jax.ops.product import product

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
    """[O]."""
    taps: jax.Array | None = None
    """[C, 5, 5] the first half of a separable layer; None of others."""


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
        found.append(Linear(kernel, jnp.zeros(widest), taps))
        maps = widest
    read = maps * height * width
    for key_layer, out in zip(keys[-2:], (template.units[-1], template.num_classes)):
        if out:
            found.append(Linear(
                _uniform(key_layer, (out, read), min(read, 4 * height * width)),
                jnp.zeros(out)))
            read = out
    return tuple(found)


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
            x = _pooled(x, choice.pool[k, 1], sizes.pooled[k])
    x = x.reshape(-1, x.shape[-1])
    if template.head:
        mask = (np.arange(template.units[-1])[:, None] < np.array(template.units)
                ).astype(np.float32)
        x = jax.nn.relu(product(params[-2].kernel, x) + params[-2].bias[:, None])
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
    y = jax.nn.relu(y + layer.bias[:, None, None, None])
    grid = np.array(template.widths)
    masks = (np.arange(grid[-1])[:, None] < grid).astype(np.float32)
    return y * (masks @ choice.width[i])[:, None, None, None] * pixels


def _convolved(x: jax.Array, kernel: jax.Array, conv: str) -> jax.Array:
    """A window in the top left corner of the largest one; as many pixels as x has."""
    if lowering.uses_direct(conv, x, kernel):
        return lowering.direct_product(x, kernel, 1)
    if kernel.ndim == 3:
        return lowering.depthwise_product(
            lowering.depthwise_view(x, _LARGEST, 1), kernel)
    return lowering.conv_product(lowering.conv_view(x, _LARGEST, 1, conv), kernel)


def _pooled(x: jax.Array, pools: jax.Array, pixels: jax.Array) -> jax.Array:
    """x with its pool mixed in as far as there is one."""
    half = _small(x, 2, x.shape[1:3])
    return pools * half * pixels[None, :, :, None] + (1.0 - pools) * x


def _image(images: jax.Array, choice: Decisions, template: Template) -> jax.Array:
    """The image at all rates and depths, mixed, on the canvas."""
    squeezed = images.max(axis=0, keepdims=True)
    squeezed = jnp.pad(squeezed, ((0, len(images) - 1), (0, 0), (0, 0), (0, 0)))
    images = choice.squeeze[0] * images + choice.squeeze[1] * squeezed
    parts = [share * _small(images, rate, template.canvas)
             for share, rate in zip(choice.rate, template.rates, strict=True)]
    return functools.reduce(jnp.add, parts)


def _small(x: jax.Array, rate: int, sides: tuple[int, ...]) -> jax.Array:
    """x after a pool, with zeros up to (height, width)."""
    small = lowering.max_pool(x, rate)
    down, across = (n - m for n, m in zip(sides, small.shape[1:3]))
    return jnp.pad(small, ((0, 0), (0, down), (0, across), (0, 0)))


def _uniform(key: jax.Array, shape: tuple[int, ...], fan_in: int) -> jax.Array:
    bound = np.sqrt(6.0 / fan_in)
    return jax.random.uniform(key, shape, jnp.float32, -bound, bound)
