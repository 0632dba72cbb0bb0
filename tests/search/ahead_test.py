"""What a search compiles before its suggestions need it."""

import dataclasses
import threading

import jax
import numpy as np
import pytest

from sparse_jax import default_config
from sparse_jax.acquisition.maximize import MaximizeConfig
from sparse_jax.search import ahead, archive
from sparse_jax.search import algorithms as lib
from sparse_jax.search.cube import cube_domain
from sparse_jax.settings.reading import read
from sparse_jax.surrogate.gp import GPConfig, gp
from sparse_jax.types import Evaluation, Problem, SearchAlgorithm, SuggestInfo

# In three dimensions, so that no other test compiles the same.
DOMAIN = cube_domain(3)
MODEL = lib.Model(
    make=lambda layout, log: gp(GPConfig(
        layout, log, restarts=1, steps=2, frequencies=8)),
    tiers=(8, 16), propose=lambda key, state: DOMAIN.sample(key, 16),
    maximize=MaximizeConfig(chunk=16, children=4, rounds=0, ascent_steps=0))
PROGRAMS = ('_fit', '_fantasise_jit', '_draw_jit', '_score_jit', '_fixed_jit',
            'moments')


def _archive(count: int) -> archive.Archive:
    rng = np.random.default_rng(0)
    codes = np.zeros(count, int)
    return archive.append(
        archive.empty(3, 2), rng.random((count, 3)),
        Evaluation(0.1 + rng.random((count, 2)), codes))


def _search(**changes):
    return dataclasses.replace(read(default_config()).search, **changes)


@pytest.mark.parametrize('name', ['ehvi', 'sparse', 'sparse_ucb', 'qnparego'])
def test_a_prepared_suggestion_compiles_nothing_and_is_the_same(name, key):
    # A budget, so that predictions are needed as well.
    make = lambda: lib.ALGORITHMS[name](
        DOMAIN, Problem((1.0, 1.0), budgets=(0.9, np.inf)), batch=2, model=MODEL,
        rules=lib.Rules(num_initial=2, pending=1))
    found = archive.expect(_archive(10), np.full((1, 3), 0.5), 2)
    made, compiled, here = make(), [], threading.get_ident()
    assert made.prepare is not None
    made.prepare(12)

    def listener(event: str, duration_secs: float, **told: str | int) -> None:
        del duration_secs
        # A search of another test may be compiling ahead in a thread of its own.
        if event.endswith('backend_compile_duration') and threading.get_ident() == here:
            compiled.append(str(told.get('fun_name')))

    jax.monitoring.register_event_duration_secs_listener(listener)
    try:
        ours, _ = made.suggest(key, found)
    finally:
        jax.monitoring.unregister_event_duration_listener(listener)
    assert not [f for f in compiled if any(p in f for p in PROGRAMS)], compiled
    np.testing.assert_array_equal(ours, make().suggest(key, found)[0])


def test_an_archive_of_the_next_capacity_is_expected():
    search = _search(initial=16, batch=8, rounds=4)
    empty, some = _archive(0), _archive(16)._replace(rounds=2)
    # Two random rounds come first: the model is asked with 16 trials.
    assert ahead.next_size(empty, 8, search) == 16
    assert ahead.next_size(some, 8, search) == 24
    # The last round, and a space that is used up, prepare nothing.
    assert ahead.next_size(some._replace(rounds=3), 8, search) is None
    assert ahead.next_size(some, 0, search) is None
    assert ahead.next_size(empty, 8, _search(initial=16, batch=8, rounds=2)) is None


def test_with_a_lag_pending_points_are_not_in_the_next_archive():
    search = _search(initial=16, batch=8, rounds=4, lag=1)
    pending = lambda count, rounds: archive.expect(
        _archive(count), np.full((8, 3), 0.5), rounds)
    # Two random rounds: the third is suggested while the second one trains.
    assert ahead.next_size(_archive(0), 8, search) == 8
    assert ahead.next_size(pending(0, 1), 8, search) == 8
    assert ahead.next_size(pending(8, 2), 8, search) == 16
    assert ahead.next_size(pending(16, 3), 8, search) is None
    # One round has all random points; the next one knows none of their outcomes.
    assert ahead.next_size(_archive(0), 16, _search(
        initial=16, batch=16, rounds=4, lag=1)) == 16


def test_preparing_runs_beside_the_search_and_never_beside_a_suggestion(key):
    free, heard = threading.Event(), []

    def prepare(size: int) -> None:
        assert free.wait(10)
        heard.append(size)

    def suggest(key, found):
        del key, found
        heard.append('suggest')
        return np.zeros((8, 3)), SuggestInfo()

    algorithm = ahead.prepared(SearchAlgorithm(suggest, prepare), _search(
        initial=8, batch=8, rounds=9))
    algorithm.suggest(key, _archive(0))
    assert heard == ['suggest']
    free.set()
    algorithm.suggest(key, _archive(8)._replace(rounds=1))
    assert heard[:3] == ['suggest', 8, 'suggest']


def test_an_algorithm_without_programs_stays_as_it_is():
    algorithm = SearchAlgorithm(lambda key, found: (np.zeros((1, 3)), SuggestInfo()))
    assert ahead.prepared(algorithm, _search()) is algorithm
