"""Quantisation-aware fine-tuning of a compact network; pruned weights stay zero.

Weights and activations are rounded in the forward pass and the rounding is ignored in
the backward pass (straight-through). The clipping range w_max of every output channel
and the range of every activation are learned with the weights: through the straight-
through rounding their gradient is that of learned step size quantisation
(Esser et al. 2020, arXiv:1902.08153).

Everything learned is relative to its own layer: weights to the layer's largest, biases
to the range of its output, ranges to where they start. A network whose scale is moved
from one layer to the next, which computes the same, trains the same.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from sparse_jax.model.compact import CompactNet, per_class, prepare_input
from sparse_jax.quantize.fake import Params, fake_forward, group_ranges, masked
from sparse_jax.quantize.pixels import Method, seen_by
from sparse_jax.quantize.ranges import Ranges, calibrate, share
from sparse_jax.quantize.tuned import Judge, better, hold_out

_CALIBRATION = 512
_BATCH = 64


def finetune(
    key: jax.Array,
    net: CompactNet,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    steps: int = 300,
    learning_rate: float = 2e-3,
    method: Method = 'robust',
    judges: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[CompactNet, Ranges]:
    """Trains `net` as it will run in int8; returns it with its learned ranges.

    The better of the given and the trained network is returned, judged in exact int8
    arithmetic by accuracy, then by cross-entropy; `Ranges.tuning` says which it was.

    Args:
      key: random key; consumed.
      net: the network to train.
      images: [N, H, W, C] raw pixels to train with; the first 512 calibrate the start.
      labels: [N] int.
      steps: of Adam, with a cosine schedule.
      learning_rate: of the first step, relative to a layer's largest weight.
      method: calibrates the ranges that training starts from.
      judges: (images, labels) that judge, of validation. Without them an eighth of the
        images, at most 2,000, is drawn by the key to judge and not trained with; of
        fewer than 16 images all train and judge.
    """
    ranges = calibrate(net, images[:_CALIBRATION], method=method)
    split_key, train_key = jax.random.split(key)
    images, labels = np.asarray(images), np.asarray(labels)
    if judges is None:
        rows, held_out = hold_out(split_key, len(labels))
        judges = images[held_out], labels[held_out]
        images, labels = images[rows], labels[rows]
    judge = Judge(*judges)
    inputs = prepare_input(net, seen_by(images, ranges.pixels))
    fit = _make_fit(net, ranges, jnp.asarray(inputs, jnp.float32),
                    jnp.asarray(labels, jnp.int32), learning_rate, max(steps, 1))
    params, losses = fit(_initial(net, ranges), jax.random.split(train_key, steps))
    if not np.all(np.isfinite(losses)):
        return better(judge, (net, ranges), None)
    real = _real(params, _units(net, ranges))
    return better(judge, (net, ranges),
                  (_rebuild(net, real), _learned(net, ranges, real)))


def _make_fit(
    net: CompactNet, ranges: Ranges, inputs: jax.Array, labels: jax.Array,
    learning_rate: float, steps: int,
) -> Callable[[Params, jax.Array], tuple[Params, jax.Array]]:
    """A jitted function: (parameters, [steps] keys) -> (trained, [steps] losses)."""
    masks = {node.name: jnp.asarray(node.weight != 0, jnp.float32)
             for node in net.nodes if node.weight is not None}
    units = _units(net, ranges)
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adam(optax.cosine_decay_schedule(learning_rate, steps)))

    def loss_fn(params: Params, x: jax.Array, y: jax.Array) -> jax.Array:
        real = _real(masked(params, masks), units)
        logits = per_class(fake_forward(net, ranges, real, x))
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def step(
        carry: tuple[Params, optax.OptState], step_key: jax.Array
    ) -> tuple[tuple[Params, optax.OptState], jax.Array]:
        params, state = carry
        rows = jax.random.randint(step_key, (_BATCH,), 0, len(labels))
        loss, grads = jax.value_and_grad(loss_fn)(params, inputs[rows], labels[rows])
        updates, state = optimizer.update(grads, state)
        return (jax.tree.map(jnp.add, params, updates), state), loss

    @jax.jit
    def fit(params: Params, keys: jax.Array) -> tuple[Params, jax.Array]:
        (params, _), losses = jax.lax.scan(step, (params, optimizer.init(params)), keys)
        return masked(params, masks), losses

    return fit


def _units(net: CompactNet, ranges: Ranges) -> Params:
    """What one unit of every parameter stands for, per layer."""
    weights, biases = {}, {}
    for node in net.nodes:
        if node.weight is not None:
            weights[node.name] = _or_one(np.abs(node.weight).max(initial=0.0))
            low, high = ranges.activations[node.name]
            biases[node.name] = _or_one(high - low)
    return {'weight': weights, 'bias': biases}


def _or_one(value: float) -> float:
    return float(value) if value > 0 else 1.0


def _real(params: Params, units: Params) -> Params:
    """Learned parameters, in their layers' units -> those of the network."""
    def scaled(part: str, unit: str) -> dict:
        return {name: value * units[unit][name] for name, value in params[part].items()}

    exponentials = {part: jax.tree.map(jnp.exp, params[f'log_{part}'])
                    for part in ('w_max', 'gain')}
    w_max = {name: value * units['weight'][name]
             for name, value in exponentials['w_max'].items()}
    return {'weight': scaled('weight', 'weight'), 'bias': scaled('bias', 'bias'),
            'w_max': w_max, 'gain': exponentials['gain']}


def _initial(net: CompactNet, ranges: Ranges) -> Params:
    """The network in its layers' units; `log_w_max` and `log_gain` are logarithms."""
    weighted = [node for node in net.nodes if node.weight is not None]
    units = _units(net, ranges)

    def clip(name: str) -> np.ndarray:
        peak = np.asarray(ranges.weights[name], np.float64) / units['weight'][name]
        # A channel without weights can have any range.
        return np.log(np.where(peak > 0, peak, 1.0))

    return {
        'weight': {n.name: jnp.asarray(np.asarray(n.weight, np.float64)
                                       / units['weight'][n.name], jnp.float32)
                   for n in weighted},
        'bias': {n.name: jnp.asarray(np.asarray(n.bias, np.float64)
                                     / units['bias'][n.name], jnp.float32)
                 for n in weighted if n.bias is not None},
        'log_w_max': {n.name: jnp.asarray(clip(n.name), jnp.float32) for n in weighted},
        'log_gain': {group: jnp.zeros(()) for group in group_ranges(net, ranges)},
    }


def _rebuild(net: CompactNet, real: Params) -> CompactNet:
    """The network with trained weights, clipped to their ranges."""
    nodes = []
    for node in net.nodes:
        if node.weight is not None:
            w_max = np.asarray(real['w_max'][node.name], np.float64)
            w_max = w_max.reshape((-1,) + (1,) * (np.ndim(node.weight) - 1))
            weight = np.asarray(real['weight'][node.name], np.float64)
            bias = real['bias'].get(node.name)
            node = dataclasses.replace(
                node, weight=np.clip(weight, -w_max, w_max).astype(np.float32),
                bias=None if bias is None else np.asarray(bias))
        nodes.append(node)
    return dataclasses.replace(net, nodes=tuple(nodes))


def _learned(net: CompactNet, ranges: Ranges, real: Params) -> Ranges:
    owner, groups = share(net), group_ranges(net, ranges)
    activations = {}
    for node in net.nodes:
        if owner[node.name] == 'input':
            activations[node.name] = ranges.activations[node.name]
            continue
        gain = float(real['gain'][owner[node.name]])
        low, high = groups[owner[node.name]]
        activations[node.name] = (gain * low, gain * high)
    weights = {name: np.asarray(value, np.float64)
               for name, value in real['w_max'].items()}
    return dataclasses.replace(ranges, activations=activations, weights=weights)
