"""The choice within a grid."""

import jax
import numpy as np

from sparse_jax.baselines import sizes, tuned
from sparse_jax.baselines.features import Labelled
from sparse_jax.baselines.thresholding import Plan
from tests.baselines import tiny

DATA = tiny.standardised()
TASK = tuned.Task(jax.random.key(0), DATA, 3, 900, Plan(epochs=2))


def test_validation_decides_and_bytes_break_ties(monkeypatch):
    def candidate(label, number):
        return tuned.Candidate({'label': label}, {'x': sizes.Stored(number)},
                               lambda x: np.full(len(x), label))

    def grid(task):
        yield from (candidate(1, 5), candidate(2, 9), candidate(2, 7), candidate(0, 1))

    monkeypatch.setitem(tuned.METHODS, 'own', grid)
    part = Labelled(np.zeros((4, 6), np.float32), np.array([2, 2, 1, 0]))
    found = tuned.best('own', TASK, part)
    assert found.candidate.settings == {'label': 2} and found.validation == 0.5
    assert found.candidate.stored['x'].values == 7 and found.tried == 4


def test_small_budgets_leave_fewer_shapes_or_none():
    found = tuned.best('protonn', TASK, DATA)
    assert sizes.size(found.candidate.stored) <= 900 and found.tried >= 2
    assert set(found.candidate.settings) > {'projection', 'per_class', 'rate', 'width'}
    assert tuned.best('bonsai', TASK._replace(budget=20), DATA) is None


def test_narrower_trees_where_no_usual_one_fits():
    images = TASK._replace(
        train=Labelled(np.zeros((2, 3072), np.float32), np.arange(2)), classes=2)
    few = tuned._trees(images._replace(budget=2048))
    assert {tree.projection for tree, _ in few} == {1, 2, 3}
    assert {tree.depth for tree, _ in few} == {0, 1, 2}
    more = tuned._trees(images._replace(budget=16 * 1024))
    assert [tree.projection for tree, _ in more] == [5, 10, 20]
    for tree, filled in few + more:
        for start in filled:
            size = sizes.size(tuned.bonsai.stored(tree, start))
            assert size <= (2048 if tree.projection < 5 else 16 * 1024)


def test_the_grid_has_the_shapes_of_the_published_figures(monkeypatch):
    asked = []

    def trained(task, module, shape, tunings):
        asked.append((shape, len(tunings)))
        yield from ()

    monkeypatch.setattr(tuned, '_trained', trained)
    images = TASK._replace(
        train=Labelled(np.zeros((2, 784), np.float32), np.arange(2)), classes=10)
    for grid, shapes, trees, prototypes in (
            ('small', 6, 0, 0), ('wide', 38, 12, 12), ('published', 2, 1, 2)):
        asked.clear()
        [*tuned.METHODS['bonsai'](images._replace(budget=84 * 1024, grid=grid)),
         *tuned.METHODS['protonn'](images._replace(budget=64_921, grid=grid))]
        found = dict(asked)
        assert found.get(tuned.bonsai.Tree(784, 10, 28, 3), 0) == trees
        assert found.get(tuned.protonn.Prototypes(784, 10, 24, 6), 0) == prototypes
        assert len(asked) == len({shape for shape, _ in asked}) == shapes
