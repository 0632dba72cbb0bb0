"""Confusion, recall and balanced error against hand-computed values."""

import numpy as np
import pytest
from sklearn import metrics

from sparse_jax.objectives.confusion import balanced_error, confusion, recalls


def test_hand_computed():
    matrix = confusion([0, 0, 0, 0, 1, 1, 2], [0, 0, 0, 1, 1, 0, 2], 4)
    assert matrix.tolist() == [[3, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0] * 4]
    np.testing.assert_array_equal(recalls(matrix), [0.75, 0.5, 1.0, np.nan])
    assert balanced_error(matrix) == pytest.approx(0.25)


def test_against_scikit_learn():
    rng = np.random.default_rng(0)
    labels, said = rng.integers(0, 5, (2, 300))
    labels[:150] = 0
    matrix = confusion(labels, said, 5)
    np.testing.assert_array_equal(matrix, metrics.confusion_matrix(labels, said))
    assert balanced_error(matrix) == pytest.approx(
        1 - metrics.balanced_accuracy_score(labels, said))


def test_the_largest_class_alone_is_chance():
    labels = np.array([0] * 90 + [1] * 10)
    matrix = confusion(labels, np.zeros_like(labels), 2)
    assert balanced_error(matrix) == 0.5 and np.mean(labels != 0) == 0.1


@pytest.mark.parametrize('labels, said', [([0, 3], [0, 0]), ([0, 0], [-1, 0]),
                                          ([0], [0, 1])])
def test_what_is_refused(labels, said):
    with pytest.raises(ValueError, match='allowed'):
        confusion(labels, said, 3)
