"""A teacher and a search that learns from it, from the command line."""

import json

import numpy as np
import pytest

from sparse_jax.data import soft_labels
from sparse_jax.study.opened import open_study
from tests import tiny_study
from tests.launch import command_line

TEACHER = {'input_shape': [6, 6, 1], 'nodes': [
    {'name': 'a', 'op': 'dense', 'inputs': ['input'], 'channels': 8},
    {'name': 'classifier', 'op': 'dense', 'inputs': ['a'], 'channels': 3,
     'relu': False}]}
SETTINGS = [f'--config.{name}={value}' for name, value in tiny_study.overrides().items()
            if name != 'search.rounds']


@pytest.fixture
def small():
    """Searches whose trials share one compiled program."""
    with tiny_study.small_space():
        yield


def _teach(capsys, folder, *more):
    path = folder / 'teacher.json'
    path.write_text(json.dumps(TEACHER))
    return command_line.run(
        capsys, 'teach', f'--workdir={folder}/teacher', f'--network={path}', *SETTINGS,
        *more)


def test_a_search_learns_what_its_teacher_says(
        tmp_path, capsys, small, without_pictures):
    found = _teach(capsys, tmp_path, '--epochs=3')
    assert found.code == 0, found.err
    path = tmp_path / 'teacher' / soft_labels.FILE
    written = f'written: {path}, for --config.data.soft_labels'
    assert found.out.splitlines()[-1] == written
    assert 'after 3 epochs' in found.out
    probabilities = np.load(path)['probabilities']
    assert probabilities.shape == (180, 3)
    assert abs(probabilities.sum(1) - 1).max() < 1e-6
    search = ['search', '--workdir', str(tmp_path / 'taught'), *SETTINGS,
              '--config.search.rounds=1']
    taught = f'--config.data.soft_labels={path}'
    found = command_line.run(capsys, *search, taught)
    assert found.code == 0, found.err
    plain = command_line.run(capsys, 'search', f'--workdir={tmp_path}/plain', *SETTINGS,
                             '--config.search.rounds=1')
    assert plain.code == 0, plain.err
    weights = []
    for name in ('taught', 'plain'):
        with open_study(tmp_path / name) as study:
            weights.append(study.records.weights(0))
    assert not tiny_study.same_weights(*weights)
    # The same study goes on with the same teacher alone; its file may be elsewhere.
    moved = path.rename(tmp_path / 'moved.npz')
    found = command_line.run(capsys, *search, f'--config.data.soft_labels={moved}')
    assert found.code == 0, found.err
    found = command_line.run(capsys, *search, taught)
    assert found.code == 2 and 'no such file' in found.err
    found = command_line.run(capsys, *search)
    assert found.code == 2 and "data.soft_labels: 'a file' -> ''" in found.err
    other = np.roll(probabilities, 1, 0)
    with np.load(moved) as archive:
        images = archive['images']
    np.savez(moved, images=images, probabilities=other)
    found = command_line.run(capsys, *search, f'--config.data.soft_labels={moved}')
    assert found.code == 2 and 'what the teacher says' in found.err
    # A retraining needs the same one, wherever it is.
    again = ['retrain', f'--workdir={tmp_path}/taught', f'--out={tmp_path}/again',
             '--trial=0', '--repeats=1', '--epochs=1']
    found = command_line.run(capsys, *again, f'--soft_labels={moved}')
    assert found.code == 2 and 'not what the teacher of the study said' in found.err
    assert not (tmp_path / 'again').exists()
    same = tmp_path / 'same.npz'
    np.savez(same, images=images, probabilities=probabilities)
    found = command_line.run(capsys, *again, f'--soft_labels={same}')
    assert found.code == 0, found.err
    with open_study(tmp_path / 'again') as study:
        assert study.settings.data.soft_labels == str(same)
    found = command_line.run(
        capsys, 'retrain', f'--workdir={tmp_path}/plain', f'--out={tmp_path}/other',
        f'--soft_labels={same}')
    assert found.code == 2 and 'has no teacher' in found.err
    # Who reads needs no teacher.
    moved.unlink()
    same.unlink()
    found = command_line.run(capsys, 'report', f'--workdir={tmp_path}/taught')
    assert found.code == 0, found.err


def test_bad_input_is_one_line(tmp_path, capsys):
    (tmp_path / 'teacher').mkdir()
    (tmp_path / 'teacher' / soft_labels.FILE).write_bytes(b'')
    found = _teach(capsys, tmp_path)
    assert found.code != 0 and 'allowed: another folder' in found.err
    path = tmp_path / 'point.json'
    path.write_text(json.dumps(tiny_study.POINT))
    found = command_line.run(
        capsys, 'teach', f'--workdir={tmp_path}/new', f'--network={path}', *SETTINGS)
    assert found.code == 2 and 'no list of nodes' in found.err
    assert found.err.count('\n') == 1
