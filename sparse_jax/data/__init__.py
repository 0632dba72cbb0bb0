"""Labelled images: fixed parts for the search, a test part for the report."""

from sparse_jax.data.arrays import dataset
from sparse_jax.data.dataset import (
    Dataset,
    Split,
    digest,
    largest_class,
    normalise,
    split_digest,
)
from sparse_jax.data.description import Description
from sparse_jax.data.errors import DataError
from sparse_jax.data.loading import load, load_test
from sparse_jax.data.spec import DataSpec
from sparse_jax.data.synthetic import synthetic

__all__ = [
    'dataset',
    'DataError',
    'DataSpec',
    'Dataset',
    'Description',
    'Split',
    'load',
    'load_test',
    'digest',
    'largest_class',
    'normalise',
    'split_digest',
    'synthetic',
]
