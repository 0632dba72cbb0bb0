"""The float network with weights and activations rounded as int8 will round them."""

import jax
import jax.numpy as jnp

from sparse_jax.model.compact import CompactNet
from sparse_jax.quantize.operations import find
from sparse_jax.quantize.ranges import Ranges, share

Params = dict[str, dict]
"""{'weight', 'bias', 'w_max': {node: array}, 'gain': {group: scalar}}; a gain widens
the calibrated range of a group of tensors that share a scale."""


def group_ranges(net: CompactNet, ranges: Ranges) -> dict[str, tuple[float, float]]:
    """{representative: (low, high)} of tensors that share a scale, but the image's."""
    owner, groups = share(net), {}
    for node in net.nodes:
        if owner[node.name] == 'input':
            continue
        low, high = ranges.activations[node.name]
        old = groups.get(owner[node.name], (0.0, 0.0))
        groups[owner[node.name]] = (min(low, old[0]), max(high, old[1]))
    return groups


def masked(params: Params, masks: dict[str, jax.Array]) -> Params:
    """Parameters whose pruned weights are zero."""
    weight = {name: w * masks[name] for name, w in params['weight'].items()}
    return params | {'weight': weight}


def _round(x: jax.Array) -> jax.Array:
    return x + jax.lax.stop_gradient(jnp.round(x) - x)


def fake_weight(weight: jax.Array, w_max: jax.Array) -> jax.Array:
    """Weights [O, ...] on the symmetric int8 grid of +-w_max [O]."""
    scale = w_max.reshape((-1,) + (1,) * (weight.ndim - 1)) / 127.0
    return _round(jnp.clip(weight / scale, -127.0, 127.0)) * scale


def fake_activation(x: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    """Activations on the affine int8 grid of [low, high]; zero is on the grid.

    A range without width, of a tensor that is constant 0, counts as one of width 1.
    """
    scale = jnp.where(high > low, high - low, 1.0) / 255.0
    zero = jax.lax.stop_gradient(jnp.round(-128.0 - low / scale))
    return (_round(jnp.clip(x / scale + zero, -128.0, 127.0)) - zero) * scale


def fake_forward(
    net: CompactNet, ranges: Ranges, params: Params, x: jax.Array
) -> jax.Array:
    """Logits [N, units] of the tensor 'input' [N, c, h, w]."""
    owner, groups = share(net), group_ranges(net, ranges)
    tensors = {'input': x}
    for node in net.nodes:
        weight = params['weight'].get(node.name)
        if weight is not None:
            weight = fake_weight(weight, params['w_max'][node.name])
        y = find(node.op).forward(node, weight, params['bias'].get(node.name),
                                  [tensors[name] for name in node.inputs])
        y = jax.nn.relu(y) if node.relu else y
        if node.pool > 1:
            size = (1, 1, node.pool, node.pool)
            y = jax.lax.reduce_window(y, -jnp.inf, jax.lax.max, size, size, 'VALID')
        if owner[node.name] == 'input':
            tensors[node.name] = y
            continue
        gain = params['gain'][owner[node.name]]
        low, high = groups[owner[node.name]]
        tensors[node.name] = fake_activation(y, gain * low, gain * high)
    return tensors[net.nodes[-1].name]
