"""A study from somebody else runs nothing: code is named by a person alone."""

import importlib.machinery
import json
import shutil
import subprocess
import sys
import types

import pytest

from sparse_jax import factories, pruning
from sparse_jax.settings.stored import dumps
from tests import tiny_study
from tests.launch import command_line

pytestmark = pytest.mark.usefixtures('without_pictures')
READERS = [
    ('report', '--workdir={}'), ('describe', '--workdir={}', '--trial=best'),
    ('retrain', '--workdir={}', '--out={}/../again'), ('verify', '--workdir={}')]
SPY = 'import pathlib\npathlib.Path(__file__).with_name("ran").touch()\n'
OWN = SPY + 'from sparse_jax.pruning import sparse_vd as factory\n'


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A whole study; `own` gives it a pruning method or an algorithm by name."""
    folder = tmp_path / 'study'
    shutil.copytree(tiny_study.finished().workdir, folder)

    def own(**names):
        tree = json.loads(dumps(tiny_study.settings()))
        for name, value in names.items():
            group, setting = name.split('__')
            tree[group][setting] = value
        (folder / 'config.json').write_text(json.dumps(tree))
        return folder
    return own


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module `spy_module` on the path, which leaves a file when it runs."""
    (tmp_path / 'code').mkdir()
    (tmp_path / 'code' / 'spy_module.py').write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path / 'code'))
    yield tmp_path / 'code' / 'ran'
    sys.modules.pop('spy_module', None)


@pytest.mark.parametrize('words', READERS, ids=lambda words: words[0])
def test_code_that_a_study_names_is_not_run(words, study, module, capsys):
    folder = study(pruning__method='spy_module:factory')
    found = command_line.run(capsys, *(word.format(folder) for word in words))
    assert found.code == 2 and found.err.count('\n') == 1
    assert "config.pruning.method is 'spy_module:factory', code that" in found.err
    assert 'allowed: --trust_factories' in found.err and not module.exists()


def test_with_consent_it_is(study, module, capsys):
    folder = study(pruning__method='spy_module:factory')
    found = command_line.run(
        capsys, 'report', f'--workdir={folder}', '--notest', '--trust_factories')
    assert found.code == 0, found.err
    assert module.exists()


def test_what_is_not_needed_is_neither_run_nor_refused(study, module, capsys):
    folder = study(search__algorithm='spy_module:factory')
    found = command_line.run(capsys, 'report', f'--workdir={folder}', '--notest')
    assert found.code == 0, found.err
    assert not module.exists()


@pytest.mark.parametrize('setting', ['pruning.method', 'search.algorithm'])
def test_the_stored_configuration_of_a_study_as_config(
        setting, study, module, capsys, tmp_path):
    folder = study(**{setting.replace('.', '__'): 'spy_module:factory'})
    words = ['search', f'--config={folder}/config.json', f'--workdir={tmp_path}/new']
    found = command_line.run(capsys, *words)
    assert found.code == 2 and not module.exists()
    assert f"{setting} is 'spy_module:factory', code that this would run" in found.err
    # Overridden with the same name, it is a person's own wish; this one is looked up.
    found = command_line.run(capsys, *words, f'--config.{setting}=spy_module:nothing')
    assert found.code == 2 and "has no attribute 'nothing'" in found.err
    assert module.exists() and not (tmp_path / 'new').exists()


@pytest.mark.parametrize('package', [False, True])
def test_a_module_below_a_workdir_is_never_imported(package, study, monkeypatch):
    folder = study()
    place = folder / 'spy_inside' if package else folder
    place.mkdir(exist_ok=True)
    name = '__init__.py' if package else 'spy_inside.py'
    (place / name).write_text(OWN)
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(ValueError, match='lies in the folder of a study'):
        pruning.find('spy_inside:factory')
    monkeypatch.syspath_prepend(str(folder.parent))
    with pytest.raises(ValueError, match='lies in the folder of a study'):
        pruning.find('study.spy_inside:factory')
    assert not (place / 'ran').exists()


def test_the_folder_of_a_study_is_no_place_for_libraries(study):
    folder = study()
    (folder / 'numpy.py').write_text(SPY)
    root = str(command_line.ROOT)
    done = subprocess.run(
        [sys.executable, '-m', 'launch.report', '--workdir=.', '--notest'], cwd=folder,
        env={**command_line.ENVIRONMENT, 'PYTHONPATH': root}, capture_output=True,
        text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (folder / 'ran').exists()


@pytest.mark.parametrize('name', ['sys:exit', 'os:abort', 'os:_exit'])
def test_built_in_functions_are_no_factories(name, capsys, tmp_path):
    found = command_line.run(capsys, 'search', f'--workdir={tmp_path}/new',
                             f'--config.pruning.method={name}')
    assert found.code == 2 and 'is no function of Python' in found.err
    assert not list(tmp_path.iterdir())


def test_factories_and_modules_that_exit_are_refused(tmp_path, monkeypatch):
    module = types.ModuleType('spy_exits')
    module.__spec__ = importlib.machinery.ModuleSpec('spy_exits', None, origin='/x')
    module.factory = lambda: sys.exit(0)
    monkeypatch.setitem(sys.modules, 'spy_exits', module)
    with pytest.raises(ValueError, match='it exits with 0'):
        pruning.find('spy_exits:factory')
    (tmp_path / 'spy_leaves.py').write_text('raise SystemExit(0)')
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match='is not allowed'):
        factories.find('spy_leaves:factory', {})


def test_an_experiment_file_that_exits_is_refused(capsys, tmp_path):
    (tmp_path / 'leaves.py').write_text('import sys\nsys.exit()\n')
    found = command_line.run(
        capsys, 'search', f'--config={tmp_path}/leaves.py', f'--workdir={tmp_path}/new')
    assert found.code == 2 and 'leaves.py: SystemExit' in found.err


@pytest.mark.parametrize('name', ['../../secret', '/etc/secret', 'microbit/../x'])
def test_a_board_of_a_study_is_a_name_or_a_json_file(name, study, capsys):
    folder = study(objectives__board=name)
    found = command_line.run(capsys, 'report', f'--workdir={folder}')
    assert found.code == 2 and 'allowed: generic, microbit' in found.err
