"""launch.records: what it writes, what it refuses."""

import importlib.util
import shutil

import pytest

from sparse_jax.settings.stored import dumps
from tests import tiny_study
from tests.launch import command_line


@pytest.fixture
def folder(tmp_path):
    """A whole study."""
    made = shutil.copytree(tiny_study.finished().workdir, tmp_path / 'study')
    (made / 'config.json').write_text(dumps(tiny_study.settings()))
    return made


def test_tables_are_the_default(folder, tmp_path, capsys):
    before = command_line.contents(folder)
    found = command_line.run(
        capsys, 'records', f'--workdir={folder}', f'--out={tmp_path}/out')
    assert (found.code, found.err) == (0, '')
    assert found.out == (f'written: {tmp_path}/out/trials.csv, rounds.csv, '
                         'learning.csv\n')
    assert command_line.contents(folder) == before


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ('tensorboardX', 'optuna'))),
    reason='needs requirements-tensorboard.txt and requirements-optuna.txt')
def test_all_formats(folder, tmp_path, capsys):
    found = command_line.run(
        capsys, 'records', f'--workdir={folder}', f'--out={tmp_path}/out',
        '--format=tensorboard,optuna')
    assert (found.code, found.err) == (0, '')
    names = {path.name for path in (tmp_path / 'out').iterdir()}
    assert names == {'tensorboard', 'optuna.db'}
    assert len(list((tmp_path / 'out' / 'tensorboard').iterdir())) == 1 + (
        tiny_study.ROUNDS * tiny_study.BATCH)


@pytest.mark.parametrize('text, words', [
    ('csv,wandb', '--format=wandb: no such format; allowed: csv, tensorboard, optuna'),
    ('', '--format is empty')])
def test_mistakes(text, words, folder, tmp_path, capsys):
    found = command_line.run(capsys, 'records', f'--workdir={folder}',
                             f'--out={tmp_path}/out', f'--format={text}')
    assert found.code == 2 and words in found.err and found.err.count('\n') == 1
    assert not (tmp_path / 'out').exists()


def test_an_empty_folder_is_not_the_current_one(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = command_line.run(capsys, 'records', f'--workdir={folder}', '--out=')
    assert found.code == 2 and found.err.count('\n') == 1
    assert '--out' in found.err and 'is empty; allowed: a folder' in found.err
    assert not list(tmp_path.glob('*.csv'))


def test_a_missing_package_is_one_line(folder, tmp_path, capsys, monkeypatch):
    whole = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name, *more: (
        None if name == 'optuna' else whole(name, *more)))
    found = command_line.run(capsys, 'records', f'--workdir={folder}',
                             f'--out={tmp_path}/out', '--format=csv,optuna')
    assert found.code == 2 and not (tmp_path / 'out').exists()
    assert found.err == (
        'error: --format=optuna: optuna is not installed: pip install -r '
        "requirements-optuna.txt (or pip install 'sparse_jax[optuna]')\n")
