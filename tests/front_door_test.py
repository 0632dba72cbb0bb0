"""The names of the package, and a study made from Python."""

import subprocess
import sys

import numpy as np
import pytest

import sparse_jax
from sparse_jax.data import DataError, digest
from sparse_jax.search import runs, setup
from sparse_jax.settings import reading
from sparse_jax.study.records import Study, StudyError
from tests import tiny_study
from tests.launch import command_line

HEAVY = ('jax', 'numpy', 'scipy', 'ml_collections', 'flax', 'optax', 'gpjax')


def test_importing_the_package_imports_nothing_heavy():
    code = ('import sys, sparse_jax; dir(sparse_jax); '
            f'print([name for name in {HEAVY} if name in sys.modules]); '
            'sparse_jax.pruning.sparse_vd')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                          check=True, timeout=60)
    assert done.stdout == '[]\n'


def test_every_public_name_is_there_and_has_a_docstring():
    for name in sparse_jax.__all__:
        found = getattr(sparse_jax, name)
        assert callable(found) and found.__name__.startswith(name.replace(
            'load_data', 'load')), name
        assert found.__doc__, name
    listed = [name for names in sparse_jax._HOMES.values() for name in names]
    assert sorted(listed) == sorted(sparse_jax.__all__) == sparse_jax.__all__
    assert set(listed) <= set(dir(sparse_jax))


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        sparse_jax.serach  # noqa: B018


@pytest.fixture
def arrays():
    """The tiny images, as arrays of the caller's own."""
    with np.load(tiny_study.data_file()) as stored:
        return dict(stored)


@pytest.fixture
def small(monkeypatch):
    """Searches over one skeleton."""
    monkeypatch.setattr(setup, 'sparse_domain', tiny_study.small_domain)


def _config():
    return tiny_study.config(data__path='', data__name='digits')


def test_a_study_made_from_arrays_is_read_by_launchers_and_from_python(
        tmp_path, arrays, small, capsys):
    heard = []
    with sparse_jax.run_search(_config(), tmp_path / 'a', data=arrays,
                               callback=heard.append) as study:
        best = study.network(study.front()[0])
        assert best.net.nodes and heard[-1].phase == 'finished round'
        rows = [tiny_study.comparable(row) for row in study.records.networks()]
        assert study.best(9)[0].error <= study.best(9)[-1].error
        assert study.find(best.row.name).name == best.row.name
    # The same images from a file are the same study.
    of_file = Study(tiny_study.finished().workdir, create=False)
    assert rows == [tiny_study.comparable(row) for row in of_file.networks()]
    # Launchers read it, also after it has moved.
    (tmp_path / 'a').rename(tmp_path / 'b')
    for name, *more in (('report', '--notest'), ('describe', '--trial=0')):
        seen = command_line.run(capsys, name, f'--workdir={tmp_path}/b', *more)
        assert (seen.code, seen.err) == (0, ''), seen.err
    sparse_jax.open_study(tmp_path / 'b').close()


def test_a_study_on_other_arrays_is_refused(tmp_path, arrays, small):
    (tmp_path / 'a').mkdir()
    np.savez(tmp_path / 'a' / 'data.npz', X=arrays['X'][::-1], y=arrays['y'])
    with pytest.raises(StudyError, match='data.npz holds other arrays'):
        sparse_jax.run_search(_config(), tmp_path / 'a', data=arrays)
    with pytest.raises(DataError, match='150 labels for 300 images'):
        sparse_jax.run_search(_config(), tmp_path / 'new', data={
            'X': arrays['X'], 'y': arrays['y'][:150]})
    assert not (tmp_path / 'new').exists()


def test_own_arrays_become_a_data_set_with_the_splits_of_a_file(arrays):
    of_file = sparse_jax.load_data(reading.data_spec(tiny_study.settings()))
    own = sparse_jax.dataset(arrays, 'tiny', validation_size=60, test_size=60)
    assert digest(own) == digest(of_file)
    assert (own.name, own.num_classes, own.mean) == ('tiny', 3, of_file.mean)


def test_own_arrays_are_split_as_the_settings_say(tmp_path, arrays):
    for split in ('stratified', 'random'):
        given = tiny_study.settings(data__split=split)
        _, own = runs._own(given, str(tmp_path), arrays)
        assert digest(own) == digest(sparse_jax.load_data(reading.data_spec(given)))


@pytest.mark.parametrize('changes, message', [
    ({'y': np.array([1, None] * 150, object)}, 'y: objects of Python'),
    ({'X': [[1, 2], [3]]}, 'X: '), ({'file': np.zeros(3)}, 'file is not read')])
def test_what_is_no_array_is_one_line(tmp_path, arrays, changes, message):
    with pytest.raises(DataError, match=f'^{message}') as caught:
        sparse_jax.dataset(arrays | changes, 'tiny')
    assert '\n' not in str(caught.value)
    with pytest.raises(DataError, match=f'^{message}'):
        sparse_jax.run_search(_config(), tmp_path / 'a', data=arrays | changes)
    assert not (tmp_path / 'a').exists()


def test_texts_that_are_objects_are_texts(arrays):
    texts = np.array([f'class {i}' for i in arrays['y']], object)
    found = sparse_jax.dataset(arrays | {'y': texts}, 'tiny')
    assert found.class_names == ('class 0', 'class 1', 'class 2')


@pytest.mark.parametrize('change', ['torn', 'link'])
def test_arrays_of_a_folder_that_are_damaged_or_elsewhere(tmp_path, arrays, change):
    path = tmp_path / 'a' / 'data.npz'
    path.parent.mkdir()
    if change == 'torn':
        whole = tmp_path / 'whole.npz'
        np.savez(whole, **arrays)
        path.write_bytes(whole.read_bytes()[:1000])
    else:
        path.symlink_to(tmp_path / 'outside.npz')
    with pytest.raises(StudyError, match='other arrays|symbolic link'):
        sparse_jax.run_search(_config(), tmp_path / 'a', data=arrays)
    assert not (tmp_path / 'outside.npz').exists()
