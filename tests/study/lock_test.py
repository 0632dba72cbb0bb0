"""One process per workdir."""

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from sparse_jax.study import lock
from sparse_jax.study.records import StudyError


def test_only_one_process_holds_a_workdir(tmp_path):
    folder = tmp_path / 'run'
    lock.check_free(folder)
    assert not folder.exists()
    assert not lock.is_held(folder)
    with lock.hold(folder):
        assert lock.is_held(folder)
        with pytest.raises(StudyError, match='another search is running'):
            with lock.hold(folder):
                pass
        with pytest.raises(StudyError, match='another search is running'):
            lock.check_free(folder)
    lock.check_free(folder)
    with lock.hold(folder):
        pass


def test_a_look_at_a_free_workdir_keeps_nobody_out(tmp_path):
    with lock.hold(tmp_path):
        pass
    looking = open(tmp_path / lock.FILE)
    fcntl.flock(looking, fcntl.LOCK_SH)
    ends = threading.Timer(0.1, looking.close)
    ends.start()
    with lock.hold(tmp_path):
        assert looking.closed
    ends.join()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(StudyError, match='Not a directory'):
        with lock.hold(tmp_path / 'file' / 'run'):
            pass


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / lock.FILE).symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(StudyError):
        with lock.hold(tmp_path / 'run'):
            pass
    assert not (tmp_path / 'elsewhere').exists()


@pytest.fixture(params=[errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def no_flock(request, monkeypatch):
    """What a file system without locks answers."""
    def refuse(*_):
        raise OSError(request.param, 'no locks here')
    monkeypatch.setattr(fcntl, 'flock', refuse)


def test_a_file_system_without_locks_gets_a_file_with_the_owner(tmp_path, no_flock):
    assert not lock.is_held(tmp_path)
    with lock.hold(tmp_path):
        owner = json.loads((tmp_path / lock.OWNER_FILE).read_text())
        assert owner == {'host': socket.gethostname(), 'process': os.getpid()}
        assert lock.is_held(tmp_path)
        with pytest.raises(StudyError, match='delete'), lock.hold(tmp_path):
            pass
    assert not (tmp_path / lock.OWNER_FILE).exists()


def test_an_owner_that_may_be_alive_is_named_with_a_way_on(tmp_path, no_flock):
    path = tmp_path / lock.OWNER_FILE
    here = {'host': socket.gethostname(), 'process': os.getppid()}
    for owner in ({'host': 'another', 'process': 12}, here):
        path.write_text(json.dumps(owner))
        with pytest.raises(StudyError) as caught:
            with lock.hold(tmp_path):
                pass
        assert f'process {owner["process"]} of host {owner["host"]!r}' in str(
            caught.value)
        assert f'delete {str(path)!r} if that process has ended' in str(caught.value)
        assert lock.is_held(tmp_path) and path.exists()
    path.unlink()
    with lock.hold(tmp_path):
        pass


def test_an_owner_of_this_host_that_has_ended_is_no_obstacle(tmp_path, no_flock):
    ended = subprocess.run([sys.executable, '-c', 'import os; print(os.getpid())'],
                           capture_output=True, text=True, check=True)
    (tmp_path / lock.OWNER_FILE).write_text(json.dumps(
        {'host': socket.gethostname(), 'process': int(ended.stdout)}))
    with lock.hold(tmp_path):
        assert json.loads((tmp_path / lock.OWNER_FILE).read_text())[
            'process'] == os.getpid()
