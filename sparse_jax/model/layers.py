"""Flax layers with traced sizes and optional weight noise.

Each layer holds its weight means (`params`). A pruning method may supply, in the
collection `noise`, what makes the layer stochastic:

    variance      same shape as the kernel: pre-activations are drawn from
                  N(conv(x, mean), conv(x^2, variance)), the local reparametrisation
    group_mean,   [groups]: a Gaussian scale drawn per example for every group:
    group_variance  output channel of a convolution, input element of a dense layer

Without the collection the layer is deterministic.
"""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax import counter_noise, ops
from sparse_jax.native.norm import Moments
from sparse_jax.ops import Node, folding, lowering, windowless, windows
from sparse_jax.ops.dense import element_ids
from sparse_jax.ops.operation import Shape
from sparse_jax.ops.windows import MAX_INPUT_MAPS

Masks = Mapping[str, jax.Array]
Kernel = Callable[..., tuple[jax.Array, Moments]]
"""`lowering.norm` of maps of one size."""

EPSILON = 1e-8
"""Inside the root of the pre-activation variance: its gradient stays finite."""
NORM_EPSILON = 1e-3
MAX_BATCH = 1 << 12
"""Stride of the noise index: no batch may exceed it."""


def _noise_grid(
    seed: jax.Array, shape: Shape, image_size: tuple[int, int]
) -> tuple[jax.Array, Shape, Shape]:
    """(seed, shape, strides) that give every activation noise of its own."""
    if len(shape) == 2:
        return seed, shape, (MAX_BATCH, 1)
    height, width = image_size
    plane = height * width * MAX_BATCH
    strides = (plane, width * MAX_BATCH, MAX_BATCH, 1)
    if plane * MAX_INPUT_MAPS <= 1 << 32:
        return seed, shape, strides
    # The index would wrap and repeat the noise of another map: a seed for each.
    seeds = counter_noise.per_row(seed, shape[0]).reshape(2, -1, 1, 1, 1)
    return seeds, (1, *shape[1:]), strides


class Weighted(nn.Module):
    """The product of one `Node` whose operation has weights, and its bias.

    Attributes:
      node: which operation and its padded sizes.
      fan_shape: padded kernel shape.
      sources: padded shapes of its inputs.
      image_size: (height, width) that no feature map exceeds.
      conv: lowering of the convolution.
      precision: type of what the product reads; kernels, sums and noise are float32.
    """

    node: Node
    fan_shape: Shape
    sources: tuple[Shape, ...]
    image_size: tuple[int, int]
    conv: str = 'patches'
    precision: str = 'float32'

    @nn.compact
    def __call__(
        self, x: jax.Array, valid: Masks, noise_scale: jax.Array | float,
        seed: jax.Array | None,
    ) -> jax.Array:
        """x: [C, H, W, B] or [F, B]; returns the pre-activation.

        seed: [2] uint32 of this layer's weights or noise (`counter_noise`), or None.
        """
        kernel = self.param(
            'kernel', lambda _: self._initial_kernel(seed, valid['kernel']))
        group, variance = self._noise('group_mean'), self._noise('variance')
        if seed is None and not (group is None and variance is None):
            raise ValueError('a network with noise needs a seed')
        weights = ops.weights(self.node)
        by_input = len(self.fan_shape) == 2
        if group is not None and by_input:
            assert seed is not None
            names = element_ids(self.sources, self.image_size)
            index = names[:, None] + np.arange(x.shape[1], dtype=np.uint32)
            x = x * self._draw_scale(group, index, noise_scale, seed)
        kernel = jnp.where(valid['kernel'], kernel, 0.0)
        if variance is not None:
            variance = jnp.where(valid['kernel'], variance, 0.0)
        if self.precision == 'bfloat16':
            x = x.astype(jnp.bfloat16)
        direct = weights.convolves and lowering.uses_direct(self.conv, x, kernel)
        products = windowless.products(self.conv, kernel) if weights.convolves else None
        # Of one window per map folding costs more than it saves.
        folds = (direct or products is not None) and kernel.ndim == 4
        stride = self.node.stride if folds else 1
        if direct:
            y = self._direct(x, kernel, variance, noise_scale, seed, stride)
        else:
            y, square = (self._viewed(x, kernel, variance) if products is None else
                         self._windowless(products, x, kernel, variance))
            if square is not None:
                assert seed is not None
                y = self._perturb(y, square, noise_scale, seed, stride)
        if not folds:
            y = windows.strided(y, self.node.stride)
        if group is not None and not by_input:
            assert seed is not None
            index = counter_noise.indices(
                (y.shape[0], 1, 1, y.shape[-1]), (MAX_BATCH, 1, 1, 1))
            y = y * self._draw_scale(group, index, noise_scale, seed)
        # The shift of a batch norm is the bias; one before it would have no gradient.
        if self.node.biased and not self.node.batch_norm:
            bias = self.param('bias', nn.initializers.zeros, (self.node.channels,))
            bias = jnp.where(valid['bias'], bias, 0.0)
            y = y + bias.reshape((-1,) + (1,) * (y.ndim - 1))
        return y

    def _direct(
        self, x: jax.Array, mean: jax.Array, variance: jax.Array | None,
        noise_scale: jax.Array | float, seed: jax.Array | None, stride: int,
    ) -> jax.Array:
        """The product and, with a variance, its noise in one call.

        With a stride, that of the folded image: no window is computed in vain.
        """
        maps = len(mean)
        x, mean, variance, low = self._folded(x, mean, variance)
        if variance is None or seed is None:
            return lowering.direct_product(x, mean, low)
        seed, shape, strides = self._grid(seed, (maps, 1, 1, 1), stride)
        return lowering.direct_draw(
            x, mean, variance, low, noise_scale=noise_scale,
            seeds=jnp.broadcast_to(seed.reshape(2, -1), (2, maps)),
            # With a seed for each map the index is the same in all of them.
            strides=(strides[0] * (shape[0] == maps), *strides[1:]), epsilon=EPSILON)

    def _windowless(
        self, products: windowless.Products, x: jax.Array, mean: jax.Array,
        variance: jax.Array | None,
    ) -> tuple[jax.Array, jax.Array | None]:
        """(product with the means, of the squares with the variances), without views
        and, with a stride, of the folded image."""
        x, mean, variance, low = self._folded(x, mean, variance)
        if variance is None:
            return products.one(x, mean, low), None
        return products.both(x, mean, variance, low)

    def _viewed(
        self, x: jax.Array, mean: jax.Array, variance: jax.Array | None
    ) -> tuple[jax.Array, jax.Array | None]:
        """(product with the means, of the squares with the variances) of one view."""
        weights = ops.weights(self.node)
        view = weights.view(self.node, x, self.conv)
        centre = weights.product(view, mean)
        if variance is None:
            return centre, None
        return centre, weights.product(jnp.square(view), variance)

    def _folded(
        self, x: jax.Array, mean: jax.Array, variance: jax.Array | None
    ) -> tuple[jax.Array, jax.Array, jax.Array | None, int]:
        """(x, mean, variance, window's smallest side) of windows one pixel apart."""
        stride = self.node.stride
        if stride == 1 or mean.ndim == 3:
            return x, mean, variance, self.node.kernel_low
        x, mean = folding.maps(x, self.node), folding.kernel(mean, stride)
        if variance is not None:
            variance = folding.kernel(variance, stride)
        return x, mean, variance, mean.shape[-1]

    def _perturb(
        self, mean: jax.Array, square: jax.Array, noise_scale: jax.Array | float,
        seed: jax.Array, stride: int,
    ) -> jax.Array:
        """Local reparametrisation (Kingma et al. 2015; Molchanov et al. 2017)."""
        spread = jnp.sqrt(square + EPSILON)
        seed, shape, strides = self._grid(seed, mean.shape, stride)
        noise = counter_noise.fast_normal(seed, counter_noise.indices(shape, strides))
        return mean + noise_scale * spread * noise

    def _grid(
        self, seed: jax.Array, shape: Shape, stride: int
    ) -> tuple[jax.Array, Shape, Shape]:
        """`_noise_grid` of the weights' noise; stride: of the windows that there are.
        A window draws what it draws where there are windows between it and the next."""
        seed, shape, strides = _noise_grid(
            counter_noise.derive(seed, 'weight'), shape, self.image_size)
        if stride > 1:
            maps, rows, columns, images = strides
            strides = maps, stride * rows, stride * columns, images
        return seed, shape, strides

    def _draw_scale(
        self, group_mean: jax.Array, index: jax.Array | np.ndarray,
        noise_scale: jax.Array | float, seed: jax.Array,
    ) -> jax.Array:
        column = (-1,) + (1,) * (index.ndim - 1)
        spread = jnp.sqrt(self._noise('group_variance') + EPSILON).reshape(column)
        noise = counter_noise.fast_normal(counter_noise.derive(seed, 'group'), index)
        return group_mean.reshape(column) + noise_scale * spread * noise

    def _noise(self, name: str) -> Any:
        if self.has_variable('noise', name):
            return self.get_variable('noise', name)
        return None

    def _initial_kernel(self, seed: jax.Array | None, valid: jax.Array) -> jax.Array:
        """He initialisation with the true fan-in, element by element."""
        if seed is None:
            # Flax asks for the shape alone when a trained network is applied.
            return jnp.zeros(self.fan_shape)
        index = ops.weights(self.node).index(
            self.fan_shape, self.sources, self.image_size)
        axes = tuple(range(1, len(self.fan_shape)))
        fan_in = jnp.maximum(valid.sum(axis=axes, keepdims=True), 1)
        values = counter_noise.normal(seed, index)
        scale = jnp.sqrt(2.0 / fan_in.astype(values.dtype))
        return jnp.where(valid, values * scale, 0.0)


class MaskedBatchNorm(nn.Module):
    """Batch normalisation over the true pixels only; [C, H, W, B] or [U, B].

    Running moments live in the collection `batch_stats`. Inputs must be zero outside
    the true pixels; outputs there are not.
    """

    momentum: float = 0.9

    @nn.compact
    def __call__(
        self, x: jax.Array, pixels: jax.Array | int, train: bool,
        kernel: Kernel | None = None,
    ) -> jax.Array:
        """pixels: number of true pixels of one map.

        kernel: in place of what is written here, in training, and of what comes next:
          masks, ReLU and pool.
        """
        count = x.shape[0]
        scale = self.param('scale', nn.initializers.ones, (count,))
        shift = self.param('shift', nn.initializers.zeros, (count,))
        mean = self.variable('batch_stats', 'mean', jnp.zeros, (count,))
        var = self.variable('batch_stats', 'var', jnp.ones, (count,))
        if train and kernel is not None and not self.is_initializing():
            y, (mean.value, var.value) = kernel(
                x, (scale, shift), Moments(mean.value, var.value),
                epsilon=NORM_EPSILON, keep=self.momentum)
            return y
        if train:
            axes = tuple(range(1, x.ndim))
            total = jnp.maximum(pixels * x.shape[-1], 1).astype(x.dtype)
            batch_mean = x.sum(axes) / total
            batch_var = jnp.maximum(
                jnp.square(x).sum(axes) / total - jnp.square(batch_mean), 0.0)
            keep = self.momentum
            if not self.is_initializing():
                mean.value = keep * mean.value + (1 - keep) * batch_mean
                var.value = keep * var.value + (1 - keep) * batch_var
        else:
            batch_mean, batch_var = mean.value, var.value
        column = (-1,) + (1,) * (x.ndim - 1)
        factor = scale * jax.lax.rsqrt(batch_var + NORM_EPSILON)
        offset = shift - batch_mean * factor
        return x * factor.reshape(column) + offset.reshape(column)
