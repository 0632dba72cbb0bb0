"""Trainings of a search that aim at its budgets."""

from sparse_jax.objectives.target import Target
from sparse_jax.search import loop
from sparse_jax.study.records import Study
from tests import tiny_study


def test_a_search_aims_at_its_budgets_and_else_at_its_bounds():
    target = lambda **changes: tiny_study.build(**changes).evaluator.recipe.target
    assert target() is None
    assert target(pruning__aim=True, budgets__model_size=300) == Target(
        (('model_size', 300.0),))
    names = [name for name, _ in target(pruning__aim=True).limits]
    assert names == ['model_size', 'working_memory']


def test_a_trial_that_aims_runs(tmp_path):
    built = tiny_study.build(pruning__aim=True, search__rounds=1, search__batch=1)
    study = Study(tmp_path)
    loop.run(built, study)
    row, = study.rows()
    assert row.ok
