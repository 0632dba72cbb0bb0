"""The teacher of a search: its form on images of all sizes, and its settings."""

import dataclasses

import numpy as np
import pytest

from sparse_jax.model import sizes
from sparse_jax.search import teacher
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.reading import read
from tests import sampled, tiny_study


@pytest.mark.parametrize('shape, strides', [
    ((32, 32, 3), [2, 1, 2, 1]), ((28, 28, 1), [2, 1, 2, 1]),
    ((20, 20, 3), [1, 2, 1, 1]), ((8, 8, 1), [1, 1, 1]), ((3, 50, 1), [1]),
    ((2, 2, 1), [1]), ((200, 200, 1), [2, 2, 2, 1])])
def test_it_suits_the_images(shape, strides):
    graph = teacher.network(shape, 10)
    convolutions = [node for node in graph.nodes if node.op == 'conv']
    assert [node.stride for node in convolutions] == strides
    assert graph.nodes[-1].channels == 10


def test_weights_by_hand():
    skeleton, candidate = sampled.unpadded(teacher.network((32, 32, 3), 10))
    layers = sizes.valid_weights(skeleton, candidate)
    count = sum(int(mask.sum()) for name, leaves in layers.items()
                if 'norm' not in name for mask in leaves.values())
    kernels = 9 * (3 * 24 + 24 * 32 + 32 * 48 + 48 * 64)
    biases = 24 + 32 + 48 + 64
    assert count - (kernels + 64 * 10 + 10) in (0, biases)


def test_probabilities_by_hand():
    logits = np.log(np.array([[1, 1 / 2, 1 / 4096], [1, 1, 1e-9]]))
    found = teacher.rounded(logits + 7.0)
    expected = np.array([[4096, 2048, 1], [4096, 4096, 0]]) / [[6145], [8192]]
    np.testing.assert_array_equal(found, expected.astype(np.float32))
    many = np.random.default_rng(0).normal(size=(50, 1000))
    found = teacher.rounded(many)
    assert abs(found.sum(-1) - 1).max() < 1e-5
    np.testing.assert_array_equal(teacher.rounded(many * (1 + 1e-14)), found)
    softmax = np.exp(many) / np.exp(many).sum(-1, keepdims=True)
    np.testing.assert_allclose(found, softmax, rtol=2e-3, atol=1e-5)


def test_settings_have_the_recipe_and_no_budget():
    given = tiny_study.settings(
        budgets__model_size=100, search__focus='error', pruning__aim=True,
        train__optimizer='muon', data__soft_labels='x.npz')
    found = read(teacher.settings_of(given))
    assert found.train == dataclasses.replace(given.train, epochs=2)
    assert found.data.path == given.data.path and found.data.soft_labels == ''
    assert found.budgets == Settings().budgets and found.pruning.method == 'none'
    assert found.seed == given.seed and found.limits.max_macs == 0
    assert read(teacher.settings_of(given, 7)).train.epochs == 7
