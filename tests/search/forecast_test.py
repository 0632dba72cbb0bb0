"""What a search will take: counted by hand."""

import math
import os

import jax
import pytest

from launch import ahead
from sparse_jax.model.skeleton import pad
from sparse_jax.objectives import graph_costs
from sparse_jax.search import forecast, gradient
from sparse_jax.settings.groups import Search, Settings
from sparse_jax.space import encoding
from tests import tiny_study


@pytest.mark.parametrize('search, programs', [
    # Two new ones in each of two rounds of initial points, then one.
    (Search(rounds=5, batch=8, initial=16), 2 * 2 + 3),
    (Search(rounds=1, batch=8, initial=16), 2),
    (Search(rounds=5, batch=8, initial=17, initial_groups=3), 3 * 3 + 2),
    # A half of the rounds is the end's.
    (Search(rounds=10, batch=8, initial=16, final_share=0.5), 2 * 2 + 3),
    # Any number: as many as a batch may have.
    (Search(rounds=3, batch=8, initial=0, new_groups=0, max_groups=4), 3 * 4),
    (Search(rounds=3, batch=2, initial=0, new_groups=0, max_groups=0), 3 * 2)])
def test_programs_are_bounded_by_the_groups_of_rounds(search, programs):
    assert forecast.programs_of(search) == programs


@pytest.mark.parametrize('search, epochs', [
    (Search(rounds=5, batch=8, initial=16, child_epochs=0.5), 16 * 40 + 24 * 20),
    (Search(rounds=5, batch=8, initial=16, inherit=False), 40 * 40),
    (Search(rounds=10, batch=8, initial=16, final_share=0.5), 16 * 40 + 24 * 20),
    (Search(rounds=1, batch=8, initial=16), 8 * 40),
    # A half, and of one half the other.
    (Search(rounds=2, batch=8, initial=16, rungs=(0.5, 1.0)), 16 * 40 * 0.75)])
def test_epochs_are_those_of_fresh_networks_and_heirs(search, epochs):
    settings = Settings(search=search)
    assert settings.train.epochs == 40
    assert forecast.epochs_of(settings) == epochs


def test_a_search_of_one_program_is_foreseen():
    """All points of the tiny space pad to the same sizes."""
    setup = tiny_study.build(search__max_minutes=3.0, runtime__workers=1)
    seen = forecast.forecast(setup)
    row, = setup.domain.sample(jax.random.key(1), 1)
    skeleton = pad(encoding.graph(setup.space, row), setup.evaluator.policy)
    macs = graph_costs.graph_totals(skeleton.graph).macs
    assert seen.products == macs and seen.admitted == 1.0 and seen.limit == 180.0
    assert (seen.rounds, seen.candidates) == (2, 4)
    images = len(setup.dataset.train.labels)
    expected = forecast.START + forecast.PROGRAM * seen.programs + (
        forecast.PRODUCT * macs * images * 4 * 8)
    assert seen.seconds == pytest.approx(expected)
    assert seen.memory > 8 * setup.dataset.train.images.size
    assert 0 < seen.rows <= len(setup.space.dimensions) and seen.log10_networks > 6


def test_without_a_clock_there_is_no_limit():
    assert forecast.forecast(tiny_study.finished().setup).limit == math.inf


def test_networks_found_by_gradient_are_foreseen():
    """Three of one template in two rounds; each may have a program of its own."""
    few = {'search__strategy': 'differentiable', 'search__rounds': 9,
           'differentiable__templates': ('c',), 'differentiable__budgets': 3}
    setup = tiny_study.build(**few)
    seen, work = forecast.forecast(setup), gradient.work(setup)
    assert (seen.rounds, seen.candidates) == (2, 4)
    assert seen.programs == 1 + 4
    hybrid = tiny_study.build(**few | {
        'search__strategy': 'suggest', 'search__initial_from': 'differentiable'})
    after = forecast.forecast(hybrid)
    # One new one in each of the rounds that are suggested.
    assert (after.rounds, after.programs) == (9, 1 + 4 + 7)
    cores = hybrid.settings.runtime.workers or os.cpu_count()
    finding = (forecast.PROGRAM + forecast.RELAXED * work.products) / cores
    assert (seen.known, seen.known_seconds) == (3, pytest.approx(finding))
    assert 'networks found by gradient, about' in ' '.join(ahead.lines(after, hybrid))
