"""Building with the compilers of this machine, on a source of one line."""

import concurrent.futures
import ctypes
import logging

import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.native import build, calls
from sparse_jax.ops import lowering

ANSWER = 'extern "C" int answer() { return %d; }\n'


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A source of its own and an empty cache."""
    folder = tmp_path / 'source'
    folder.mkdir()
    (folder / build.MAIN).write_text(ANSWER % 42)
    monkeypatch.setattr(build, 'SOURCES', folder)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    if not build.compilers():
        pytest.skip('no C++ compiler')
    return folder / build.MAIN


def _answer(path):
    return ctypes.CDLL(str(path)).answer()


def test_builds_once_and_again_when_the_source_changes(source):
    first = build.library()
    stamp = first.stat().st_mtime_ns
    assert _answer(first) == 42
    assert build.library() == first and first.stat().st_mtime_ns == stamp
    source.write_text(ANSWER % 43)
    assert build.library() != first and _answer(build.library()) == 43


def test_two_builds_at_once_leave_one_library(source):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: build.library(), range(4)))
    assert len(paths) == 1 and _answer(paths.pop()) == 42
    assert len(list(build.cache().iterdir())) == 1


def test_a_compiler_that_fails_is_passed_over(source):
    broken = ('/nowhere/c++',)
    assert _answer(build.library([broken, *build.compilers()])) == 42
    with pytest.raises(build.BuildError, match='/nowhere/c'):
        build.library([broken])
    source.write_text('extern "C" int answer() { return wrong; }\n')
    with pytest.raises(build.BuildError, match='error') as caught:
        build.library(build.compilers()[:1])
    assert len(str(caught.value).splitlines()) == 1
    assert not list(build.cache().glob('*.tmp'))


def test_a_folder_that_others_may_write_is_refused(source):
    build.cache().chmod(0o777)
    with pytest.raises(build.BuildError, match='others may write'):
        build.library()


def test_without_a_compiler_patches_are_used_after_one_line(
        tmp_path, monkeypatch, caplog):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.setenv('CXX', str(tmp_path / 'missing'))
    build.load.cache_clear()
    calls.register.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            x = jnp.asarray(np.ones((1, 3, 3, 2), np.float32))
            assert not lowering.uses_direct('direct', x)
            assert not lowering.uses_norm('direct-norm', x)
            assert lowering.chosen('direct-norm').conv == 'patches'
        assert len(caplog.records) == 1 and 'missing' in caplog.text
    finally:
        build.load.cache_clear()
        calls.register.cache_clear()
