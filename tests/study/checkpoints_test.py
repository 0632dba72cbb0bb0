"""Checkpoints of the front: equal after restoring, old ones deleted."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from sparse_jax.study import checkpoints
from sparse_jax.study.records import Study, StudyError
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

    names = lambda: sorted(p.name for p in (tmp_path / checkpoints.FOLDER).iterdir()
                           if p.is_dir())
    checkpoints.sync_front(tmp_path, [0, 1], weights_of)
    checkpoints.sync_front(tmp_path, [1, 2], weights_of)
    assert asked == [0, 1, 2]  # Those on disk are not written again.
    assert names() == ['trial_000001', 'trial_000002']
    with pytest.raises(FileNotFoundError):
        checkpoints.restore(tmp_path, 0)


def test_a_search_leaves_the_checkpoints_of_its_front():
    finished = tiny_study.finished()
    kept = sorted(finished.workdir.joinpath(checkpoints.FOLDER).glob('trial_*'))
    assert kept
    for path in kept:
        weights = checkpoints.restore(finished.workdir, int(path.name[6:]))
        kernel = weights.folded['classifier']['kernel']
        assert np.isfinite(kernel).all() and kernel.any()


def _weights():
    return Study(tiny_study.finished().workdir, create=False).weights


def test_folders_of_others_are_left_alone(tmp_path):
    """A folder that looks like a checkpoint, and one of another study."""
    notes = tmp_path / checkpoints.FOLDER / 'trial_000099' / 'notes'
    notes.parent.mkdir(parents=True)
    notes.write_text('weeks of work')
    for front in ([0], [1], []):
        checkpoints.sync_front(tmp_path, front, _weights())
        assert notes.read_text() == 'weeks of work'
    with pytest.raises(StudyError, match='trial_000099 is no checkpoint'):
        checkpoints.sync_front(tmp_path, [99], _weights())


def test_a_list_from_elsewhere_deletes_nothing_elsewhere(tmp_path):
    kept = tmp_path / 'kept'
    kept.mkdir()
    folder = tmp_path / 'run' / checkpoints.FOLDER
    folder.mkdir(parents=True)
    (folder / 'trial_000005').symlink_to(kept)
    (kept / 'file').write_text('')
    (folder / checkpoints.WRITTEN).write_text(json.dumps(
        ['../../kept', str(kept), 'trial_000005', 7, 'trial_000001/../../../kept']))
    checkpoints.sync_front(tmp_path / 'run', [0], _weights())
    assert (kept / 'file').exists()


def test_a_linked_folder_is_refused(tmp_path):
    elsewhere = tmp_path / 'elsewhere'
    (elsewhere / 'trial_000007').mkdir(parents=True)
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / checkpoints.FOLDER).symlink_to(elsewhere)
    with pytest.raises(StudyError, match='checkpoints is a symbolic link; allowed'):
        checkpoints.sync_front(tmp_path / 'run', [0], _weights())
    assert [p.name for p in elsewhere.iterdir()] == ['trial_000007']


def test_deleted_checkpoints_come_back(tmp_path):
    checkpoints.sync_front(tmp_path, [0, 1], _weights())
    shutil.rmtree(checkpoints.path_of(tmp_path, 1))
    checkpoints.sync_front(tmp_path, [0, 1], _weights())
    assert tiny_study.same_weights(checkpoints.restore(tmp_path, 1), _weights()(1))


FULL = """
import resource, signal, sys
from sparse_jax.study import checkpoints
from sparse_jax.study.records import Study
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
try:
    checkpoints.sync_front(sys.argv[2], [0], Study(sys.argv[1], create=False).weights)
except OSError as error:
    print(error.strerror, error.filename)
"""


def test_a_disk_that_takes_no_more_is_one_error_and_leaves_no_half(tmp_path):
    """The limit of a process on the size of a file, as a full disk in small."""
    done = subprocess.run(
        [sys.executable, '-c', FULL, str(tiny_study.finished().workdir), str(tmp_path)],
        capture_output=True, text=True, check=False)
    path = checkpoints.path_of(tmp_path, 0)
    assert (done.stdout, done.stderr) == (f'File too large {path}\n', '')
    assert [p.name for p in path.parent.iterdir()] == [checkpoints.WRITTEN]
    checkpoints.sync_front(tmp_path, [0], _weights())
    assert tiny_study.same_weights(checkpoints.restore(tmp_path, 0), _weights()(0))
