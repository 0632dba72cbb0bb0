"""Candidates that share one compiled program, drawn from the space."""

from typing import NamedTuple

import jax
import numpy as np

from sparse_jax.model.skeleton import Candidate, Skeleton, TierPolicy, split, stack
from sparse_jax.search.domain import sparse_domain
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import Space


class Siblings(NamedTuple):
    """Points of one skeleton, as a program takes them."""

    skeleton: Skeleton
    """The static half that all of them share."""
    candidates: Candidate
    """The traced halves, stacked: leading axis [K]."""
    rows: np.ndarray
    """[K, D] their canonical coordinates."""


def siblings(
    key: jax.Array, space: Space, row: np.ndarray, num: int, policy: TierPolicy
) -> Siblings:
    """Draw points whose networks differ from a point's in nothing that is compiled.

    Widths, kernels and the settings of training and pruning are drawn anew, within the
    tiers of the policy; depth, layer types, pools, branches, batch norm and input
    down-sampling are those of the point.

    Args:
      key: consumed.
      space: the searched space.
      row: [D] canonical coordinates of a feasible point; the first of the result.
      num: how many candidates to give, the point itself included; at least 1.
      policy: how sizes are padded.

    Returns:
      K distinct candidates; K is `num`, or less where the space has no more.

    Raises:
      ValueError: `num` is below 1, or the network of `row` is infeasible.

    Example:
      >>> space = sparse_space((8, 8, 1), 10)
      >>> row = sample(jax.random.key(0), space, 1)[0]
      >>> skeleton, candidates, rows = siblings(
      ...     jax.random.key(1), space, row, 3, TierPolicy())
      >>> candidates.learning_rate.shape, len(rows)
      ((3,), 3)
    """
    if num < 1:
        raise ValueError(f'num: {num} is not allowed; allowed: at least 1')
    rows = row[None]
    if num > 1:
        others = sparse_domain(space, policy).resample(key, row, num - 1)
        rows = np.concatenate([rows, others])
    halves = [split(encoding.graph(space, r), encoding.decode(space, r), policy)
              for r in rows]
    return Siblings(halves[0][0], stack([candidate for _, candidate in halves]), rows)
