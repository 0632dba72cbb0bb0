"""The SpArSe space as the `Domain` that search algorithms see."""

import functools

import numpy as np

from sparse_jax.host_random import generator
from sparse_jax.model.skeleton import Skeleton, TierPolicy, pad
from sparse_jax.space import encoding, morphisms
from sparse_jax.space.architecture import Graph
from sparse_jax.space.dimensions import Role
from sparse_jax.space.sparse_space import Space
from sparse_jax.types import Domain, PRNGKey

_FILL_TRIES = 12


def sparse_domain(space: Space, policy: TierPolicy) -> Domain:
    """The space with its tier policy: points with one skeleton form a group."""
    return Domain(
        dim=len(space.dimensions),
        levels=space.levels,
        categorical=space.categorical,
        sample=lambda key, num: encoding.sample(key, space, num),
        perturb=lambda key, rows: morphisms.morph(key, space, rows),
        activity=functools.partial(encoding.activity, space),
        group=functools.partial(skeletons, space, policy),
        resample=functools.partial(_resample, space=space, policy=policy),
    )


def skeletons(space: Space, policy: TierPolicy, rows: np.ndarray) -> list[Skeleton]:
    """The compiled programs that canonical feasible rows [N, D] belong to."""
    return [_padded(graph, policy) for graph in encoding.graphs(space, rows)]


@functools.lru_cache(maxsize=65_536)
def _padded(graph: Graph, policy: TierPolicy) -> Skeleton:
    return pad(graph, policy)


def _resample(
    key: PRNGKey, row: np.ndarray, num: int, *, space: Space, policy: TierPolicy
) -> np.ndarray:
    """Up to `num` distinct rows of the same skeleton as `row` (itself excluded).

    Structure stays; every other active dimension is redrawn with probability one
    half, widths and kernels inside their tier.
    """
    rng = generator(key)
    skeleton, = skeletons(space, policy, row)
    free = np.array([not row.role.static for row in space.dimensions])
    free &= encoding.activity(space, row[None])[0]
    found = np.zeros((0, len(row)))
    for _ in range(_FILL_TRIES):
        rows = np.repeat(row[None], 2 * num, axis=0)
        redraw = free & (rng.random(rows.shape) < 0.5)
        fresh = np.where(rng.random(rows.shape) < 0.5, rng.random(rows.shape),
                         rows + rng.normal(0.0, 0.1, rows.shape))
        rows = encoding.snap(space, np.where(redraw, np.clip(fresh, 0, 1), rows))
        rows = _keep_tiers(rng, space, policy, rows, row, redraw)
        rows = rows[encoding.feasible(space, rows)]
        rows = encoding.canonical(space, rows) if len(rows) else rows
        same = [s == skeleton for s in skeletons(space, policy, rows)]
        rows = np.concatenate([found, rows[np.array(same, bool)]])
        new = (np.abs(rows - row) > 1e-9).any(axis=1)
        _, first = np.unique(rows[new].round(9), axis=0, return_index=True)
        found = rows[new][first]
        if len(found) >= num:
            break
    return rng.permutation(found)[:num]


def _keep_tiers(
    rng: np.random.Generator, space: Space, policy: TierPolicy, rows: np.ndarray,
    row: np.ndarray, redraw: np.ndarray,
) -> np.ndarray:
    """Replace redrawn widths and kernels by values of the original's tier."""
    tiers = {Role.WIDTH: policy.width, Role.KERNEL: policy.kernel}
    for column, dimension in enumerate(space.dimensions):
        if dimension.role not in tiers:
            continue
        value = dimension.decode(row[column])
        tier = tiers[dimension.role]
        levels = [i for i in range(dimension.levels)
                  if tier(dimension.level(i)) == tier(value)]
        drawn = dimension.centre(rng.choice(levels, len(rows)))
        rows[:, column] = np.where(redraw[:, column], drawn, rows[:, column])
    return rows
