"""Confusion matrices come back as they were stored; anything else is none."""

import numpy as np
import pytest

from sparse_jax.study import confusions
from sparse_jax.study.records import Study


def test_matrices_come_back(tmp_path):
    records = Study(tmp_path)
    first, second = np.array([[3, 1], [0, 2]]), np.array([[0, 4], [0, 2]])
    confusions.keep(records, {'1': first})
    confusions.keep(records, {'1@-1': second})
    confusions.keep(records, {})
    found = confusions.stored(records, 2)
    records.close()
    assert list(found) == ['1', '1@-1']
    np.testing.assert_array_equal(found['1'], first)
    np.testing.assert_array_equal(found['1@-1'], second)


@pytest.mark.parametrize('text', [
    '', '{', '[1]', '3', '{"1": 2}', '{"1": [[0, 0]]}', '{"1": [[0, 2, 1]]}',
    '{"1": [[0, 0, -1]]}', '{"1": []}', '{"1": "x"}', '{"1": [[0, 0, 1e99]]}'])
def test_what_is_no_matrix_is_left_out(tmp_path, text):
    records = Study(tmp_path)
    records.set_meta(confusions.CONFUSIONS, text)
    assert confusions.stored(records, 2) == {}
    records.close()
