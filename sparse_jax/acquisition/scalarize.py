"""Many objectives into one number, by random weights; smaller is better."""

import numpy as np
from scipy.special import gamma

from sparse_jax.types import Array


def box_weights(rng: np.random.Generator, bounds: Array, num: int) -> np.ndarray:
    """Chebyshev weights [num, K] of SpArSe: 1 / weight_k ~ Uniform[0, bounds_k].

    A value above its soft bound is then always costly, one below it may be (Paria,
    Kandasamy and Poczos 2019, box preference). The uniform is kept off zero.
    """
    bounds = np.asarray(bounds, float)
    return 1.0 / (bounds * rng.uniform(1e-3, 1.0, (num, len(bounds))))


def simplex_weights(rng: np.random.Generator, num_objectives: int, num: int
                    ) -> np.ndarray:
    """ParEGO's weights [num, K], uniform on the simplex."""
    return rng.dirichlet(np.ones(num_objectives), num)


def chebyshev(weights: Array, f: Array, axis: int = -1) -> Array:
    """max_k weights_k f_k (SpArSe); weights broadcast against f."""
    return (weights * f).max(axis)


def augmented_chebyshev(weights: Array, f: Array, axis: int = -1) -> Array:
    """max_k weights_k f_k + 0.05 sum_k weights_k f_k (Knowles 2006, eq. 2)."""
    scaled = weights * f
    return scaled.max(axis) + 0.05 * scaled.sum(axis)


def directions(rng: np.random.Generator, num_objectives: int, num: int) -> np.ndarray:
    """Unit vectors [num, K] spread evenly over the positive orthant.

    Two objectives: a randomly shifted regular grid of angles; more: a normalised
    normal sample made even by a scrambled Sobol sequence.
    """
    if num_objectives == 2:
        angle = (np.arange(num) + rng.uniform()) / num * np.pi / 2
        return np.stack([np.cos(angle), np.sin(angle)], 1)
    normal = np.abs(quasi_normal(rng, num, num_objectives))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def hypervolume_scalar(direction: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """min_k (gain_k / direction_k)_+ ^ K over the last axis, on the host: the front of
    a growing archive would be compiled for every length.

    gain [.., K] is reference minus objective. The mean over directions of the largest
    value in a set is its hypervolume, up to `hypervolume_constant` (Zhang and
    Golovin 2020, lemma 5).
    """
    num_objectives = direction.shape[-1]
    ratio = np.maximum(gain, 0.0) / np.maximum(direction, 1e-9)
    return ratio.min(-1) ** num_objectives


def hypervolume_constant(num_objectives: int) -> float:
    """c_K of Zhang and Golovin 2020: pi^(K/2) / (2^K Gamma(K/2 + 1))."""
    half = num_objectives / 2
    return np.pi**half / (2**num_objectives * gamma(half + 1))


def quasi_normal(rng: np.random.Generator, num: int, dim: int) -> np.ndarray:
    """Standard normal draws [num, dim] from a scrambled Sobol sequence."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    power = int(np.ceil(np.log2(max(num, 2))))
    uniform = qmc.Sobol(dim, rng=rng).random_base2(power)[:num]
    return ndtri(np.clip(uniform, 1e-6, 1 - 1e-6))
