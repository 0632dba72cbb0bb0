"""What others set in the environment: the same results, or one line."""

import io
import shutil
import subprocess
import sys

import pytest

from sparse_jax.settings.stored import dumps
from tests import tiny_study
from tests.launch import command_line

JAX = {'JAX_DEBUG_NANS': '1', 'JAX_DISABLE_JIT': '1', 'JAX_ENABLE_X64': '1',
       'JAX_NUMPY_DTYPE_PROMOTION': 'strict', 'JAX_NUMPY_RANK_PROMOTION': 'raise'}


def _study(folder):
    shutil.copytree(tiny_study.finished().workdir, folder)
    (folder / 'config.json').write_text(dumps(tiny_study.settings()))
    return folder


def _run(launcher, *words, **environment):
    return subprocess.run(
        [sys.executable, '-m', f'launch.{launcher}', '--cache_dir=', *words],
        env=command_line.ENVIRONMENT | environment, cwd=command_line.ROOT,
        capture_output=True, check=False)


def test_options_of_jax_that_others_need_are_put_back_and_named(capsys, tmp_path):
    plain = command_line.run(capsys, 'report', f'--workdir={_study(tmp_path / "a")}')
    assert (plain.code, plain.err) == (0, '')
    strange = _run('report', f'--workdir={_study(tmp_path / "b")}', **JAX)
    assert strange.returncode == 0, strange.stderr
    lines = strange.stderr.decode().splitlines()
    assert [line.split('=')[0] for line in lines] == [
        f'note: {name}' for name in (
            'JAX_DEBUG_NANS', 'JAX_DISABLE_JIT', 'JAX_ENABLE_X64',
            'JAX_NUMPY_DTYPE_PROMOTION', 'JAX_NUMPY_RANK_PROMOTION')]
    assert strange.stdout.decode() == plain.out.replace(
        str(tmp_path / 'a'), str(tmp_path / 'b'))


@pytest.mark.parametrize('platform', ['cuda', 'nosuch'])
def test_a_platform_that_is_not_there_is_one_line(platform, tmp_path):
    done = _run('search', f'--workdir={tmp_path}/run', JAX_PLATFORMS=platform)
    if done.returncode == 0:
        pytest.skip('this machine has one')
    text = done.stderr.decode()
    assert (done.returncode, text.count('\n')) == (2, 1)
    assert done.stdout.endswith(b'; loading\n') and done.stdout.count(b'\n') == 1
    assert text.startswith(f'error: JAX_PLATFORMS={platform}: ')
    assert 'allowed: cpu' in text and not list(tmp_path.iterdir())


def _ascii_terminal(monkeypatch):
    """Standard output and errors as Python opens them with PYTHONIOENCODING=ascii."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding='ascii', errors='strict')
               for _ in range(2)]
    for name, stream in zip(('stdout', 'stderr'), streams):
        monkeypatch.setattr(sys, name, stream)
    return streams


def _seen(stream):
    stream.flush()
    return stream.buffer.getvalue()


def test_a_path_that_the_terminal_cannot_spell(tmp_path, monkeypatch, without_pictures):
    folder = _study(tmp_path / 'über')
    with monkeypatch.context() as patch:
        out, _ = _ascii_terminal(patch)
        command_line.call('report', f'--workdir={folder}', '--notest')
    assert rb'/\xfcber/report.html, front.csv' in _seen(out)
    assert (folder / 'front.csv').exists()
    with monkeypatch.context() as patch:
        _, errors = _ascii_terminal(patch)
        with pytest.raises(SystemExit, match='2'):
            command_line.call('report', f'--workdir={folder}2')
    assert rb'\xfcber2' in _seen(errors) and _seen(errors).count(b'\n') == 1
