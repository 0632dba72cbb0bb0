"""The wheel: whole, and its command works outside of a checkout."""

import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

from launch import __main__ as command

ROOT = pathlib.Path(__file__).resolve().parents[1]
PARTS = ('sparse_jax', 'launch', 'experiments')


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """A folder with the files of the wheel."""
    pytest.importorskip('setuptools', '77')
    made = tmp_path_factory.mktemp('wheel')
    source = made / 'source'
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part,
                        ignore=shutil.ignore_patterns('__pycache__'))
    for path in [*ROOT.glob('requirements*.txt'), *ROOT.glob('*.md'), ROOT / 'LICENSE',
                 ROOT / 'pyproject.toml']:
        shutil.copy(path, source)
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '--quiet', '--no-deps',
         '--no-build-isolation', '--disable-pip-version-check', '-w', str(made),
         str(source)], check=True, timeout=300)
    wheel, = made.glob('*.whl')
    zipfile.ZipFile(wheel).extractall(made / 'site')
    return made / 'site'


def _run(installed, folder, *arguments):
    """The console entry point, as pip would write it."""
    start = 'import sys; from launch.__main__ import main; sys.exit(main())'
    return subprocess.run(
        [sys.executable, '-P', '-c', start, *arguments], cwd=folder, text=True,
        env=os.environ | {'PYTHONPATH': str(installed)}, capture_output=True,
        timeout=300)


def test_every_file_of_the_checkout_is_in_the_wheel(installed):
    for part in PARTS:
        files = {path.relative_to(ROOT) for path in (ROOT / part).rglob('*')
                 if path.is_file() and '__pycache__' not in path.parts}
        missing = {path for path in files if not (installed / path).is_file()}
        assert files and not missing
    assert (installed / 'sparse_jax' / 'py.typed').is_file()


def test_its_command_works_in_any_folder(installed, tmp_path):
    info, = installed.glob('*.dist-info')
    found, = importlib.metadata.PathDistribution(info).entry_points
    assert (found.name, found.value) == ('sparse-jax', 'launch.__main__:main')
    done = _run(installed, tmp_path, '--help')
    assert done.returncode == 0 and done.stdout == command.text() + '\n'
    # Presets of the library are found by their name in the checkout.
    done = _run(installed, tmp_path, 'search', '--config=experiments/mnist_cpu.py',
                '--config.search.rounds=0', '--workdir=run', '--cache_dir=')
    assert done.returncode == 2
    assert done.stderr.startswith('error: config.search.rounds: 0 is not allowed; ')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('words, line', [
    (['serach'], "error: 'serach' is no command; did you mean search?\n"),
    (['x'], "error: 'x' is no command; allowed: "
            + ', '.join(command.COMMANDS) + '\n')])
def test_a_command_that_does_not_exist_is_one_line(words, line, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(['sparse-jax', *words])
    assert stop.value.code == 2 and capsys.readouterr().err == line


def test_every_launcher_is_a_command():
    launchers = {path.stem for path in (ROOT / 'launch').glob('*.py')
                 if '__name__ ==' in path.read_text()} - {'__main__'}
    assert launchers == set(command.COMMANDS)
