"""The network of a skeleton in Flax: a pure function of graph and candidate."""

import functools
from collections.abc import Mapping
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax import counter_noise, ops
from sparse_jax.model import sizes
from sparse_jax.model.layers import MaskedBatchNorm, Weighted
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.ops import Node, Size, lowering
from sparse_jax.ops.operation import Shapes
from sparse_jax.ops.size import spatial_mask
from sparse_jax.space.architecture import Graph


class SparseNet(nn.Module):
    """Interprets a skeleton's graph for one candidate.

    Collections: `params` (weight means), `noise` (optional, see `model.layers`),
    `batch_stats` (running moments of batch norm).

    Attributes:
      skeleton: the network in padded sizes.
      conv: form of convolutions, see `ops.lowering`.
      precision: 'float32', or 'bfloat16' for what products read; they sum in float32.
    """

    skeleton: Skeleton
    conv: str = 'patches'
    precision: str = 'float32'

    @nn.compact
    def __call__(
        self, candidate: Candidate, x: jax.Array, *,
        noise_scale: jax.Array | float = 1.0, train: bool = False,
        valid: dict[str, dict[str, jax.Array]] | None = None,
        seed: jax.Array | None = None,
    ) -> jax.Array:
        """Images [C, H, W, B], down-sampled and normalised -> logits [classes, B].

        `valid` is `sizes.valid_weights` of the candidate, where the caller has it;
        `seed` [2] that of the noise (`counter_noise`), needed with that collection.
        """
        graph = self.skeleton.graph
        shapes = graph.shapes()
        true = sizes.true_sizes(self.skeleton, candidate)
        if valid is None:
            valid = sizes.valid_weights(self.skeleton, candidate)
        fixed = sizes.static_spatial(graph)
        if self.is_initializing():
            seed = counter_noise.seeds(self.make_rng('params'))
        tensors = {'input': x}
        for i, node in enumerate(graph.nodes):
            inputs = [tensors[name] for name in node.inputs]
            y = self._output(node, shapes, true, inputs, (valid, noise_scale, seed))
            whole, size = fixed[node.name], true.outputs[node.name]
            at_once = node.batch_norm and train and lowering.uses_norm(self.conv, y)
            if at_once:
                y = self._normalise_at_once(node, y, size)
            else:
                if node.batch_norm:
                    y = self._normalise(node, y, size, whole, train)
                    y = jnp.where(_channel_mask(candidate.channels[i], y), y, 0.0)
                y = lowering.relu_pool(
                    y, node.pool, relu=node.relu, conv=self.conv)
            if not whole and not at_once:
                mask = spatial_mask(true.tensors[node.name], shapes[node.name])
                y = jnp.where(mask, y, 0.0)
            tensors[node.name] = y
        return tensors[graph.nodes[-1].name]

    def _output(
        self, node: Node, shapes: Shapes, true: sizes.Sizes,
        inputs: list[jax.Array], drawing: tuple,
    ) -> jax.Array:
        """A node's operation on its inputs; drawing = (valid, noise scale, seed)."""
        operation = ops.find(node.op)
        if operation.combination is not None:
            return operation.combination.combine(
                node, inputs, [true.tensors[name] for name in node.inputs],
                true.outputs[node.name])
        valid, noise_scale, seed = drawing
        weights = ops.weights(node)
        layer = Weighted(
            node, weights.shape(node, shapes), tuple(shapes[t] for t in node.inputs),
            self.skeleton.graph.image_shape()[1:], self.conv, self.precision,
            name=node.name)
        own = None if seed is None else counter_noise.derive(seed, node.name)
        return layer(weights.read(inputs), valid[node.name], noise_scale, own)

    def _normalise(
        self, node: Node, y: jax.Array, size: Size, whole: bool, train: bool
    ) -> jax.Array:
        norm = MaskedBatchNorm(name=f'{node.name}-norm')
        if not whole:
            y = jnp.where(spatial_mask(size, y.shape[:3]), y, 0.0)
        return norm(y, size.height * size.width, train)

    def _normalise_at_once(self, node: Node, y: jax.Array, size: Size) -> jax.Array:
        """Batch norm, ReLU, pool and the masks of maps and pixels in one call."""
        kernel = functools.partial(
            lowering.norm, size=size, relu=node.relu, pool=node.pool)
        return MaskedBatchNorm(name=f'{node.name}-norm')(y, 0, True, kernel)


def init(key: jax.Array, skeleton: Skeleton, candidate: Candidate) -> dict:
    """Fresh variables {'params', 'batch_stats'?}; no padding changes a true weight."""
    x = jnp.zeros((*skeleton.graph.image_shape(), 1))
    return dict(SparseNet(skeleton).init(key, candidate, x))


def seed_of(key: jax.Array) -> jax.Array:
    """[2] uint32, the seed (`counter_noise`) of the weights that `init` draws of a key,
    whatever the network."""
    return jnp.asarray(_Seed().init_with_output(key)[0])


def host_init(
    seed: np.ndarray, skeleton: Skeleton, valid: Mapping[str, Mapping[str, np.ndarray]],
) -> dict[str, dict]:
    """`init` by NumPy: nothing is traced, values differ in their last digits.

    Args:
      seed: [2] uint32 of `seed_of` the key.
      skeleton: the padded network.
      valid: `sizes.valid_weights` of the candidate on the host.
    """
    graph, shapes = skeleton.graph, skeleton.graph.shapes()
    start = {'kernel': 0.0, 'bias': 0.0, 'scale': 1.0, 'shift': 0.0, 'mean': 0.0,
             'var': 1.0}
    fresh: dict[str, dict] = {
        kind: {name: {part: np.full(leaf.shape, start[part], leaf.dtype)
                      for part, leaf in leaves.items()}
               for name, leaves in tree.items()}
        for kind, tree in abstract(skeleton).items()}
    for node in graph.weighted_nodes:
        leaf, mask = fresh['params'][node.name], valid[node.name]['kernel']
        index = ops.weights(node).index(
            mask.shape, tuple(shapes[t] for t in node.inputs), graph.image_shape()[1:],
            True)
        own = np.asarray(counter_noise.derive(cast(jax.Array, seed), node.name))
        fan_in = np.maximum(mask.sum(tuple(range(1, mask.ndim)), keepdims=True), 1)
        scale = np.sqrt(2.0 / fan_in.astype(np.float32))
        drawn = counter_noise.host_normal(own, np.asarray(index))
        leaf['kernel'] = np.where(mask, drawn * scale, np.float32(0.0))
    return fresh


class _Seed(nn.Module):
    """The randomness of a network's weights without the network."""

    @nn.compact
    def __call__(self) -> jax.Array:
        return counter_noise.seeds(self.make_rng('params'))


def abstract(skeleton: Skeleton) -> dict:
    """Shapes of what `init` gives, without tracing it; float32 throughout."""
    graph, shapes = skeleton.graph, skeleton.graph.shapes()
    leaf = lambda *shape: jax.ShapeDtypeStruct(shape, jnp.float32)
    params, moments = {}, {}
    for node in graph.nodes:
        weights = ops.find(node.op).weights
        if weights is not None:
            params[node.name] = {'kernel': leaf(*weights.shape(node, shapes))}
            if node.biased and not node.batch_norm:
                params[node.name]['bias'] = leaf(node.channels)
        if node.batch_norm:
            name, maps = f'{node.name}-norm', leaf(node.channels)
            params[name] = {'scale': maps, 'shift': maps}
            moments[name] = {'mean': maps, 'var': maps}
    return {'params': params} | ({'batch_stats': moments} if moments else {})


def prepare_images(skeleton: Skeleton, images: jax.Array) -> jax.Array:
    """Normalised images [N, H, W, C] -> [N, c, h, w] after the input down-sampling."""
    x = jnp.moveaxis(jnp.asarray(images, jnp.float32), -1, 1)
    return _shrunk(skeleton.graph, x, 1)


def prepare_batch(skeleton: Skeleton, images: jax.Array) -> jax.Array:
    """`prepare_images` with the batch innermost, [C, H, W, B] -> [c, h, w, B]."""
    return _shrunk(skeleton.graph, images, 0)


def _shrunk(graph: Graph, x: jax.Array, depth: int) -> jax.Array:
    """After the input down-sampling; `depth`: axis of the colours, height and width
    come after it."""
    if graph.squeeze_depth:
        x = x.max(axis=depth, keepdims=True)
    if graph.downsample > 1:
        _, height, width = graph.image_shape()
        rate = graph.downsample
        before, after = x.shape[:depth + 1], x.shape[depth + 3:]
        whole = (slice(None),) * (depth + 1)
        x = x[(*whole, slice(height * rate), slice(width * rate))]
        x = x.reshape(*before, height, rate, width, rate, *after)
        average, axes = graph.downsample_type == 'average', (depth + 2, depth + 4)
        x = x.mean(axis=axes) if average else x.max(axis=axes)
    return x


def _channel_mask(channels: jax.Array, y: jax.Array) -> jax.Array:
    mask = jnp.arange(y.shape[0]) < channels
    return mask.reshape((-1,) + (1,) * (y.ndim - 1))
