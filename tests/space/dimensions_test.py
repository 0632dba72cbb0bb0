"""Values and coordinates of single rows."""

import numpy as np
import pytest

from sparse_jax.space.dimensions import Dimension, Role
from sparse_jax.space.sparse_space import sparse_space

ROLE = Role.TRAINING
SPACES = [sparse_space((12, 12, 3), 10, prior=p) for p in ('uniform', 'log-uniform')]
ROWS = {f'{s.prior}:{d.name}': d for s in SPACES for d in s.dimensions
        if 'block-2' not in d.name and 'layer-3' not in d.name}


@pytest.mark.parametrize('name', ROWS)
def test_encode_and_decode_are_inverse(name):
    row = ROWS[name]
    if row.levels:
        values = [row.level(i) for i in range(row.levels)]
        assert len(set(values)) == row.levels
        coordinates = np.array([row.encode(v) for v in values])
        assert (np.diff(coordinates) > 0).all()
        assert 0 < coordinates[0] and coordinates[-1] < 1
    else:
        coordinates = np.linspace(0, 1, 33)
        values = [row.decode(u) for u in coordinates]
        assert (values[0], values[-1]) == pytest.approx((row.low, row.high))
    expected = values if row.levels else pytest.approx(values)
    assert [row.decode(u) for u in coordinates] == expected
    assert [row.decode(row.encode(v)) for v in values] == expected
    assert all(row.problem(v) is None for v in values)
    np.testing.assert_allclose([row.encode(v) for v in values], coordinates, atol=1e-12)
    np.testing.assert_allclose(row.snap(coordinates), coordinates, atol=1e-12)


@pytest.mark.parametrize('name', ROWS)
def test_snap_keeps_the_value_and_the_edges_are_levels(name):
    row = ROWS[name]
    u = np.random.default_rng(0).random(200)
    u[:2] = 0.0, 1.0
    snapped = row.snap(u)
    assert [row.decode(x) for x in snapped] == [row.decode(x) for x in u]
    if row.levels:
        assert row.decode(0.0) == row.level(0)
        assert row.decode(1.0) == row.level(row.levels - 1)
        assert row.decode(-3.0) == row.level(0)
        assert row.decode(7.0) == row.level(row.levels - 1)


def test_a_discrete_log_row_gives_each_value_its_log_interval():
    row = Dimension('n', 'integer', ROLE, 1, 4, log=True)
    # n owns [log n, log(n + 1)) / log 5: 0, .4307, .6826, .8614, 1.
    assert [row.decode(u) for u in (0, .43, .432, .68, .684, .86, .863, 1)] == [
        1, 1, 2, 2, 3, 3, 4, 4]
    assert row.encode(1) == pytest.approx(np.log(2) / 2 / np.log(5))


def test_a_stepped_real_row_has_clean_decimals():
    row = Dimension('a', 'real', ROLE, 0.01, 1.0, 0.01)
    assert [row.level(i) for i in (0, 6, 28, 99)] == [0.01, 0.07, 0.29, 1.0]


def test_columns_decode_like_single_coordinates():
    u = np.random.default_rng(0).uniform(-0.2, 1.2, 300)
    rows = [row for row in sparse_space((8, 8, 1), 10).dimensions if not row.levels]
    assert {row.log for row in rows} == {True, False}
    for row in rows:
        assert row.stretched(u) == [row.decode(x) for x in u]


@pytest.mark.parametrize('row, bad, allowed', [
    (Dimension('x', 'boolean', ROLE), (1, 0, 'true', None, []), 'true, false'),
    (Dimension('x', 'categorical', ROLE, choices=('A', 'B')), ('a', 0, None, ['A']),
     'A, B'),
    (Dimension('x', 'integer', ROLE, 2, 5), (1, 6, 2.5, '3', None, True, float('nan'),
                                       float('inf'), 10**400, [3]),
     '2 to 5 in steps of 1'),
    (Dimension('x', 'real', ROLE, 0.01, 1, 0.01), (0, 0.005, 0.015, 1.01, False),
     '0.01 to 1 in steps of 0.01'),
    (Dimension('x', 'real', ROLE, 0, 0.5, 0.0), (-0.1, 0.51, float('nan')), '0 to 0.5'),
])
def test_problem_names_what_is_allowed(row, bad, allowed):
    for value in bad:
        assert row.problem(value) == f'allowed: {allowed}', value


def test_neutral_values():
    assert Dimension('x', 'integer', ROLE, 1, 3).neutral_value() == 2
    assert Dimension('x', 'integer', ROLE, 1, 3, neutral=1).neutral_value() == 1
    assert Dimension('x', 'boolean', ROLE, neutral=False).neutral_value() is False


@pytest.mark.parametrize('role', [None, 'pruning'])
def test_a_row_needs_a_role(role):
    with pytest.raises(TypeError, match='x: role'):
        Dimension('x', 'boolean', role)
    with pytest.raises(TypeError, match='role'):
        Dimension('x', 'boolean')
