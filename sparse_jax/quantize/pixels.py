"""Raw pixels as uint8 codes: pixel = low + step * code.

Integer pixels within 0..255 are their own codes. Other pixels are coded on 256 levels
of a grid that calibration images decide.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

Method = Literal['robust', 'minmax', 'percentile', 'mse', 'fixed']
METHODS: tuple[Method, ...] = ('robust', 'minmax', 'percentile', 'mse', 'fixed')

PixelGrid = tuple[float, float]
"""(low, step)."""

LEVELS = 255
"""Steps between the least and the largest code."""
TAIL = 99.9
"""Percentile up to which pixels count as ordinary."""
FRACTIONS = np.linspace(0.3, 1.0, 36)
"""Shrunk ranges that the method `mse` tries."""
_MOST_SAMPLES = 20000


def pixel_grid(
    images: ArrayLike, method: Method = 'robust', *, percentile: float = TAIL
) -> PixelGrid:
    """(low, step) of the uint8 codes of raw pixels: (0, 1) for integers 0..255.

    Other pixels are coded on 256 levels of a range; what lies outside is clipped.

    robust, fixed: the extremes of the ordinary pixels. Not ordinary is what lies
                further outside the two 99.9 % quantiles than these are apart: a hot
                pixel, a marker of missing data. Without such pixels it is minmax.
    minmax:     the extremes, outliers included.
    percentile: between the (100 - percentile) and percentile quantiles.
    mse:        the part of the robust range with the least squared rounding and
                clipping error of ordinary pixels.

    Args:
      images: calibration images, any shape.
      method: how the range is found.
      percentile: in percent; of the method `percentile` alone.

    Raises:
      ValueError: the method is unknown.
    """
    check_method(method)
    images = np.asarray(images)
    low, high = float(images.min()), float(images.max())
    if low >= 0 and high <= 255 and np.all(np.mod(images, 1) == 0):
        return 0.0, 1.0
    if method != 'minmax':
        values = np.asarray(images, np.float64).ravel()
        if method == 'percentile':
            low, high = _quantiles(values, percentile)
        else:
            low, high = _ordinary(values)
            if method == 'mse':
                low, high = _least_error(values, low, high)
    return low, (high - low if high > low else 1.0) / LEVELS


def check_method(method: str) -> None:
    """Raises ValueError for a calibration method that does not exist."""
    if method not in METHODS:
        raise ValueError(f'unknown calibration method {method!r}; allowed: '
                         f'{", ".join(METHODS)}')


def codes_of(images: ArrayLike, grid: PixelGrid) -> np.ndarray:
    """Raw pixels of any shape -> uint8 codes of the same shape."""
    low, step = grid
    codes = (np.asarray(images, np.float64) - low) / step
    return np.clip(np.rint(codes), 0, LEVELS).astype(np.uint8)


def seen_by(images: ArrayLike, grid: PixelGrid) -> np.ndarray:
    """Raw pixels with those that no code stands for at the end of the grid.

    Pixels within half a step of the grid are left as they are.
    """
    low, step = grid
    images = np.asarray(images)
    outside = (images < low - step / 2) | (images > low + (LEVELS + 0.5) * step)
    if not outside.any():
        return images
    return np.where(outside, np.clip(images, low, low + LEVELS * step), images)


def _quantiles(values: np.ndarray, percentile: float) -> tuple[float, float]:
    """Inner quantiles: of n > 1 values at least one at each end is left out."""
    low = np.percentile(values, 100.0 - percentile, method='higher')
    high = np.percentile(values, percentile, method='lower')
    return float(low), float(high)


def _ordinary(values: np.ndarray) -> tuple[float, float]:
    """The extremes of the pixels that are no outliers."""
    low, high = _quantiles(values, TAIL)
    spread = high - low
    if spread <= 0:
        return float(values.min()), float(values.max())
    kept = values[(values >= low - spread) & (values <= high + spread)]
    return float(kept.min()), float(kept.max())


def _least_error(values: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """The range within [low, high], shrunk to its median, with the least error."""
    kept = values[(values >= low) & (values <= high)]
    kept = kept[:: max(1, kept.size // _MOST_SAMPLES)]
    centre = float(np.median(kept))

    def error(fraction: float) -> float:
        first, last = (centre + fraction * (end - centre) for end in (low, high))
        step = max(last - first, np.finfo(float).tiny) / LEVELS
        codes = np.clip(np.rint((kept - first) / step), 0, LEVELS)
        return float(np.mean((first + step * codes - kept) ** 2))

    best = min(FRACTIONS, key=error)
    return centre + best * (low - centre), centre + best * (high - centre)
