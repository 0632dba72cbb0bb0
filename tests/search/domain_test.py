"""The space as a domain: groups are skeletons, resampling stays inside one."""

import jax
import numpy as np
import pytest

from sparse_jax.model.skeleton import EXACT, TierPolicy
from sparse_jax.search.domain import skeletons, sparse_domain
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import sparse_space

SPACE, POLICY = sparse_space((12, 12, 1), 10), TierPolicy()
BASE = {d.name: d.neutral_value() for d in SPACE.dimensions} | {
    'downsample-input': False, 'num-conv-blocks': 1, 'num-fc-layers': 0,
    'left-branch': False, 'right-branch': False, 'num-conv-layers-block-1': 1}


@pytest.fixture(scope='module')
def domain():
    return sparse_domain(SPACE, POLICY)


@pytest.fixture(scope='module')
def rows(domain):
    return domain.sample(jax.random.key(3), 24)


def test_the_domain_describes_the_space(domain, rows):
    assert domain.dim == len(SPACE.dimensions) == rows.shape[1]
    assert len(domain.levels) == len(domain.categorical) == domain.dim
    assert domain.activity(rows).shape == rows.shape


def test_resampled_rows_are_new_canonical_members_of_the_group(domain, rows):
    for i, row in enumerate(rows[:8]):
        label, = domain.group(row[None])
        others = domain.resample(jax.random.key(i), row, 6)
        assert len(others), i
        assert domain.group(others) == [label] * len(others)
        assert (np.abs(others - row) > 1e-9).any(axis=1).all()
        assert len(np.unique(others.round(9), axis=0)) == len(others)
        assert encoding.feasible(SPACE, others).all()
        np.testing.assert_array_equal(encoding.canonical(SPACE, others), others)


def test_resampling_moves_widths_inside_their_tier(domain, rows):
    others = domain.resample(jax.random.key(0), rows[0], 16)
    points = [encoding.active_point(SPACE, row) for row in others]
    name = 'num-filters-block-1-layer-1'
    widths = {point[name] for point in points}
    assert len(widths) > 1
    assert len({POLICY.width(width) for width in widths}) == 1


def test_resampling_is_a_function_of_its_key(domain, rows):
    draw = lambda seed: domain.resample(jax.random.key(seed), rows[1], 4)
    np.testing.assert_array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))


def test_a_morph_is_a_feasible_canonical_neighbour(domain, rows):
    edited = domain.perturb(jax.random.key(2), rows)
    assert edited.shape == rows.shape
    assert encoding.feasible(SPACE, edited).all()
    assert (np.abs(edited - rows) > 1e-9).any(axis=1).mean() > 0.5


def test_the_tiers_decide_the_groups():
    """5 and 6 filters share a tier of the default, 6 and 7 a coarse one only."""
    coarse = TierPolicy(widths=(100,), units=(), kernels=((2, 5),))
    rows = np.stack([encoding.encode(SPACE, BASE | {
        'num-filters-block-1-layer-1': n}) for n in (5, 6, 7)])
    rows = encoding.canonical(SPACE, rows)
    for policy, same in ((EXACT, (0, 0)), (POLICY, (1, 0)), (coarse, (1, 1))):
        for labels in (skeletons(SPACE, policy, rows),
                       sparse_domain(SPACE, policy).group(rows)):
            assert (labels[0] == labels[1], labels[1] == labels[2]) == same
