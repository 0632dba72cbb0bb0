"""Flat standardised features: what classifiers that are no networks see of images."""

from typing import NamedTuple

import numpy as np

from sparse_jax.data.dataset import Split
from sparse_jax.types import Array

CONSTANT = 1e-6
"""A feature of a smaller standard deviation is only shifted."""


class Standard(NamedTuple):
    """Of every feature of the training data."""

    mean: np.ndarray
    """[D] float32."""
    std: np.ndarray
    """[D] float32; 1 where a feature is constant."""


class Labelled(NamedTuple):
    """N examples."""

    features: Array
    """[N, D] float32."""
    labels: Array
    """[N] int32, 0 to L - 1."""


def flat(split: Split) -> Labelled:
    """The pixels of a part as rows, as they are."""
    images = np.asarray(split.images)
    return Labelled(images.reshape(len(images), -1).astype(np.float32),
                    np.asarray(split.labels, np.int32))


def standard(features: Array) -> Standard:
    """Mean and standard deviation of every column of [N, D], summed in float64."""
    features = np.asarray(features)
    mean = features.mean(axis=0, dtype=np.float64)
    std = features.std(axis=0, dtype=np.float64)
    std = np.where(std < CONSTANT, 1.0, std)
    return Standard(mean.astype(np.float32), std.astype(np.float32))


def standardise(features: Array, by: Standard) -> np.ndarray:
    """Returns (features - mean) / std, [N, D] float32."""
    return (np.asarray(features) - by.mean) / by.std


def drawn(data: Labelled, number: int, seed: int) -> Labelled:
    """So many examples, drawn without order; all if there are no more, or for 0."""
    if not 0 < number < len(data.labels):
        return data
    rows = np.random.default_rng(seed).permutation(len(data.labels))[:number]
    return Labelled(np.asarray(data.features)[rows], np.asarray(data.labels)[rows])
