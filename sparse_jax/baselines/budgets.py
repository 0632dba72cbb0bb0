"""Shares of kept values that fill a budget of bytes under the published rule.

As in both papers: the shape and the small matrices are fixed, and the projection, which
is most of a classifier, is thinned out until the whole fits.
"""

import math

from sparse_jax.baselines import bonsai, protonn, sizes

LEAST = 0.02
"""A projection of fewer values is no candidate."""


def share_of(values: int, left: int) -> float | None:
    """The share of the largest matrix of some values that fits into what is left.

    Args:
      values: of the matrix.
      left: bytes.

    Returns:
      1 where it fits without indices; otherwise a share below a half, as a larger one
      is no smaller than the whole; None where less than `LEAST` fits.
    """
    if 4 * values <= left:
        return 1.0
    number = min(left // 8, math.ceil(values / 2) - 1)
    share = number / values
    return share if share >= LEAST else None


def fill_bonsai(
    tree: bonsai.Tree, tuning: bonsai.Tuning, budget: int,
) -> bonsai.Tuning | None:
    """The tuning with the largest share of Z within a budget.

    Args:
      tree: the shape.
      tuning: plain numbers; all other shares stay.
      budget: bytes.

    Returns:
      None where the rest of the tree leaves too little.
    """
    parts = bonsai.stored(tree, tuning)
    whole = parts.pop('Z').values
    share = share_of(whole, budget - sizes.size(parts))
    return None if share is None else tuning._replace(share_z=share)


def fill_protonn(
    shape: protonn.Prototypes, tuning: protonn.Tuning, budget: int,
) -> protonn.Tuning | None:
    """The same of the projection W of ProtoNN."""
    parts = protonn.stored(shape, tuning)
    whole = parts.pop('W').values
    share = share_of(whole, budget - sizes.size(parts))
    return None if share is None else tuning._replace(share_w=share)
