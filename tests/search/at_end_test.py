"""A search that screens plain networks above its budget, and prunes at its end."""

import dataclasses

import numpy as np
import pytest

from sparse_jax.objectives.goals import Objectives, front_of
from sparse_jax.pruning import gradual_magnitude, no_pruning
from sparse_jax.search import credit, finals, loop, starts
from sparse_jax.settings import reading
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Pruning, Settings
from sparse_jax.study import planned
from sparse_jax.study.finals import chosen
from sparse_jax.study.outcome import FINAL
from sparse_jax.study.records import Study
from tests import tiny_study
from tests.study.finals_test import row

MOST = 60
CHANGES = {
    'pruning__method': 'gradual_magnitude', 'pruning__at_end': True,
    'pruning__cuts': (), 'objectives__names': ('error', 'model_size'),
    'objectives__model_size': MOST, 'budgets__model_size': MOST,
    'search__focus': 'error', 'search__final_share': 0.61,
    'search__finals': 1, 'search__final_starts': 2, 'search__final_epochs': 12}
AT_END = Settings(pruning=Pruning(method='gradual_magnitude', at_end=True))


@pytest.fixture(scope='module')
def ended(tmp_path_factory):
    """(setup, study) of a tiny search that has ended: one round, and its end."""
    setup = tiny_study.build(**CHANGES)
    study = Study(tmp_path_factory.mktemp('at_end'))
    loop.run(setup, study)
    yield setup, study
    study.close()


def test_rounds_are_plain_and_the_end_is_within_the_budget(ended):
    """Two networks of 105 and 135 weights; the better one is pruned twice, from its
    weights and afresh."""
    setup, study = ended
    rows = study.rows()
    assert [r.trial.rung for r in rows] == [0, 0, FINAL, FINAL]
    assert [r.costs.model_size for r in rows[:2]] == [105, 135]
    assert [r.costs for r in rows[:2]] == [r.unpruned for r in rows[:2]]
    assert {r.status for r in rows[:2]} == {'over-budget'}
    better = min(rows[:2], key=lambda r: r.error).trial.number
    assert [(r.trial.parent, r.trial.first) for r in rows[2:]] == [
        (better, better), (None, better)]
    assert all(0.8 * MOST < r.costs.model_size <= MOST and r.ok for r in rows[2:])
    assert [bool(study.weights(n).aux) for n in range(4)] == [False, False, True, True]


def test_no_front_has_what_was_screened(ended):
    setup, study = ended
    networks = study.networks()
    assert {r.trial.rung for r in front_of(networks, setup.objectives)} == {FINAL}
    assert chosen(networks, setup.objectives).trial.rung == FINAL
    assert [r.hypervolume > 0 for r in study.rounds()] == [False, True]


def test_the_program_of_rounds_prunes_nothing(ended):
    """One program of each kind; the second one exists from the end on."""
    setup, study = ended
    executor = setup.evaluator.executor
    plain, late = executor.rounds.programs, executor.end.programs
    assert plain.recipe.method == no_pruning() and plain.recipe.target is None
    assert late.recipe == setup.evaluator.recipe
    assert late.recipe.method == gradual_magnitude()
    assert sum(plain.uses.values()) == sum(late.uses.values()) == 2
    assert executor.stats().programs == 2 == sum(r.programs for r in study.rounds())
    assert setup.lowering.conv in ('patches', 'direct-norm')
    assert any('up to 3 times the budgets' in note for note in setup.notes)


@pytest.mark.parametrize('phase', ['training', 'finished group'])
def test_a_search_that_was_killed_ends_the_same(tmp_path, ended, phase):
    setup, whole = ended
    study = Study(tmp_path)
    tiny_study.killed_at_its_end(setup, study, phase)
    assert [tiny_study.comparable(r) for r in study.networks()] == [
        tiny_study.comparable(r) for r in whole.networks()]
    assert all(tiny_study.same_weights(study.weights(n), whole.weights(n))
               for n in range(4))


def test_algorithms_see_screened_networks_within_their_budgets(ended):
    setup, study = ended
    found = loop.replay(setup, study.networks())
    assert found.size == 2 and found.within.all()
    np.testing.assert_array_equal(found.further[:, 0], [105, 135])


def test_budgets_before_pruning():
    """Three times the weights and products; maps, errors and other searches as they
    are."""
    aims = Objectives(('error', 'model_size'), (0.1, 50.0), budgets=(
        ('model_size', 40.0), ('working_memory', 30.0), ('macs', 20.0)))
    wide = starts.screened(AT_END, aims)
    assert wide.bounds == (0.1, 150.0) and wide.budgets == (
        ('model_size', 120.0), ('working_memory', 30.0), ('macs', 60.0))
    assert starts.screened(dataclasses.replace(
        AT_END, pruning=Pruning(method='gradual_magnitude')), aims) is None


def test_what_is_over_the_budgets_of_the_rounds_too_is_not_trained_again():
    wide = Objectives(('error', 'model_size'), (1.0, 120.0),
                      budgets=(('model_size', 120.0),))
    over = [row(i, 0.1 * i, size=size)._replace(status='over-budget')
            for i, size in ((1, 130), (2, 120))]
    failed = row(3, None)._replace(status='nonfinite')
    networks = [*over, row(4, 0.3, size=40), failed]
    assert [r.status for r in credit.admitted(networks, wide)] == [
        'over-budget', 'ok', 'ok', 'nonfinite']
    aims = wide._replace(bounds=(1.0, 40.0), budgets=(('model_size', 40.0),))
    names = lambda *screened: [r.name for r in finals.best(networks, aims, *screened)]
    assert names(wide) == ['2', '4'] and names() == ['4']


def test_finals_of_a_dearer_program_are_fewer():
    networks = [row(0, 0.1), row(1, 0.2)]
    aims = Objectives(bounds=(1.0, 100.0, 100.0))
    search = dataclasses.replace(
        AT_END.search, final_share=0.5, finals=2, final_starts=1, final_epochs=8)
    number = lambda *screened: len(finals.plan(
        networks, dataclasses.replace(AT_END, search=search), aims, seconds, 2, 1.0,
        *screened))
    # An epoch took a quarter of a second: two seconds for each.
    seconds = 4.0
    assert number() == 2 and number(aims) == 1
    seconds = 4.0 * finals.DEARER
    assert number(aims) == 2


@pytest.mark.parametrize('changes', [
    {'pruning__method': 'sparse_vd'}, {'pruning__method': 'none'},
    {'search__final_share': 0.0}, {'search__focus': 'front'}, {'search__patience': 3}],
    ids=str)
def test_what_cannot_prune_at_its_end_is_refused(changes):
    with pytest.raises(ConfigError) as caught:
        tiny_study.settings(**CHANGES | changes)
    text = str(caught.value)
    assert text.startswith('config.pruning.at_end: True is not allowed') and (
        'allowed: False, or' in text and '\n' not in text)


def test_networks_that_are_given_are_pruned_in_every_training():
    """As by launch.train and launch.retrain."""
    settings = tiny_study.settings(**CHANGES)
    assert not reading.prunes(settings)
    one = reading.read(planned.one_round(settings, 2))
    assert not one.pruning.at_end and reading.prunes(one)
