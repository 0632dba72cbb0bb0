"""The int8 network on the host by float64 BLAS, bit-equal to `emulate`: what a search
measures with."""

import threading
from collections.abc import Iterator, Sequence

import numpy as np

from sparse_jax.quantize import blocks
from sparse_jax.quantize.emulate import classes_of, input_codes, zeros_of
from sparse_jax.quantize.operations import find
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode, pixel_codes

_IMAGES = 64
"""Of a block: most tensors of small networks stay in the cache."""
_KEPT = 4
"""Times as many codes as there are raw pixels, at most, are kept for other networks."""


class Images:
    """Raw images whose input tensors are kept for the next network that reads them.

    One array of int8 codes per pixel grid, maximum over channels and down-sampling, of
    the last ones that were asked for up to `_KEPT`. Threads may share it.
    """

    def __init__(self, images: np.ndarray):
        """images: [N, H, W, C] raw pixels, not changed afterwards."""
        self._images = images
        self._known: dict[tuple, list[np.ndarray]] = {}
        """The last one that was asked for is the last."""
        self._lock = threading.Lock()

    def blocks(self, net: QuantizedNet) -> list[np.ndarray]:
        """The tensor 'input' of a network, int8 blocks [h, w, c, n]."""
        key = (net.pixel_low, net.pixel_step, net.squeeze_depth, net.downsample,
               net.downsample_type)
        with self._lock:
            found = self._known.pop(key, None)
        found = found or list(_input_blocks(net, self._images))
        with self._lock:
            self._known[key] = found
            sizes = {name: sum(block.size for block in coded)
                     for name, coded in self._known.items()}
            while len(sizes) > 1 and sum(sizes.values()) > _KEPT * self._images.size:
                oldest = next(iter(sizes))
                del self._known[oldest], sizes[oldest]
        return found


def emulate_blas(net: QuantizedNet, images: np.ndarray | Images) -> np.ndarray:
    """Raw images [N, H, W, C] -> [N, units] int8 logits."""
    if not isinstance(images, Images):
        images = Images(images)
    runs = [_run(net, node) for node in net.nodes]
    parts = []
    for block in images.blocks(net):
        tensors = {'input': block.astype(np.float64)}
        for node, run in zip(net.nodes, runs):
            y = run([tensors[name] for name in node.inputs])
            np.maximum(y, node.low, out=y)
            tensors[node.name] = np.minimum(y, 127.0, out=y)
        parts.append(blocks.flat(tensors[net.output]).astype(np.int8))
    return np.concatenate(parts, axis=1).T


def classify(net: QuantizedNet, images: np.ndarray | Images) -> np.ndarray:
    """Raw images [N, H, W, C] -> [N] classes, by the int8 logits."""
    return classes_of(net, emulate_blas(net, images))


def _input_blocks(net: QuantizedNet, images: np.ndarray) -> Iterator[np.ndarray]:
    for first in range(0, len(images), _IMAGES):
        codes = pixel_codes(net, images[first : first + _IMAGES])
        yield np.ascontiguousarray(input_codes(net, codes).transpose(2, 3, 1, 0))


def _run(net: QuantizedNet, node: QuantizedNode) -> blocks.Run:
    """A node on blocks: by its own form, or by that on integers."""
    operation, zeros = find(node.op), zeros_of(net, node)
    shapes = [net.shapes[name] for name in node.inputs]
    own = operation.in_blocks(node, shapes, zeros)
    if own is not None:
        return own

    def run(inputs: Sequence[blocks.Block]) -> blocks.Block:
        return blocks.packed(operation.emulate(
            node, [blocks.unpacked(x) for x in inputs], zeros))

    return run
