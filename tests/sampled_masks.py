"""Random pruning of sampled groups."""

import jax

from sparse_jax.model import sizes


def random_masks(rng, group):
    """Stacked {node: mask} in padded shapes, of many densities; not cut to valid.

    Every member draws one density per node; some drop whole outputs or inputs too.
    """
    valid = jax.eval_shape(
        lambda c: sizes.valid_weights(group.skeleton, c), group.candidate(0))
    num, masks = len(group.points), {}
    for name, leaf in valid.items():
        shape = leaf['kernel'].shape
        density = rng.choice([0.02, 0.1, 0.4, 1.0], num, p=[.15, .2, .35, .3])
        mask = rng.random((num, *shape)) < density.reshape(-1, *[1] * len(shape))
        for axis in (0, 1):
            share = rng.choice([0.2, 0.6, 1.0], num, p=[.1, .3, .6])
            lines = rng.random((num, shape[axis])) < share[:, None]
            around = [1] * len(shape)
            around[axis] = shape[axis]
            mask &= lines.reshape(num, *around)
        masks[name] = mask
    return masks
