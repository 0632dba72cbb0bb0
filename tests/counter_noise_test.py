"""Position-addressed random numbers: distribution, independence, padding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax import counter_noise

NUM = 1 << 18


@pytest.fixture(scope='module')
def draws():
    seed = counter_noise.seeds(jax.random.key(3))
    index = jnp.arange(NUM, dtype=jnp.uint32)
    return {'normal': np.asarray(counter_noise.normal(seed, index), np.float64),
            'fast': np.asarray(counter_noise.fast_normal(seed, index), np.float64)}


@pytest.mark.parametrize('name, fourth, slack', [
    ('normal', 3.0, 0.0), ('fast', 3.0 - 0.06, 0.01)])
def test_moments_are_those_of_a_standard_normal(draws, name, fourth, slack):
    x, root = draws[name], np.sqrt(NUM)
    assert abs(x.mean()) < 5 / root
    assert abs((x**2).mean() - 1) < 5 * np.sqrt(2) / root
    assert abs((x**3).mean()) < 5 * np.sqrt(15) / root
    assert abs((x**4).mean() - fourth) < 5 * np.sqrt(96) / root + slack


@pytest.mark.parametrize('name, distance', [('normal', 0.005), ('fast', 0.006)])
def test_quantiles_are_those_of_a_standard_normal(draws, name, distance):
    # Largest gap of the empirical distribution function (sampling alone: 0.002).
    x = np.sort(draws[name])
    theory = np.asarray(jax.scipy.stats.norm.cdf(x))
    assert np.abs(theory - (np.arange(NUM) + 0.5) / NUM).max() < distance


@pytest.mark.parametrize('name', ['normal', 'fast'])
@pytest.mark.parametrize('lag', [1, 2, 128, 4096])
def test_neighbours_are_uncorrelated(draws, name, lag):
    x = draws[name]
    assert abs((x[:-lag] * x[lag:]).mean()) < 5 / np.sqrt(NUM - lag)


def test_seeds_give_unrelated_numbers():
    index = jnp.arange(NUM, dtype=jnp.uint32)
    a, b = (np.asarray(counter_noise.fast_normal(
        counter_noise.seeds(jax.random.key(i)), index)) for i in (0, 1))
    assert abs((a * b).mean()) < 5 / np.sqrt(NUM)
    # Either word of the seed matters.
    word = lambda *seed: np.asarray(counter_noise.bits(
        jnp.array(seed, jnp.uint32), index))
    for other in (word(1, 7), word(0, 8)):
        assert (word(0, 7) == other).mean() < 1e-4


def test_derived_seeds_are_unrelated():
    seed = counter_noise.seeds(jax.random.key(4))
    index = jnp.arange(NUM, dtype=jnp.uint32)
    draw = lambda s: np.asarray(counter_noise.fast_normal(s, index))
    draws = [draw(seed)] + [draw(counter_noise.derive(seed, name)) for name in (
        'block-1-layer-1', 'block-1-layer-2', 'weight')]
    draws.append(draw(counter_noise.derive(
        counter_noise.derive(seed, 'block-1-layer-1'), 'weight')))
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 5 / np.sqrt(NUM)
    np.testing.assert_array_equal(
        draws[1], draw(counter_noise.derive(seed, 'block-1-layer-1')))


def test_every_bit_is_fair():
    words = np.asarray(counter_noise.bits(
        counter_noise.seeds(jax.random.key(5)), jnp.arange(NUM, dtype=jnp.uint32)))
    for bit in range(32):
        assert abs((words >> bit & 1).mean() - 0.5) < 2.5 / np.sqrt(NUM)


def test_extreme_words_give_finite_normals():
    # Whatever the hash gives, inversion must not reach an infinity.
    x = np.asarray(counter_noise.normal(
        counter_noise.seeds(jax.random.key(0)), jnp.arange(1 << 21, dtype=jnp.uint32)))
    assert np.isfinite(x).all() and 4.5 < np.abs(x).max() < 5.5


def test_an_index_does_not_depend_on_the_shape():
    strides = (100, 10, 1)
    small = counter_noise.indices((2, 3, 4), strides)
    large = counter_noise.indices((5, 7, 9), strides)
    np.testing.assert_array_equal(small, large[:2, :3, :4])
    np.testing.assert_array_equal(small[1, 2], [120, 121, 122, 123])
    assert small.dtype == np.uint32


def test_scramble_is_one_to_one_and_scatters():
    x = np.arange(1 << 16, dtype=np.uint32)
    y = counter_noise.scramble(x)
    assert len(np.unique(y)) == len(x)
    assert abs(np.corrcoef(y[:-1].astype(float), y[1:].astype(float))[0, 1]) < 0.02
    # Runs of 64 from different starts hardly ever meet.
    gaps = np.diff(np.sort(y.astype(np.int64)))
    assert (gaps < 64).mean() < 0.01


def test_seeds_of_numbers_are_unrelated_and_traced_as_given():
    seed = counter_noise.seeds(jax.random.key(5))
    steps = [0, 1, 2, 1000, 2**31 - 1]
    each = np.stack([counter_noise.at(seed, step) for step in steps])
    traced = jax.jit(jax.vmap(counter_noise.at, (None, 0)))(seed, jnp.array(steps))
    np.testing.assert_array_equal(each, traced)
    index = jnp.arange(NUM, dtype=jnp.uint32)
    draws = [np.asarray(counter_noise.fast_normal(s, index)) for s in (seed, *each)]
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 5 / np.sqrt(NUM)


def test_permutations_are_uniform():
    seed, count, draws = counter_noise.seeds(jax.random.key(6)), 5, 4000
    drawn = np.asarray(jax.vmap(lambda i: counter_noise.permutation(
        counter_noise.at(seed, i), count))(jnp.arange(draws)))
    assert drawn.dtype == np.int32
    np.testing.assert_array_equal(np.sort(drawn), np.tile(np.arange(count), (draws, 1)))
    # All 120 orders, each about equally often: chi-squared with 119 degrees of freedom.
    orders, found = np.unique(drawn, axis=0, return_counts=True)
    assert len(orders) == 120
    expected = draws / 120
    assert ((found - expected)**2 / expected).sum() < 119 + 5 * np.sqrt(2 * 119)
