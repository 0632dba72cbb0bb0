"""Real ranges of weights and activations: what post-training calibration decides."""

import dataclasses
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np

from sparse_jax.model.compact import CompactNet, CompactNode, run
from sparse_jax.quantize.operations import find
from sparse_jax.quantize.pixels import (
    FRACTIONS,
    TAIL,
    Method,
    PixelGrid,
    pixel_grid,
    seen_by,
)

FIXED_WEIGHT = 6.0
"""SpArSe quantises weights to [-6, 6] ..."""
FIXED_ACTIVATION = 6.0
"""... and activations to [0, 6]."""


class Tuning(NamedTuple):
    """What a quantisation-aware fine-tuning came to, on the images that judged it."""

    kept: Literal['start', 'end']
    """Which network was returned: the given one or the trained one."""
    start: float
    """Accuracy in int8 before, in 0..1."""
    end: float
    """Accuracy in int8 after; NaN if the training diverged."""
    images: int
    """How many images judged."""


@dataclasses.dataclass(frozen=True)
class Ranges:
    """`activations`: {node: (low, high)}; `weights`: {node: [O] largest magnitude}.

    `pixels` is the (low, step) of the pixel codes that the ranges belong to. `tuning`
    says what a fine-tuning came to, None where there was none.
    """

    activations: dict[str, tuple[float, float]]
    weights: dict[str, np.ndarray]
    pixels: PixelGrid = (0.0, 1.0)
    tuning: Tuning | None = None


def calibrate(
    net: CompactNet,
    images: np.ndarray,
    *,
    method: Method = 'robust',
    percentile: float = TAIL,
) -> Ranges:
    """Ranges of a network from calibration images [N, H, W, C] in raw pixels.

    All methods also decide the grid of the pixels (`pixel_grid`), and the network is
    calibrated on the images as that grid shows them.

    robust:     outlying pixels are clipped, then minmax; the same as minmax for integer
                pixels within 0..255.
    minmax:     the extremes seen; weights by the largest magnitude of a channel.
    percentile: activations between the (100 - percentile) and percentile quantiles.
    mse:        the shrunk range with the least squared rounding and clipping error.
    fixed:      the paper's weights +-6 and activations 0..6; outputs without ReLU,
                such as logits, have no published range and take minmax.

    Raises:
      ValueError: the method is unknown.
    """
    pixels = pixel_grid(images, method, percentile=percentile)
    tensors = run(net, seen_by(images, pixels))
    activations, weights = {}, {}
    for node in net.nodes:
        activations[node.name] = _activation_range(
            node, tensors[node.name], method, percentile)
        if node.weight is not None:
            weights[node.name] = _weight_range(node, method)
    return Ranges(activations, weights, pixels)


def _activation_range(
    node: CompactNode, values: np.ndarray, method: Method, percentile: float
) -> tuple[float, float]:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if node.relu and method == 'fixed':
        return 0.0, FIXED_ACTIVATION
    if method == 'percentile':
        bounds = np.percentile(values, [100.0 - percentile, percentile])
        return min(float(bounds[0]), 0.0), max(float(bounds[1]), 0.0)
    if method == 'mse':
        values = values.ravel()[:: max(1, values.size // 20000)]
        return min(((low * f, high * f) for f in FRACTIONS),
                   key=lambda r: _affine_error(values, *r))
    return low, high


def _weight_range(node: CompactNode, method: Method) -> np.ndarray:
    weight = np.abs(np.asarray(node.weight, np.float64))
    rows = weight.reshape(len(weight), -1)
    if method == 'fixed':
        return np.full(len(rows), FIXED_WEIGHT)
    peak = rows.max(axis=1, initial=0.0)
    if method != 'mse':
        return peak
    errors = np.stack([_symmetric_error(rows, peak * f) for f in FRACTIONS])
    return peak * FRACTIONS[errors.argmin(axis=0)]


def _affine_error(values: np.ndarray, low: float, high: float) -> float:
    scale = (high - low if high > low else 1.0) / 255.0
    clipped = np.clip(values, low, high)
    return float(np.mean((np.round(clipped / scale) * scale - values) ** 2))


def _symmetric_error(rows: np.ndarray, peak: np.ndarray) -> np.ndarray:
    scale = np.where(peak > 0.0, peak, 1.0)[:, None] / 127.0
    rounded = np.clip(np.round(rows / scale), -127, 127) * scale
    return np.mean((rounded - rows) ** 2, axis=1) if rows.size else np.zeros(len(rows))


def share(net: CompactNet) -> dict[str, str]:
    """{tensor: representative} of tensors that must have one scale.

    The image keeps its own exact scale, as does what takes its scale from the image:
    their representative is 'input'. A concatenation gives its inputs the scale of its
    output; the image is rescaled while it is copied.
    """
    owner = {name: name for name in tensor_names(net)}

    def find_owner(name: str) -> str:
        while owner[name] != name:
            name = owner[name]
        return name

    for node in net.nodes:
        scale = find(node.op).scale
        if scale == 'own':
            continue
        for name in node.inputs:
            if scale == 'kept' and find_owner(name) == 'input':
                owner[node.name] = 'input'
            elif find_owner(name) != 'input':
                owner[find_owner(name)] = find_owner(node.name)
    return {name: find_owner(name) for name in owner}


def tensor_names(net: CompactNet) -> Iterable[str]:
    """'input', then every node's output in order."""
    return ('input', *(node.name for node in net.nodes))
