"""The trend that a surrogate begins with."""

import contextlib
import json

import jax
import numpy as np
import pytest

from sparse_jax.acquisition.scoring import Facts
from sparse_jax.objectives import structure
from sparse_jax.search import archive, loop, setup, starts, trend
from sparse_jax.settings.errors import ConfigError
from sparse_jax.space import encoding
from sparse_jax.study.records import Study
from sparse_jax.types import Evaluation
from tests import tiny_study

F = len(structure.NAMES)


def _prior(slope):
    return trend.Prior(np.linspace(0.5, 2.0, F), slope)


def _data(count, seed=0, noise=0.0):
    """Features, and errors of a line in them with standard deviation 0.3."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, F))
    slope = rng.normal(size=F)
    y = x @ slope
    y = 0.3 * (y - y.mean()) / y.std() - 1.0
    return x, np.exp(y + noise * rng.normal(size=count))


def test_few_trainings_follow_the_known_slopes_and_many_their_own():
    x, errors = _data(4000)
    wrong = np.full(F, 0.2)
    few = trend.fit(x[:2], errors[:2], _prior(wrong))
    spread = np.log(errors[:2]).std()
    # Two trainings weigh 2 / (2 + 30) at most.
    np.testing.assert_allclose(
        few.slope, spread * wrong / _prior(wrong).spread, atol=0.15 * spread)
    many = trend.fit(x, errors, _prior(wrong))
    np.testing.assert_allclose(many.errors(x), errors, rtol=0.15)


def test_it_is_ridge_regression_towards_the_known_slopes():
    """As least squares with one more row for every feature."""
    x, errors = _data(40, noise=0.2)
    known = _prior(np.random.default_rng(1).normal(size=F) / 5)
    y = np.log(errors)
    z = np.clip((y - y.mean()) / y.std(), -trend.MOST, trend.MOST)
    scaled = (x - x.mean(0)) / known.spread
    rows = np.concatenate([scaled, np.sqrt(trend.WEIGHT) * np.eye(F)])
    wanted = np.concatenate([z, np.sqrt(trend.WEIGHT) * known.slope])
    slope = np.linalg.lstsq(rows, wanted)[0]
    fitted = trend.fit(x, errors, known)
    np.testing.assert_allclose(
        np.log(fitted.errors(x)), y.mean() + y.std() * scaled @ slope, rtol=1e-9)


def test_the_order_of_trainings_and_the_unit_of_errors_do_not_matter():
    x, errors = _data(30, noise=0.1)
    known = _prior(np.zeros(F))
    fitted = trend.fit(x, errors, known)
    other = trend.fit(x[::-1], 0.5 * errors[::-1], known)
    np.testing.assert_allclose(other.errors(x), 0.5 * fitted.errors(x), rtol=1e-9)


@pytest.fixture(scope='module')
def drawn():
    """A search with filled starts, and 24 of them."""
    built = setup.build(tiny_study.settings(
        search__initial_design='filled', search__trend='structure',
        pruning__method='none', objectives__model_size=300,
        objectives__working_memory=200, search__max_groups=0, search__initial_groups=0))
    return built, built.domain.sample(jax.random.key(3), 24)


def test_the_surrogate_sees_errors_as_multiples_of_it(drawn):
    """Nothing else that is known changes, and nothing does without trainings."""
    built, rows = drawn
    vectors = structure.vectors(encoding.graphs(built.space, rows))
    # Whatever the known slopes say, here products hurt.
    errors = np.exp(0.1 * vectors[:, 0] - 3.0)
    known = archive.append(archive.empty(rows.shape[1], 3, 0), rows, Evaluation(
        np.stack([errors] * 3, 1), np.zeros(24, int), np.zeros((24, 0)), np.zeros(24)))
    plain = lambda x: Facts(*(np.full((len(x), 3), v) for v in (-1.0, 1.0, 2.0)))
    found = trend.following(known, built.space, plain)(rows)
    expected = trend.fit(vectors, errors, trend.prior()).errors(vectors)
    np.testing.assert_allclose(found.scale[:, 0], 2.0 * expected)
    assert np.corrcoef(np.log(expected), np.log(errors))[0, 1] > 0.5
    np.testing.assert_array_equal(found.scale[:, 1:], 2.0)
    np.testing.assert_array_equal(found[:2], plain(rows)[:2])
    empty = archive.empty(rows.shape[1], 3, 0)
    assert trend.following(empty, built.space, plain) is plain


def test_of_sixteen_filled_draws_the_most_promising_comes_first(drawn):
    built, rows = drawn
    merit = trend.merit(encoding.graphs(built.space, rows))
    order = starts._order(jax.random.key(0), [0] * 24, merit.tolist(), 16)
    # Two groups: of 16 and of 8.
    assert merit.max() in merit[:2]
    assert merit[order[0]] == merit.max() or merit[order[1]] == merit.max()
    assert sorted(order) == list(range(24))


def test_each_is_expected_from_all_others():
    """Wherever its own error lies."""
    x, errors = _data(12, noise=0.1)
    known = _prior(np.full(F, 0.1))
    found = trend.left_out(x, errors, known)
    np.testing.assert_array_equal(
        found[3], trend.fit(np.delete(x, 3, 0), np.delete(errors, 3), known).errors(
            x[[3]])[0])
    errors[3] *= 3.0
    assert trend.left_out(x, errors, known)[3] == found[3] != found[4]


def test_an_error_of_zero_is_half_of_the_smallest_other():
    found = trend.logarithms(np.array([0.0, 0.04, 0.2]))
    np.testing.assert_allclose(np.exp(found), [0.02, 0.04, 0.2])
    np.testing.assert_allclose(np.exp(trend.logarithms(np.zeros(2))), 1e-4)


def test_no_error_is_above_one():
    x, _ = _data(2)
    fitted = trend.fit(x, np.array([0.01, 0.9]), _prior(np.full(F, 0.5)))
    assert fitted.errors(x[:1] + 9.0) <= 1 and (fitted.errors(100.0 * x) <= 1).all()


def test_slopes_are_kept_by_name(tmp_path):
    known = trend.prior()
    kept = json.loads(trend.stored(known, studies=2))
    assert kept['studies'] == 2 and list(kept['slope']) == list(structure.NAMES)
    np.testing.assert_allclose(list(kept['slope'].values()), known.slope)
    assert (known.spread > 0).all() and np.abs(known.slope).max() < 1


def test_a_search_follows_it_and_expects_errors(tmp_path):
    """What it expects is in units of errors, whatever they are multiples of."""
    built = tiny_study.build(search__trend='structure', search__initial=2,
                             search__algorithm='ehvi')
    with contextlib.closing(Study(tmp_path)) as study:
        loop.run(built, study)
        later = [row for row in study.rows() if row.round == 1]
    assert len(later) == tiny_study.BATCH
    assert all(0 < row.predicted[0] <= 1 for row in later)


def test_trends_have_names():
    with pytest.raises(ConfigError, match=(
            "^config.search.trend: 'linear' is not allowed; allowed: none, structure")):
        tiny_study.settings(search__trend='linear')
