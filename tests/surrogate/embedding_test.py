"""Embedded coordinates by hand."""

import numpy as np
import pytest

from sparse_jax.surrogate.embedding import Layout, embed, pack
from tests import sampled


@pytest.mark.parametrize('kind', ['neutral', 'indicator', 'arc'])
def test_coordinates_by_hand(kind):
    # An ordered, a conditional and an unordered dimension; the second point lacks the
    # conditional one.
    layout = Layout((0, 0, 2), (False, False, True), (False, True, False), kind)
    x = np.array([[0.75, 1 / 3, 0.9], [0.25, 0.9, 0.0]])
    active = np.array([[1.0, 1, 1], [1, 0, 1]])
    found = sampled.quick_jit(lambda *given: embed(layout, *given))(
        np.array([0.5, 2.0, 1.0]), np.array([9.0, 4.0, 9.0]),
        np.array([0.1, 0.5, 0.1]), pack(x, active, np.ones(2)))
    root = 0.5**0.5
    line, code = [[0.5], [-0.5]], [[0, root], [root, 0]]
    expected = {
        'neutral': [line, [[-1 / 12], [0]], code],
        'indicator': [line, [[-1 / 12], [0]], code, [[0.25], [0]]],
        # The angle is 0.5 pi / 3, a twelfth of a turn; the radius 1 / 2.
        'arc': [line, code, [[0.25], [0]], [[3**0.5 / 4], [0]]],
    }[kind]
    np.testing.assert_allclose(found, np.concatenate(expected, 1), atol=1e-6)
