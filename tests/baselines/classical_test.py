"""Classifiers of scikit-learn: what they know and what they occupy."""

import numpy as np
import pytest

from sparse_jax.baselines import classical, features, sizes
from tests.baselines import tiny


def test_published_sizes_of_the_papers():
    # kNN on MNIST and USPS in two groups, 183750 and 7291 KB.
    data = features.Labelled(np.zeros((1000, 784), np.float32), np.arange(1000) % 2)
    found = classical.stored(classical.knn(data, neighbours=1))
    assert sizes.size(found) * 60 / 1024 == 183_750


@pytest.mark.parametrize('classes', [2, 3])
def test_each_learns_and_is_counted(classes):
    data = tiny.standardised(classes=classes)
    near = classical.knn(data, neighbours=3)
    vectors = classical.svm(data, cost=10.0, width=1.0)
    trees = classical.gbdt(data, rounds=10, leaves=4, rate=0.3, seed=0)
    for fitted in (near, vectors, trees):
        assert np.mean(fitted.predict(data.features) == data.labels) > 0.9
    number = len(vectors.support_)
    assert sizes.size(classical.stored(near), 'nnz') == 240 * 6
    assert sizes.size(classical.stored(vectors), 'nnz') == (
        number * 6 + number * (classes - 1) + (1 if classes == 2 else 3))
    # At most 4 leaves and 3 inner nodes in each tree; one tree a round and class.
    count = 10 * (1 if classes == 2 else 3)
    assert count < sizes.size(classical.stored(trees), 'nnz') <= count * (4 + 3 * 3)


def test_another_classifier_is_refused():
    with pytest.raises(TypeError, match='dict; allowed: what knn, svm and gbdt'):
        classical.stored({})
