"""The unit cube as a domain."""

import jax
import numpy as np

from sparse_jax.search.cube import SCALES, cube_domain


def test_the_cube_is_a_domain(key):
    domain = cube_domain(5)
    x = domain.sample(key, 200)
    assert x.shape == (200, 5) and (x >= 0).all() and (x <= 1).all()
    moved = domain.perturb(key, x)
    assert (moved >= 0).all() and (moved <= 1).all()
    assert ((moved != x).any(1)).all()
    step = np.abs(moved - x).max(1)
    assert step.min() < 10 * SCALES[0] and step.max() > SCALES[1]
    assert domain.activity(x).all() and len(set(domain.group(x))) == 1
    np.testing.assert_array_equal(x, domain.sample(key, 200))
    assert not np.array_equal(x, domain.sample(jax.random.key(1), 200))
    assert domain.resample(key, x[0], 3).shape == (3, 5)
