"""Checkpoints of the front: equal after restoring, old ones deleted."""

import numpy as np
import pytest

from sparse_jax.study import checkpoints
from sparse_jax.study.records import Study
from tests import tiny_study


def test_restored_weights_are_equal(tmp_path):
    finished = tiny_study.finished()
    study = Study(finished.workdir, create=False)
    checkpoints.sync_front(tmp_path, [0, 1], study.weights)
    for number in (0, 1):
        assert tiny_study.same_weights(
            checkpoints.restore(tmp_path, number), study.weights(number))


def test_the_folder_follows_the_front(tmp_path):
    study = Study(tiny_study.finished().workdir, create=False)
    asked = []

    def weights_of(number):
        asked.append(number)
        return study.weights(number)

    names = lambda: sorted(p.name for p in (tmp_path / checkpoints.FOLDER).iterdir())
    checkpoints.sync_front(tmp_path, [0, 1], weights_of)
    checkpoints.sync_front(tmp_path, [1, 2], weights_of)
    assert asked == [0, 1, 2]  # Those on disk are not written again.
    assert names() == ['trial_000001', 'trial_000002']
    with pytest.raises(FileNotFoundError):
        checkpoints.restore(tmp_path, 0)


def test_a_search_leaves_the_checkpoints_of_its_front():
    finished = tiny_study.finished()
    kept = sorted(finished.workdir.joinpath(checkpoints.FOLDER).iterdir())
    assert kept
    for path in kept:
        weights = checkpoints.restore(finished.workdir, int(path.name[6:]))
        kernel = weights.folded['classifier']['kernel']
        assert np.isfinite(kernel).all() and kernel.any()
