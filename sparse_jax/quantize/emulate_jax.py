"""The int8 network as a JAX function of 32-bit integers, bit-equal to `emulate`.

Neither floats nor 64-bit integers are used: the 64-bit product of the requantisation
is built from 16-bit halves, as on a Cortex-M0 that has no long multiply.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.quantize.quantized import (
    SUM_LEFT_SHIFT,
    QuantizedNet,
    QuantizedNode,
    pixel_codes,
)


def make_emulator(net: QuantizedNet) -> Callable[[jax.Array], jax.Array]:
    """A traceable function: uint8 pixel codes [N, H, W, C] -> int8 logits [N, classes].

    Codes come from `pixel_codes`. The caller applies `jax.jit`.
    """

    def emulator(codes):
        x = jnp.moveaxis(codes.astype(jnp.int32), -1, 1)
        if net.squeeze_depth:
            x = x.max(axis=1, keepdims=True)
        tensors = {'input': _max_pool(x, net.downsample) - 128}
        for node in net.nodes:
            tensors[node.name] = _run_node(net, node, tensors)
        return tensors[net.output].astype(jnp.int8)

    return emulator


def high_multiply(x: jax.Array, multiplier: jax.Array) -> jax.Array:
    """(x * multiplier + 2^30) >> 31 in 32 bits; int32 x, 0 <= multiplier < 2^31."""
    x_high, x_low = x >> 16, x & 0xFFFF
    m_high, m_low = multiplier >> 16, multiplier & 0xFFFF
    low = x_low.astype(jnp.uint32) * m_low.astype(jnp.uint32)
    middle = x_high * m_low + (low >> 16).astype(jnp.int32)
    cross = x_low * m_high + (middle & 0xFFFF)
    high = x_high * m_high + (middle >> 16) + (cross >> 16)
    low = (cross.astype(jnp.uint32) << 16) | (low & 0xFFFF)
    rounded = low + jnp.uint32(1 << 30)
    high = high + (rounded < low).astype(jnp.int32)
    return (high << 1) | (rounded >> 31).astype(jnp.int32)


def rescale(x: jax.Array, multiplier: jax.Array, shift: jax.Array) -> jax.Array:
    """MultiplyByQuantizedMultiplier on int32."""
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    x = high_multiply(x << left, multiplier)
    mask = ((np.int64(1) << right) - 1).astype(np.int32)
    threshold = (mask >> 1) + (x < 0)
    return (x >> right) + ((x & mask) > threshold)


def _run_node(net: QuantizedNet, node: QuantizedNode, tensors):
    inputs = [tensors[name] for name in node.inputs]
    zeros = [net.tensors[name].zero_point for name in node.inputs]
    zero = net.tensors[node.name].zero_point
    if node.weight is None:
        inputs = [x.reshape(x.shape[0], -1) for x in inputs]
        terms = list(zip(inputs, zeros, node.input_multiplier, node.input_shift))
    if node.op == 'sum':
        total = sum(rescale((x - z) << SUM_LEFT_SHIFT, m, s) for x, z, m, s in terms)
        y = rescale(total, node.multiplier[0], node.shift[0]) + zero
    elif node.op == 'concatenate':
        y = jnp.concatenate([x if m == 0 else rescale(x - z, m, s) + zero
                             for x, z, m, s in terms], axis=1)
    else:
        acc = _accumulate(node, inputs[0] - zeros[0])
        columns = (1, -1) + (1,) * (acc.ndim - 2)
        acc = _max_pool(acc + node.bias.reshape(columns), node.pool)
        y = rescale(acc, node.multiplier.reshape(columns),
                    node.shift.reshape(columns)) + zero
    return jnp.clip(y, node.low, 127)


def _accumulate(node, x):
    """Integer sums as one dot over shifted views: integer convolutions are not
    available on every backend."""
    weight = node.weight.astype(np.int32)
    if node.op == 'dense':
        x = x.reshape(x.shape[0], -1)
        return (x if node.gather is None else x[:, node.gather]) @ weight.T
    k = weight.shape[-1]
    h, w = x.shape[2] - k + 1, x.shape[3] - k + 1
    views = jnp.stack([x[:, :, i : i + h, j : j + w]
                       for i in range(k) for j in range(k)], axis=2)
    if node.op == 'depthwise':
        return (views * weight.reshape(1, len(weight), k * k, 1, 1)).sum(axis=2)
    return jnp.einsum('nckhw,ock->nohw', views, weight.reshape(*weight.shape[:2], -1),
                      preferred_element_type=jnp.int32)


def _max_pool(x, size):
    if size == 1:
        return x
    n, c, h, w = x.shape
    h, w = h // size, w // size
    x = x[:, :, : h * size, : w * size].reshape(n, c, h, size, w, size)
    return x.max(axis=(3, 5))


def emulate_jax(net: QuantizedNet, images: np.ndarray, *, batch: int = 512):
    """Raw images [N, H, W, C] -> [N, classes] int8 logits; compiles once per call."""
    codes = pixel_codes(net, images)
    batch = min(batch, len(codes))
    run, parts = jax.jit(make_emulator(net)), []
    for start in range(0, len(codes), batch):
        chunk = codes[start : start + batch]
        padded = np.concatenate([chunk, codes[: batch - len(chunk)]])
        parts.append(np.asarray(run(padded))[: len(chunk)])
    return np.concatenate(parts)
