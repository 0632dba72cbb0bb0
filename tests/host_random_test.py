"""Keys of the library's own generator, and studies that notice another one."""

import contextlib
import os
import pathlib
import sqlite3
import subprocess
import sys

import jax
import numpy as np
import pytest

from sparse_jax import host_random
from sparse_jax.study import folder
from tests import tiny_study

CONTINUE = '''
import jax
from sparse_jax import host_random
from sparse_jax.study import folder
print(host_random.digest(), jax.random.key_data(host_random.root_key(3)).tolist())
settings = folder.read_settings({workdir!r})
from sparse_jax import data
from sparse_jax.settings import reading
dataset = data.load(reading.data_spec(settings))
try:
    folder.start_study({workdir!r}, settings, dataset).close()
    print('continues')
except Exception as error:
    print(type(error).__name__, error)
'''


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
    """A study that has begun."""
    path = tmp_path_factory.mktemp('begun')
    setup = tiny_study.finished().setup
    folder.start_study(str(path), setup.settings, setup.dataset).close()
    return str(path)


def _other_process(workdir, **environment):
    """(digest and key, what it says of the study) of a process with variables set."""
    done = subprocess.run(
        [sys.executable, '-c', CONTINUE.format(workdir=workdir)], text=True,
        env=os.environ | {'JAX_PLATFORMS': 'cpu'} | environment, capture_output=True,
        check=True)
    return done.stdout.splitlines()


def _here():
    key = jax.random.key_data(host_random.root_key(3)).tolist()
    return f'{host_random.digest()} {key}'


def test_another_default_generator_changes_nothing(workdir):
    assert _other_process(workdir, JAX_DEFAULT_PRNG_IMPL='rbg') == [
        _here(), 'continues']


def test_other_random_numbers_do_not_continue_a_study(workdir):
    drawn, said = _other_process(workdir, JAX_THREEFRY_PARTITIONABLE='0')
    assert drawn != _here()
    assert said.startswith('StudyError') and 'JAX_THREEFRY_PARTITIONABLE' in said
    assert 'allowed: the same random numbers, or another workdir' in said


def test_a_study_that_knows_of_none_continues(workdir):
    setup = tiny_study.finished().setup
    with contextlib.closing(sqlite3.connect(
            pathlib.Path(workdir) / folder.study.FILE)) as connection, connection:
        removed = connection.execute(
            'DELETE FROM meta WHERE key = ?', (folder.RANDOM,)).rowcount
    assert removed == 1
    study = folder.start_study(workdir, setup.settings, setup.dataset)
    assert study.meta(folder.RANDOM) == host_random.digest()
    study.close()


def test_the_digest_is_of_whole_numbers():
    np.testing.assert_array_equal(
        jax.random.key_data(host_random.root_key(3)), np.array([0, 3], np.uint32))
    assert host_random.digest() == host_random.digest()
    assert jax.random.key_impl(host_random.wrap(np.zeros((4, 2), np.uint32))) == \
        jax.random.key_impl(host_random.root_key(0))
