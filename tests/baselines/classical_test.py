"""Classifiers of scikit-learn: what they know and what they occupy."""

import numpy as np
import pytest

from sparse_jax.baselines import classical, features, sizes
from tests.baselines import tiny


def test_published_sizes_of_the_papers():
    # kNN on MNIST and USPS in two groups, 183750 and 7291 KB.
    data = features.Labelled(np.zeros((1000, 784), np.float32), np.arange(1000) % 2)
    found = classical.stored(classical.Nearest(data, 1))
    assert sizes.size(found) * 60 / 1024 == 183_750


@pytest.mark.parametrize('classes', [2, 3])
def test_each_learns_and_is_counted(classes):
    data = tiny.standardised(classes=classes)
    near = classical.Nearest(data, 3)
    vectors = classical.Vectors(data, cost=10.0, width=1.0)
    trees = classical.gbdt(data, rounds=10, leaves=4, rate=0.3, seed=0)
    for guesses in (near.predict(data.features, 3), vectors.predict(data.features),
                    trees.predict(data.features)):
        assert np.mean(guesses == data.labels) > 0.9
    number = len(vectors.support)
    assert sizes.size(classical.stored(near), 'nnz') == 240 * 6
    assert sizes.size(classical.stored(vectors), 'nnz') == (
        number * 6 + number * (classes - 1) + (1 if classes == 2 else 3))
    # At most 4 leaves and 3 inner nodes in each tree; one tree a round and class.
    count = 10 * (1 if classes == 2 else 3)
    assert count < sizes.size(classical.stored(trees), 'nnz') <= count * (4 + 3 * 3)


def test_neighbours_are_those_of_scikit_learn():
    from sklearn.neighbors import KNeighborsClassifier

    data, other = tiny.standardised(), tiny.standardised(seed=1).features
    near = classical.Nearest(data, 5)
    for examples in (other, data.features):
        for number in (1, 3, 5):
            slow = KNeighborsClassifier(number, algorithm='brute').fit(*data)
            np.testing.assert_array_equal(
                near.predict(examples, number), slow.predict(examples))
    # Other images in the same array are searched again.
    room = np.array(data.features)
    near.predict(room, 1)
    room[:] = data.features[::-1]
    np.testing.assert_array_equal(
        near.predict(room, 1), near.predict(data.features, 1)[::-1])


@pytest.mark.parametrize('classes', [2, 3])
def test_a_kernel_that_is_kept_changes_no_support_vectors(classes, monkeypatch):
    data = tiny.standardised(classes=classes)
    other = tiny.standardised(classes=classes, seed=1).features
    kept = classical.Vectors(data, cost=1.0, width=1.0)
    monkeypatch.setattr(classical, 'TABULATED', 0)
    own = classical.Vectors(data, cost=1.0, width=1.0)
    assert sizes.size(classical.stored(kept)) == sizes.size(classical.stored(own))
    np.testing.assert_array_equal(kept.support, own.support)
    monkeypatch.setattr(classical, '_CHUNK', 7)
    np.testing.assert_array_equal(kept.predict(other), own.predict(other))


def test_a_draw_has_examples_with_their_labels():
    data = features.Labelled(np.arange(20.0)[:, None], np.arange(20))
    some = features.drawn(data, 7, seed=3)
    np.testing.assert_array_equal(some.features[:, 0], some.labels)
    assert len(set(some.labels)) == 7
    assert features.drawn(data, 0, 3) is data and features.drawn(data, 20, 3) is data
    np.testing.assert_array_equal(some.labels, features.drawn(data, 7, seed=3).labels)


def test_another_classifier_is_refused():
    with pytest.raises(TypeError, match='dict; allowed: Nearest, Vectors, what gbdt'):
        classical.stored({})
