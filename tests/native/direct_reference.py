"""Convolutions and their gradients tap by tap in NumPy, float64, uncompiled."""

import jax
import numpy as np

from sparse_jax import counter_noise

LONGEST = 1 << 16


def taps(x: np.ndarray, kernel: np.ndarray, low: int):
    """(i, j, what tap (i, j) reads of x [C, H, W, B], zeros beyond its edges)."""
    k = kernel.shape[-1]
    x = np.pad(x, ((0, 0), (0, k - low), (0, k - low), (0, 0)))
    height, width = x.shape[1] - k + 1, x.shape[2] - k + 1
    for i in range(k):
        for j in range(k):
            yield i, j, x[:, i:i + height, j:j + width]


def product(x: np.ndarray, kernel: np.ndarray, low: int) -> np.ndarray:
    """Kernels [O, C, k, k], or [C, k, k] of a depthwise convolution."""
    rule = 'chwb,c->chwb' if kernel.ndim == 3 else 'chwb,oc->ohwb'
    return np.sum([np.einsum(rule, view, kernel[..., i, j])
                   for i, j, view in taps(x, kernel, low)], axis=0)


def gradients(
    x: np.ndarray, kernel: np.ndarray, low: int, pull: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of <product(x, kernel), pull> with respect to x and to the kernel."""
    k, (_, height, width, _) = kernel.shape[-1], x.shape
    own = np.zeros_like(kernel)
    to_x = np.zeros((len(x), height + k - low, width + k - low, x.shape[-1]))
    weigh = 'chwb,chwb->c' if kernel.ndim == 3 else 'ohwb,chwb->oc'
    spread = 'chwb,c->chwb' if kernel.ndim == 3 else 'ohwb,oc->chwb'
    for i, j, view in taps(x, kernel, low):
        own[..., i, j] = np.einsum(weigh, pull, view)
        window = to_x[:, i:i + pull.shape[1], j:j + pull.shape[2]]
        window += np.einsum(spread, pull, kernel[..., i, j])
    return to_x[:, :height, :width], own


def noise(seeds: np.ndarray, strides: tuple[int, ...], shape: tuple) -> np.ndarray:
    """That of `counter_noise` under one seed per map, from one compiled program."""
    grid = np.zeros(shape, np.uint32)
    for axis, (size, stride) in enumerate(zip(shape, strides)):
        line = np.arange(size, dtype=np.uint32) * np.uint32(stride % 2**32)
        grid = grid + line.reshape([-1 if a == axis else 1 for a in range(4)])
    seeds = np.broadcast_to(seeds.reshape(2, -1, 1, 1, 1), (2, *shape)).reshape(2, -1)
    pieces = []
    for start in range(0, grid.size, LONGEST):
        part = slice(start, start + LONGEST)
        index, own = grid.ravel()[part], seeds[:, part]
        missing = LONGEST - len(index)
        drawn = _fast_normal(
            np.pad(own, ((0, 0), (0, missing))), np.pad(index, (0, missing)))
        pieces.append(np.asarray(drawn, np.float64)[: len(index)])
    return np.concatenate(pieces).reshape(shape)


_fast_normal = jax.jit(counter_noise.fast_normal)
