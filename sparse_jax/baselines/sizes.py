"""What a classifier occupies, by the rules that tables of small classifiers use."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sparse_jax.model.compact import CompactNet

RULES = ('published', '1-byte', 'nnz')
"""`published`: bytes as Bonsai and ProtoNN count them: 4 a value, and 4 for the index
of every value of a matrix of which less than half is kept. `1-byte`: the same with one
byte a value and an index, as the fixed-point variants are published. `nnz`: no bytes,
but the number of values that are stored."""
SPARSE_BELOW = 0.5
"""A matrix with a smaller share of kept values is stored with indices."""


class Stored(NamedTuple):
    """A matrix of a trained classifier."""

    values: int
    """All of its elements."""
    share: float = 1.0
    """Of the elements that may differ from zero, in (0, 1]."""


def of_network(net: CompactNet) -> dict[str, Stored]:
    """What a network stores: weights of its layers, with their zeros, and biases."""
    found = {}
    for node in net.nodes:
        if node.weight is not None:
            share = np.count_nonzero(node.weight) / node.weight.size
            found[f'{node.name}/weight'] = Stored(node.weight.size, share)
        if node.bias is not None:
            found[f'{node.name}/bias'] = Stored(len(node.bias))
    return found


def kept(values: int, share: float) -> int:
    """Returns ceil(share * values): how many elements hard thresholding keeps."""
    # Rounded first: 0.07 * 100 is a little more than 7 in binary.
    return min(values, math.ceil(round(share * values, 6)))


def size(matrices: Mapping[str, Stored], rule: str = 'published') -> int:
    """What matrices occupy.

    Args:
      matrices: by name.
      rule: one of `RULES`.

    Returns:
      Bytes, or under `nnz` a number of values. The mean and the standard deviation of
      features are not counted: they fold into a matrix.

    Raises:
      ValueError: an unknown rule.

    Example:
      >>> size({'Z': Stored(1000, 0.2), 'W': Stored(50)})
      1800
    """
    if rule not in RULES:
        raise ValueError(f'rule {rule!r}; allowed: {", ".join(RULES)}')
    total = 0
    for matrix in matrices.values():
        sparse = matrix.share < SPARSE_BELOW
        stored = kept(*matrix) if sparse else matrix.values
        total += stored * (1 if rule == 'nnz' or not sparse else 2)
    return 4 * total if rule == 'published' else total
