"""Clusters of points that small classifiers tell apart."""

import numpy as np

from sparse_jax.baselines import features
from sparse_jax.baselines.features import Labelled


def points(classes: int = 3, number: int = 240, dimensions: int = 6, seed: int = 0) -> (
        tuple[Labelled, features.Standard]):
    """Points as they are, two clusters for each class, and their statistics."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(2 * classes, dimensions)) * 6
    cluster = draw.integers(2 * classes, size=number)
    raw = (draw.normal(size=(number, dimensions)) + centres[cluster] + 5) * 3
    raw = raw.astype(np.float32)
    return Labelled(raw, (cluster % classes).astype(np.int32)), features.standard(raw)


def standardised(**options: int) -> Labelled:
    """The same points, standardised."""
    raw, by = points(**options)
    return Labelled(features.standardise(raw.features, by), raw.labels)
