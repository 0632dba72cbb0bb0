"""How the weights of a layer are stored in flash: dense, bitmap or gap.

All formats list the weights of one output channel after the other. A weight's
*position* is its offset from the top-left input of the window it meets, in bytes.

dense:  every weight, zeros too.
bitmap: ceil(I / 8) bytes per channel, bit i (least significant first) set where weight
        i is stored, then the non-zero weights.
gap:    a count of pairs per channel (1 or 2 bytes), then (uint8 distance from the
        position before, int8 weight); a distance above 255 is bridged by pairs
        (255, 0), which add nothing to the sum, so the reader has no special case.

A dense layer with gathered inputs also needs their positions if its format is dense or
bitmap: a list of gaps where 255 means "and more"; the gap format already has them.
"""

import dataclasses

import numpy as np

from sparse_jax.export.operations import layout
from sparse_jax.quantize.quantized import (
    QuantizedNet,
    QuantizedNode,
    UnfitNetworkError,
    kernel_of,
)

FARTHEST = 255
"""Positions from one weight of a channel to the next that one pair bridges."""
FORMATS = ('dense', 'bitmap', 'gap')


@dataclasses.dataclass(frozen=True)
class Encoded:
    """The flash arrays of one layer's weights, all uint8."""

    format: str
    weights: np.ndarray
    index: np.ndarray
    gather: np.ndarray
    count_bytes: int = 1

    @property
    def counts(self) -> np.ndarray:
        """[O] pairs per channel of the gap format."""
        raw = self.index.reshape(-1, self.count_bytes).astype(np.int64)
        return raw @ (256 ** np.arange(self.count_bytes))

    @property
    def bytes(self) -> int:
        """Bytes of flash."""
        return len(self.weights) + len(self.index) + len(self.gather)


def encodings(net: QuantizedNet, node: QuantizedNode) -> dict[str, Encoded]:
    """{format: Encoded} of a weighted layer."""
    weight = kernel_of(node)
    rows = weight.reshape(len(weight), -1)
    place = layout(node).positions(net, node)
    gather = np.zeros(0, np.uint8) if node.gather is None else _escaped_gaps(place)
    none = np.zeros(0, np.uint8)
    kept = rows[rows != 0].view(np.uint8)
    bits = np.packbits(rows != 0, axis=1, bitorder='little').ravel()
    return {
        'dense': Encoded('dense', rows.ravel().view(np.uint8), none, gather),
        'bitmap': Encoded('bitmap', kept, bits, gather),
        'gap': _gap(rows, place),
    }


def choose(encoded: dict[str, Encoded], only: str = 'auto') -> Encoded:
    """The cheapest encoding, the simpler one if equal; or the one named by `only`."""
    if only not in ('auto', *FORMATS):
        raise ValueError(f'weight_format: {only!r} is not allowed; allowed: auto, '
                         f'{", ".join(FORMATS)}')
    if only != 'auto':
        return encoded[only]
    return min(encoded.values(), key=lambda e: (e.bytes, FORMATS.index(e.format)))


def _gap(rows: np.ndarray, place: np.ndarray) -> Encoded:
    streams = [_pairs(row, place) for row in rows]
    counts = np.array([len(s) // 2 for s in streams], np.int64)
    if counts.max(initial=0) > 0xFFFF:
        raise UnfitNetworkError('a channel has more than 65535 weights')
    count_bytes = 1 if counts.max(initial=0) <= 0xFF else 2
    index = counts.astype('<u2').view(np.uint8).reshape(-1, 2)[:, :count_bytes]
    return Encoded('gap', np.concatenate(streams).astype(np.uint8), index.ravel(),
                   np.zeros(0, np.uint8), count_bytes)


def _pairs(row: np.ndarray, place: np.ndarray) -> np.ndarray:
    """[2 n] uint8: (gap, weight) of the non-zero weights of one channel."""
    stream, last = [], 0
    for position, weight in zip(place[row != 0], row[row != 0]):
        gap = int(position) - last
        while gap > FARTHEST:
            stream += [FARTHEST, 0]
            gap -= FARTHEST
        stream += [gap, int(weight) & 0xFF]
        last = int(position)
    return np.array(stream, np.uint8)


def _escaped_gaps(place: np.ndarray) -> np.ndarray:
    """Gaps between ascending positions; 255 adds 255 and continues."""
    stream = []
    for gap in np.diff(place, prepend=0):
        stream += [255] * (int(gap) // 255) + [int(gap) % 255]
    return np.array(stream, np.uint8)
