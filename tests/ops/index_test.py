"""Numbers of weights: none twice, whatever the padding."""

import numpy as np
import pytest

from sparse_jax.ops import windows


@pytest.mark.parametrize('host', [False, True])
@pytest.mark.parametrize('small, large', [
    ((8, 128, 5, 5), (8, 160, 7, 7)), ((8, 5, 5), (8, 9, 9)),
    ((3, 4, 5, 5), (3, 4, 7, 7)), ((3, 100, 3, 3), (3, 300, 3, 3))])
def test_larger_layers_than_those_of_the_table_repeat_no_number(small, large, host):
    number = lambda shape: np.asarray(windows.index(shape, [], (8, 8), host))
    found = number(large)
    assert len(np.unique(found)) == found.size and found.dtype == np.uint32
    np.testing.assert_array_equal(number(small), found[tuple(map(slice, small))])
    wider = tuple(side + 1 for side in large)
    np.testing.assert_array_equal(found, number(wider)[tuple(map(slice, large))])
