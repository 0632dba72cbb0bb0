"""Quantisation-aware fine-tuning of a compact network; pruned weights stay zero.

Weights and activations are rounded in the forward pass and the rounding is ignored in
the backward pass (straight-through). The clipping range w_max of every output channel
and the range of every activation are learned with the weights: through the straight-
through rounding their gradient is that of learned step size quantisation
(Esser et al. 2020, arXiv:1902.08153).
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax

from sparse_jax.model.compact import CompactNet, prepare_input
from sparse_jax.quantize.ranges import Method, Ranges, calibrate, share


def finetune(
    key: jax.Array,
    net: CompactNet,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    steps: int = 300,
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    method: Method = 'minmax',
) -> tuple[CompactNet, Ranges]:
    """Trains `net` as it will run in int8; returns it with its learned ranges.

    images [N, H, W, C] raw pixels, labels [N] int. `method` calibrates the ranges
    that training starts from. The key is consumed.
    """
    ranges = calibrate(net, images[:512], method=method)
    params = _initial(net, ranges)
    masks = {name: jnp.asarray(w != 0, jnp.float32)
             for name, w in params['weight'].items()}
    inputs = jnp.asarray(prepare_input(net, images), jnp.float32)
    labels = jnp.asarray(labels, jnp.int32)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0),
                            optax.adam(optax.cosine_decay_schedule(learning_rate,
                                                                   max(steps, 1))))

    def loss_fn(params, x, y):
        logits = _forward(net, ranges, _masked(params, masks), x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def step(carry, step_key):
        params, state = carry
        rows = jax.random.randint(step_key, (batch_size,), 0, len(labels))
        loss, grads = jax.value_and_grad(loss_fn)(params, inputs[rows], labels[rows])
        updates, state = optimizer.update(grads, state)
        return (optax.apply_updates(params, updates), state), loss

    @jax.jit
    def fit(params, keys):
        (params, _), losses = jax.lax.scan(step, (params, optimizer.init(params)), keys)
        return _masked(params, masks), losses

    params, losses = fit(params, jax.random.split(key, steps))
    if not np.all(np.isfinite(losses)):
        raise ValueError('fine-tuning diverged: lower the learning rate')
    return _rebuild(net, params), _learned(net, ranges, params)


def _initial(net, ranges):
    weighted = [node for node in net.nodes if node.weight is not None]
    return {
        'weight': {n.name: jnp.asarray(n.weight, jnp.float32) for n in weighted},
        'bias': {n.name: jnp.asarray(n.bias, jnp.float32)
                 for n in weighted if n.bias is not None},
        'log_w_max': {n.name: jnp.log(jnp.maximum(
            jnp.asarray(ranges.weights[n.name], jnp.float32), 1e-3)) for n in weighted},
        'log_gain': {group: jnp.zeros(()) for group in _groups(net, ranges)},
    }


def _groups(net, ranges):
    """{representative: (low, high)} of tensors that share a scale."""
    owner, groups = share(net), {}
    for node in net.nodes:
        low, high = ranges.activations[node.name]
        old = groups.get(owner[node.name], (0.0, 0.0))
        groups[owner[node.name]] = (min(low, old[0]), max(high, old[1]))
    return groups


def _masked(params, masks):
    weight = {name: w * masks[name] for name, w in params['weight'].items()}
    return params | {'weight': weight}


def _round(x):
    return x + jax.lax.stop_gradient(jnp.round(x) - x)


def fake_weight(weight: jax.Array, w_max: jax.Array) -> jax.Array:
    """Weights [O, ...] on the symmetric int8 grid of +-w_max [O]."""
    scale = w_max.reshape((-1,) + (1,) * (weight.ndim - 1)) / 127.0
    return _round(jnp.clip(weight / scale, -127.0, 127.0)) * scale


def fake_activation(x: jax.Array, low: jax.Array, high: jax.Array) -> jax.Array:
    """Activations on the affine int8 grid of [low, high]; zero is on the grid."""
    scale = jnp.maximum(high - low, 1e-6) / 255.0
    zero = jax.lax.stop_gradient(jnp.round(-128.0 - low / scale))
    return (_round(jnp.clip(x / scale + zero, -128.0, 127.0)) - zero) * scale


def _forward(net, ranges, params, x):
    owner, groups = share(net), _groups(net, ranges)
    tensors = {'input': x}
    for node in net.nodes:
        y = _apply(node, params, [tensors[name] for name in node.inputs])
        y = jax.nn.relu(y) if node.relu else y
        if node.pool > 1:
            size = (1, 1, node.pool, node.pool)
            y = jax.lax.reduce_window(y, -jnp.inf, jax.lax.max, size, size, 'VALID')
        gain = jnp.exp(params['log_gain'][owner[node.name]])
        low, high = groups[owner[node.name]]
        tensors[node.name] = fake_activation(y, gain * low, gain * high)
    return tensors[net.nodes[-1].name]


def _apply(node, params, inputs):
    flat = [x.reshape(x.shape[0], -1) for x in inputs]
    if node.op == 'sum':
        return sum(flat)
    if node.op == 'concatenate':
        return jnp.concatenate(flat, axis=1)
    w_max = jnp.exp(params['log_w_max'][node.name])
    weight = fake_weight(params['weight'][node.name], w_max)
    if node.op == 'dense':
        y = (flat[0] if node.gather is None else flat[0][:, node.gather]) @ weight.T
    else:
        depthwise = node.op == 'depthwise'
        y = jax.lax.conv_general_dilated(
            inputs[0], weight[:, None] if depthwise else weight, (1, 1), 'VALID',
            feature_group_count=len(weight) if depthwise else 1)
    if node.bias is None:
        return y
    bias = params['bias'][node.name]
    return y + bias.reshape((1, -1) + (1,) * (y.ndim - 2))


def _rebuild(net, params):
    nodes = []
    for node in net.nodes:
        if node.weight is not None:
            w_max = np.exp(np.asarray(params['log_w_max'][node.name], np.float64))
            w_max = w_max.reshape((-1,) + (1,) * (np.ndim(node.weight) - 1))
            weight = np.asarray(params['weight'][node.name], np.float64)
            bias = params['bias'].get(node.name)
            node = dataclasses.replace(
                node, weight=np.clip(weight, -w_max, w_max).astype(np.float32),
                bias=None if bias is None else np.asarray(bias))
        nodes.append(node)
    return dataclasses.replace(net, nodes=tuple(nodes))


def _learned(net, ranges, params):
    owner, groups = share(net), _groups(net, ranges)
    activations = {}
    for node in net.nodes:
        gain = float(np.exp(params['log_gain'][owner[node.name]]))
        low, high = groups[owner[node.name]]
        activations[node.name] = (gain * low, gain * high)
    weights = {name: np.exp(np.asarray(value, np.float64))
               for name, value in params['log_w_max'].items()}
    return Ranges(activations, weights)
