"""Accuracy as it will be on the chip: the error objective of int8 searches."""

import numpy as np

from sparse_jax.model.compact import CompactNet
from sparse_jax.quantize.emulate_blas import classify
from sparse_jax.quantize.quantize import quantize
from sparse_jax.quantize.ranges import Method, Ranges, calibrate


def int8_accuracy(
    net: CompactNet,
    calibration: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    ranges: Ranges | None = None,
    method: Method = 'robust',
) -> float:
    """Share of images [N, H, W, C] that the int8 network labels [N] correctly.

    Without `ranges` these and the pixel grid come from the calibration images
    [M, H, W, C] alone.
    """
    ranges = ranges or calibrate(net, calibration, method=method)
    qnet = quantize(net, ranges)
    return float(np.mean(classify(qnet, images) == np.asarray(labels)))
