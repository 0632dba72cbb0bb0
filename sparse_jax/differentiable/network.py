"""The relaxed network: all networks of a template with one set of weights.

Every convolution has its largest width and window; masks that are expectations over
the decisions take the rest away (FBNetV2, Wan et al., 2020). At one-hot decisions it is
the network that they stand for, weight by weight.
"""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable import heads, skips
from sparse_jax.differentiable.geometry import End, Geometry, Passage
from sparse_jax.differentiable.linear import Linear, shifted, uniform
from sparse_jax.differentiable.skips import Skip
from sparse_jax.differentiable.template import (
    KERNELS,
    PLAIN_POOLS,
    TYPES,
    Decisions,
    Template,
    stride_of,
    types_of,
)
from sparse_jax.ops import lowering, windowless
from sparse_jax.ops.product import product
from sparse_jax.space.architecture import POOL
from sparse_jax.space.layer_types import LAYER_TYPES

_LARGEST = max(KERNELS)
_SIDES = np.arange(_LARGEST)[None] < np.array(KERNELS)[:, None]
_TAPS = (_SIDES[:, :, None] & _SIDES[:, None]).astype(np.float32)
"""[4, 5, 5] the taps of every window."""


def init(key: jax.Array, template: Template) -> tuple[Linear, ...]:
    """Fresh weights of `Template.operations`, the fully connected layers and the
    classifier last: uniform with the variance 2 / fan-in of a window of 3."""
    number = len(template.operations)
    keys = jax.random.split(key, number + heads.layers(template))
    found = [_fresh(one, kind, template.widths[-1] if i else template.input_shape[2],
                    template)
             for one, (i, kind) in zip(keys, template.operations)]
    return (*found, *heads.init(keys[number:], template))


def _fresh(key: jax.Array, kind: str, maps: int, template: Template) -> Linear:
    """Weights of a layer of this type, which reads so many maps."""
    key_kernel, key_first = jax.random.split(key)
    widest, taps, reduce = template.widths[-1], None, None
    if kind == TYPES['s']:
        taps = uniform(key_first, (maps, _LARGEST, _LARGEST), 9)
        kernel = uniform(key_kernel, (widest, maps), maps)
    else:
        if LAYER_TYPES[kind].reduces:
            left = template.reduced[-1]
            reduce, maps = uniform(key_first, (left, maps), maps), left
        kernel = uniform(key_kernel, (widest, maps, _LARGEST, _LARGEST), 9 * maps)
    return Linear(kernel, jnp.zeros(widest), taps,
                  jnp.ones(widest) if template.norm else None, reduce)


def products(template: Template) -> int:
    """Multiply-accumulates of the relaxed network for one image."""
    params = jax.eval_shape(
        functools.partial(init, template=template), jax.random.key(0))
    pixels, layers = math.prod(template.canvas), len(template.operations)
    sizes = [sum(leaf.size for leaf in (layer.kernel, layer.taps, layer.reduce)
                 if leaf is not None) for layer in params]
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
    x = entering = _image(images, choice, template)
    sources = {heads.RIGHT: x}
    for i, passage in enumerate(sizes.passages):
        y = _typed(params, choice, i, (x, passage), template, conv)
        there = choice.exists[i, 1]
        # What can be left out reads as many maps as it writes.
        x = y if y.shape != x.shape else there * y + (1.0 - there) * x
        if i + 1 in template.ends:
            k = template.ends.index(i + 1)
            x = _sum(x, entering, (k, sizes.ends[k].skip), choice, template)
            x = entering = _pooled(x, choice.pool[k], sizes.ends[k], template.pools)
            sources.setdefault(heads.LEFT, x)
    return heads.apply(params[len(template.operations):], choice,
                       sources | {heads.MAIN: x}, template)


def _typed(
    params: tuple[Linear, ...], choice: Decisions, i: int,
    source: tuple[jax.Array, Passage], template: Template, conv: str,
) -> jax.Array:
    """What layer i writes where it is there: of all its types, mixed."""
    x, passage = source
    parts = [_layer(params[template.operations.index((i, kind))], choice, i,
                    (x, passage.of(kind)), template, conv) * share
             for kind, share in types_of(choice, i, template)]
    return functools.reduce(jnp.add, parts)


def _layer(
    layer: Linear, choice: Decisions, i: int, source: tuple[jax.Array, Passage],
    template: Template, conv: str,
) -> jax.Array:
    """The same with these weights; source = (what it reads, its sizes)."""
    x, passage = source
    pixels = passage.pixels[None, :, :, None]
    taps = jnp.tensordot(choice.kernel[i], _TAPS, 1)
    if layer.reduce is not None and passage.reduction is not None:
        x = product(layer.reduce, x.reshape(len(x), -1)).reshape(-1, *x.shape[1:])
        x = x * passage.reduction.maps[:, None, None, None]
    if layer.taps is not None:
        x = _convolved(x, layer.taps * taps, conv) * pixels
        y = product(layer.kernel, x.reshape(len(x), -1)).reshape(-1, *x.shape[1:])
    else:
        y = _convolved(x, layer.kernel * taps, conv)
    stride = stride_of(choice, i, template)
    y = jax.nn.relu(shifted(y, layer, _left(passage.pixels, stride, template)))
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


def _every(y: jax.Array, stride: int) -> jax.Array:
    """Every so many pixels of y, in the top left corner of as many as y has."""
    if stride == 1:
        return y
    return _small(y[:, ::stride, ::stride], y.shape[1:3])


def _convolved(x: jax.Array, kernel: jax.Array, conv: str) -> jax.Array:
    """A window in the top left corner of the largest one; as many pixels as x has."""
    if lowering.uses_direct(conv, x, kernel):
        return lowering.direct_product(x, kernel, 1)
    products = windowless.products(conv, kernel)
    if products is not None:
        return products.one(x, kernel, 1)
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


def _sum(
    x: jax.Array, entering: jax.Array, block: tuple[int, Skip | None],
    choice: Decisions, template: Template,
) -> jax.Array:
    """x with what enters a block added as far as that is residual."""
    k, skip = block
    if skip is None:
        return x
    places, _ = skips.corners(template, k)
    middle = functools.reduce(jnp.add, (
        _small(entering[:, top:, left:], x.shape[1:3]) * share[None, :, :, None]
        for (top, left), share in zip(places, skip.pixels, strict=True)))
    middle = jnp.pad(middle, ((0, len(x) - len(middle)), (0, 0), (0, 0), (0, 0)))
    return x + choice.residual[k, 1] * middle


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
