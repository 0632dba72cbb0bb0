"""The int8 network as a JAX function of 32-bit integers, bit-equal to `emulate`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.quantize.emulate import zeros_of
from sparse_jax.quantize.operations import find
from sparse_jax.quantize.quantized import QuantizedNet, pixel_codes
from sparse_jax.quantize.windows import downsampled


def make_emulator(net: QuantizedNet) -> Callable[[jax.Array], jax.Array]:
    """A traceable function: uint8 pixel codes [N, H, W, C] -> int8 logits [N, units].

    Codes come from `pixel_codes`. The caller applies `jax.jit`.
    """

    def emulator(codes: jax.Array) -> jax.Array:
        x = jnp.moveaxis(codes.astype(jnp.int32), -1, 1)
        if net.squeeze_depth:
            x = x.max(axis=1, keepdims=True)
        x = downsampled(x - 128, net.downsample, net.downsample_type)
        tensors = {'input': x}
        for node in net.nodes:
            inputs = [tensors[name] for name in node.inputs]
            y = find(node.op).emulate_jax(node, inputs, zeros_of(net, node))
            tensors[node.name] = jnp.clip(y, node.low, 127)
        return tensors[net.output].astype(jnp.int8)

    return emulator


def emulate_jax(
    net: QuantizedNet, images: np.ndarray, *, batch: int = 512
) -> np.ndarray:
    """Raw images [N, H, W, C] -> [N, units] int8 logits; compiles once per call."""
    codes = pixel_codes(net, images)
    batch = min(batch, len(codes))
    run, parts = jax.jit(make_emulator(net)), []
    for start in range(0, len(codes), batch):
        chunk = codes[start : start + batch]
        padded = np.concatenate([chunk, codes[: batch - len(chunk)]])
        parts.append(np.asarray(run(jnp.asarray(padded)))[: len(chunk)])
    return np.concatenate(parts)
