"""Flax layers with traced sizes and optional weight noise.

Each layer holds its weight means (`params`). A pruning method may supply, in the
collection `noise`, what makes the layer stochastic:

    variance      same shape as the kernel: pre-activations are drawn from
                  N(conv(x, mean), conv(x^2, variance)), the local reparametrisation
    group_mean,   [groups]: a Gaussian scale drawn per example for every group:
    group_variance  output channel of a convolution, input element of a dense layer

Without the collection the layer is deterministic.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax import counter_noise
from sparse_jax.ops import lowering
from sparse_jax.space.architecture import Node

EPSILON = 1e-8
"""Inside the root of the pre-activation variance: its gradient stays finite."""
NORM_EPSILON = 1e-3
MAX_INPUT_MAPS = 128
MAX_KERNEL = 5
MAX_BATCH = 1 << 12
"""Strides of the noise index: no padding may exceed these."""


def element_ids(sources: tuple, image_size: tuple[int, int]) -> np.ndarray:
    """[F] uint32: a number for every flattened input that padding does not change.

    The numbers of all sources are different and scattered, so that a row or image
    number can be added to them.
    """
    height, width = image_size
    ids = []
    for position, shape in enumerate(sources):
        strides = (height * width, width, 1)
        grid = sum(
            np.arange(n, dtype=np.uint32).reshape((-1,) + (1,) * (len(shape) - i - 1))
            * np.uint32(strides[i]) for i, n in enumerate(shape))
        ids.append(grid.ravel() + np.uint32(position << 28))
    return counter_noise.scramble(np.concatenate(ids))


def _noise_grid(seed, shape, image_size):
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
    """A convolution, depthwise convolution or dense product of one `Node`.

    Attributes:
      node: which operation and its padded sizes.
      fan_shape: padded kernel shape.
      sources: padded shapes of its inputs.
      image_size: (height, width) that no feature map exceeds.
      how: lowering of the convolution.
    """

    node: Node
    fan_shape: tuple[int, ...]
    sources: tuple[tuple[int, ...], ...]
    image_size: tuple[int, int]
    how: str = 'patches'

    @nn.compact
    def __call__(self, x, valid, noise_scale, seed):
        """x: [C, H, W, B] or [F, B]; returns the pre-activation.

        seed: [2] uint32 of this layer's weights or noise (`counter_noise`), or None.
        """
        kernel = self.param(
            'kernel', lambda _: self._initial_kernel(seed, valid['kernel']))
        group, variance = self._noise('group_mean'), self._noise('variance')
        if seed is None and not (group is None and variance is None):
            raise ValueError("a network with noise needs rngs={'noise': key}")
        is_dense = self.node.op == 'dense'
        if group is not None and is_dense:
            names = element_ids(self.sources, self.image_size)
            index = names[:, None] + np.arange(x.shape[1], dtype=np.uint32)
            x = x * self._draw_scale(group, index, noise_scale, seed)
        view = self._view(x)
        y = self._product(view, jnp.where(valid['kernel'], kernel, 0.0))
        if variance is not None:
            y = self._perturb(view, y, variance, valid['kernel'], noise_scale, seed)
        if group is not None and not is_dense:
            index = counter_noise.indices(
                (y.shape[0], 1, 1, y.shape[-1]), (MAX_BATCH, 1, 1, 1))
            y = y * self._draw_scale(group, index, noise_scale, seed)
        # The shift of a batch norm is the bias; one before it would have no gradient.
        if self.node.biased and not self.node.batch_norm:
            bias = self.param('bias', nn.initializers.zeros, (self.node.channels,))
            bias = jnp.where(valid['bias'], bias, 0.0)
            y = y + bias.reshape((-1,) + (1,) * (y.ndim - 1))
        return y

    def _view(self, x):
        """The input as the products of mean and variance share it."""
        node = self.node
        if node.op == 'dense':
            return x
        if node.op == 'depthwise':
            return lowering.depthwise_view(x, node.kernel, node.kernel_low)
        return lowering.conv_view(x, node.kernel, node.kernel_low, self.how)

    def _product(self, view, kernel):
        if self.node.op == 'dense':
            return kernel @ view
        if self.node.op == 'depthwise':
            return lowering.depthwise_product(view, kernel)
        return lowering.conv_product(view, kernel)

    def _perturb(self, view, mean, variance, valid, noise_scale, seed):
        """Local reparametrisation (Kingma et al. 2015; Molchanov et al. 2017)."""
        variance = jnp.where(valid, variance, 0.0)
        spread = jnp.sqrt(self._product(jnp.square(view), variance) + EPSILON)
        seed = counter_noise.derive(seed, 'weight')
        seed, shape, strides = _noise_grid(seed, mean.shape, self.image_size)
        noise = counter_noise.fast_normal(seed, counter_noise.indices(shape, strides))
        return mean + noise_scale * spread * noise

    def _draw_scale(self, group_mean, index, noise_scale, seed):
        column = (-1,) + (1,) * (index.ndim - 1)
        spread = jnp.sqrt(self._noise('group_variance') + EPSILON).reshape(column)
        noise = counter_noise.fast_normal(counter_noise.derive(seed, 'group'), index)
        return group_mean.reshape(column) + noise_scale * spread * noise

    def _noise(self, name):
        if self.has_variable('noise', name):
            return self.get_variable('noise', name)
        return None

    def _initial_kernel(self, seed, valid):
        """He initialisation with the true fan-in, element by element."""
        if seed is None:
            # Flax asks for the shape alone when a trained network is applied.
            return jnp.zeros(self.fan_shape)
        if self.node.op == 'dense':
            rows = np.arange(self.fan_shape[0], dtype=np.uint32)
            index = rows[:, None] + element_ids(self.sources, self.image_size)
        else:
            taps = (MAX_KERNEL, 1)
            maps = (MAX_INPUT_MAPS * MAX_KERNEL**2,) * (len(self.fan_shape) == 4)
            index = counter_noise.indices(
                self.fan_shape, maps + (MAX_KERNEL**2,) + taps)
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
    def __call__(self, x, pixels, train):
        """pixels: number of true pixels of one map."""
        count = x.shape[0]
        scale = self.param('scale', nn.initializers.ones, (count,))
        shift = self.param('shift', nn.initializers.zeros, (count,))
        mean = self.variable('batch_stats', 'mean', jnp.zeros, (count,))
        var = self.variable('batch_stats', 'var', jnp.ones, (count,))
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
