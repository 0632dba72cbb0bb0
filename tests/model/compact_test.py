"""Any number of images through a compact network, a part of them at a time."""

import numpy as np
import pytest

from sparse_jax.model import compact
from sparse_jax.model.compact import CompactNet, CompactNode


@pytest.fixture
def net():
    """Two classes from the mean and the first pixel of 2x2 images; pixels are raw."""
    node = CompactNode(
        'classifier', 'dense', ('input',),
        weight=np.array([[1., 0., 0., 0.], [.25, .25, .25, .25], [0., 0., 0., 0.]]),
        bias=np.array([0., 1., 40.]))
    return CompactNet((2, 2, 1), 1, False, 0.0, 1.0, (node,))


def test_parts_are_joined_in_order(net, monkeypatch):
    images = np.random.default_rng(0).integers(0, 100, (7, 2, 2, 1))
    pixels = images.reshape(7, 4)
    expected = np.stack(
        [pixels[:, 0], pixels.mean(1) + 1, np.full(7, 40.)], axis=1)
    sizes, run = [], compact.run
    monkeypatch.setattr(compact, 'run', lambda net, part: (
        sizes.append(len(part)), run(net, part))[1])
    monkeypatch.setattr(compact, 'AT_ONCE', 3)
    np.testing.assert_allclose(compact.logits(net, images), expected, rtol=1e-12)
    np.testing.assert_array_equal(compact.classify(net, images), expected.argmax(1))
    assert len(set(expected.argmax(1))) == 3
    assert sizes == [3, 3, 1] * 2
