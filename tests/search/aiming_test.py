"""Trainings of a search that aim at its budgets."""

import functools

import numpy as np
import pytest

from sparse_jax.objectives.target import Target
from sparse_jax.search import loop
from sparse_jax.space import encoding
from sparse_jax.study.outcome import PRESSURE, Parent, Trial, outside
from sparse_jax.study.records import Study
from sparse_jax.study.weights_file import pack, unpack
from tests import tiny_study


@functools.cache
def _built():
    return tiny_study.build(
        pruning__aim=True, search__rounds=1, search__batch=1,
        objectives__model_size=20)


def test_a_search_aims_at_its_budgets_and_else_at_its_bounds():
    target = lambda **changes: tiny_study.build(**changes).evaluator.recipe.target
    assert target() is None
    assert target(pruning__aim=True, budgets__model_size=300) == Target(
        (('model_size', 300.0),))
    names = [name for name, _ in target(pruning__aim=True).limits]
    assert names == ['model_size', 'working_memory']


@functools.cache
def _first():
    """The weights of a training that is above its limit to the end."""
    row = tiny_study.base_row(_built().space)
    some, = list(_built().evaluator.evaluate([Trial(0, row, 6)], lambda _: None))
    return row, some[0]


def test_a_trial_that_aims_runs(tmp_path):
    study = Study(tmp_path)
    loop.run(_built(), study)
    row, = study.rows()
    assert row.ok
    stored = study.weights(0).training[PRESSURE]
    assert stored.dtype == np.float32 and stored.shape == ()


@pytest.mark.parametrize('trial, goes_on', [
    (Trial(1, None, 0, 0, 1, 0), True),        # promoted
    (Trial(1, None, 0, outside(0)), True),     # retrained from its stored weights
    (Trial(1, None, 0, 0), False)])            # an heir: another point
def test_the_price_goes_on_with_the_same_point(trial, goes_on):
    row, before = _first()
    price = float(before.weights.training[PRESSURE])
    assert price > 0.5
    parent = Parent(encoding.graph(_built().space, row), unpack(pack(before.weights)))
    some, = list(_built().evaluator.evaluate(
        [trial._replace(row=row)], lambda _: parent))
    # No step: what comes out is what went in.
    assert float(some[0].weights.training[PRESSURE]) == (price if goes_on else 0.0)


def test_weights_without_a_price_begin_with_none():
    row, before = _first()
    old = unpack(pack(before.weights._replace(training={})))
    assert old.training == {}
    parent = Parent(encoding.graph(_built().space, row), old)
    some, = list(_built().evaluator.evaluate(
        [Trial(1, row, 0, 0, 1, 0)], lambda _: parent))
    assert some[0].weights.training[PRESSURE] == 0
