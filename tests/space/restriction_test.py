"""Spaces with fewer values: what is left, and that everything stays inside."""

import jax
import numpy as np
import pytest

from sparse_jax.model.skeleton import TierPolicy
from sparse_jax.search.domain import sparse_domain
from sparse_jax.space import encoding, morphisms, network_file
from sparse_jax.space.restriction import restrict
from sparse_jax.space.sparse_space import sparse_space

WHOLE = sparse_space((14, 14, 3), 10)
TEXT = ('*-branch=false, batch-norm=FALSE, kernel-size-*=3:4,'
        'layer-type-*=SeparableConv2D|Conv2D, num-filters-*=2:24, alpha=0.3,'
        'kernel-size-block-2-*=4, learning-rate=0.002:0.01, pruning-threshold-*=1e-5,'
        'total-fc-layer-weights=1000:4000,')
SPACE = restrict(WHOLE, TEXT)


def _levels(name, space=SPACE):
    row = space[name]
    return [row.level(i) for i in range(row.levels)]


def test_what_is_left():
    assert _levels('left-branch') == _levels('right-branch') == [False]
    assert _levels('batch-norm') == [False] and _levels('pretraining') == [False, True]
    assert _levels('kernel-size-block-1-layer-2') == [3, 4]
    assert _levels('kernel-size-block-2-layer-2') == [4]
    # The order of the table, whatever that of the restriction.
    assert _levels('layer-type-block-2-layer-1') == ['Conv2D', 'SeparableConv2D']
    assert _levels('num-filters-block-1-layer-1') == list(range(2, 25))
    assert _levels('alpha') == [0.3]
    assert _levels('pruning-threshold-block-1-layer-1') == [1e-5]
    assert _levels('total-fc-layer-weights') == [1000, 2000, 3000, 4000]
    rate = SPACE['learning-rate']
    assert [rate.decode(u) for u in (0.0, 0.5, 1.0)] == pytest.approx(
        [0.002, (0.002 * 0.01) ** 0.5, 0.01])
    assert rate.decode(rate.encode(0.005)) == pytest.approx(0.005)
    untouched = set(SPACE.names) - {
        a.name for a, b in zip(SPACE.dimensions, WHOLE.dimensions) if a != b}
    assert 'num-conv-blocks' in untouched and 'learning-rate' not in untouched


def test_nothing_restricts_nothing():
    assert restrict(WHOLE, '') == restrict(WHOLE, ' , ') == WHOLE


def test_inactive_rows_have_a_value_that_is_left():
    for row in restrict(WHOLE, 'kernel-size-*=5,pool-*=false').dimensions:
        assert row.problem(row.neutral_value()) is None


@pytest.fixture(scope='module')
def rows():
    return encoding.sample(jax.random.key(0), SPACE, 200)


def _inside(rows):
    np.testing.assert_allclose(
        encoding.canonical(SPACE, rows), rows, rtol=0, atol=1e-12)
    assert encoding.feasible(SPACE, rows).all()
    for point in encoding.decode_rows(SPACE, rows):
        for name, value in point.items():
            assert SPACE[name].problem(value) is None, (name, value)
        np.testing.assert_allclose(
            encoding.decode(SPACE, encoding.encode(SPACE, point))['alpha'], 0.3)


def test_draws_morphs_and_siblings_stay_inside(rows):
    _inside(rows)
    children = morphisms.morph(jax.random.key(1), SPACE, rows)
    _inside(children)
    assert (np.abs(children - rows).max(axis=1) > 1e-9).all()
    domain = sparse_domain(SPACE, TierPolicy())
    for i in range(4):
        siblings = domain.resample(jax.random.key(i), rows[i], 4)
        assert len(siblings)
        _inside(siblings)


def test_points_of_the_restricted_space_are_points_of_the_table(rows):
    """The same networks, in other coordinates."""
    for row in rows[:20]:
        point = encoding.active_point(SPACE, row)
        theirs = encoding.encode(WHOLE, network_file.check(WHOLE, point))
        assert encoding.graph(WHOLE, theirs) == encoding.graph(SPACE, row)


def test_a_network_file_outside_is_refused():
    point = encoding.active_point(WHOLE, encoding.sample(
        jax.random.key(3), restrict(WHOLE, 'left-branch=true'), 1)[0])
    with pytest.raises(network_file.NetworkFileError, match='allowed: false$'):
        network_file.check(restrict(WHOLE, 'left-branch=false'), point)


@pytest.mark.parametrize('text, words', [
    ('batch-norm', "'batch-norm' is not allowed; allowed: ROW=VALUE"),
    ('=3', "'' is no row"),
    ('filters=3', 'num-filters-block-*'),
    ('kernel-size-*=', 'allowed: 2 to 5 in steps of 1'),
    ('kernel-size-*=2.5', 'allowed: 2 to 5 in steps of 1'),
    ('kernel-size-*=6', 'allowed: 2 to 5'),
    ('kernel-size-*=4:3', 'LOW at most HIGH'),
    ('kernel-size-*=3:4:5', 'as ONE or LOW:HIGH'),
    ('kernel-size-*=3|4', 'as ONE or LOW:HIGH'),
    ('num-filters-*=1_0', 'allowed: 1 to 100'),
    ('kernel-size-*=3,kernel-size-*=4', 'allowed: 3'),
    ('alpha=0.015', 'in steps of 0.01'),
    ('alpha=nan', 'allowed: 0.01 to 1'),
    ('batch-norm=1', 'allowed: true, false'),
    ('merge-type=sum', 'allowed: Sum, Concatenate'),
    ('weight-fraction-main-branch=0.5', 'allowed: no restriction'),
    ('downsample-block-1-layer-1=0.5', 'allowed: no restriction'),
    ('weight-*=0.5', 'weight-fraction-main-branch: '),
])
def test_what_cannot_be_is_one_line(text, words):
    with pytest.raises(ValueError) as caught:
        restrict(WHOLE, text)
    assert words in str(caught.value) and '\n' not in str(caught.value)


SMALL = sparse_space((8, 8, 1), 2)


def test_a_space_without_networks_is_found_out():
    nothing = restrict(SMALL, 'num-conv-layers-block-1=3,kernel-size-*=5')
    assert encoding.fits(SMALL) and not encoding.fits(nothing)
    with pytest.raises(ValueError, match='no network of this space fits'):
        encoding.sample(jax.random.key(0), nothing, 5)


def test_a_rare_network_is_found():
    """Of a thousand random points one or none is feasible."""
    rare = restrict(SMALL, 'num-conv-blocks=2,num-conv-layers-*=3,'
                           'kernel-size-block-1-layer-1=3')
    draws = encoding.snap(
        rare, np.random.default_rng(0).random((20_000, len(rare.dimensions))))
    assert encoding.feasible(rare, draws).mean() < 1e-3
    for seed in range(5):
        found = encoding.sample(jax.random.key(seed), rare, 3)
        assert found.shape[0] == 3 and encoding.feasible(rare, found).all()


def test_without_free_pruning_rows_stage_2_has_no_morphs():
    held = restrict(WHOLE, 'zero-regularization-epochs=5,annealing-epochs=15,alpha=0.1,'
                    'pretraining=true,log-alpha-offset=0,pruning-threshold-*=1e-5')
    rows = encoding.sample(jax.random.key(0), held, 20)
    np.testing.assert_array_equal(
        morphisms.morph(jax.random.key(1), held, rows, only_pruning=True), rows)
    changed = morphisms.morph(jax.random.key(1), held, rows)
    assert (np.abs(changed - rows).max(axis=1) > 1e-9).all()


def test_what_a_grey_image_has_not_is_not_changed():
    grey = restrict(SMALL, 'downsample-input-in-depth=true')
    row = encoding.sample(jax.random.key(0), grey, 1)[0]
    assert encoding.decode(grey, row)['downsample-input-in-depth'] is False
    with pytest.raises(ValueError, match='true, false'):
        restrict(SMALL, 'downsample-input-in-depth=1')


def test_values_are_those_that_were_written():
    near = restrict(WHOLE, 'kernel-size-*=2.9999999,pruning-threshold-*=1.2345678e-6')
    assert _levels('kernel-size-block-1-layer-1', near) == [3]
    assert _levels('pruning-threshold-block-1-layer-1', near) == [1.2345678e-6]
