"""Entries of the compile cache that a kill cut short are dropped, others kept."""

import subprocess
import sys
import zlib

from launch import compile_cache

COMPILE = """
import pathlib, sys, warnings
warnings.simplefilter('error')
from launch import compile_cache
compile_cache.use(pathlib.Path(sys.argv[1]))
import jax
print(jax.jit(lambda x: 3 * x + 1)(2.0))
"""


def _compile(folder):
    return subprocess.run([sys.executable, '-c', COMPILE, str(folder)],
                          capture_output=True, text=True, check=False)


def test_a_truncated_entry_is_written_again_without_a_warning(tmp_path):
    assert _compile(tmp_path).returncode == 0
    entries = {path: path.read_bytes() for path in tmp_path.glob('*-cache')}
    assert entries
    for path, whole in entries.items():
        path.write_bytes(whole[:len(whole) // 2])
    done = _compile(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, '7.0\n', '')
    for path in entries:
        zlib.decompress(path.read_bytes())


def test_what_is_whole_is_kept_and_read_once(tmp_path):
    whole = zlib.compress(bytes(200_000))
    contents = {'a-cache': whole, 'b-cache': whole[:-5], 'c-cache': b'',
                'd-cache': b'(' + whole, 'e-cache': whole[:50] + b'?' + whole[51:],
                'notes': b''}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert compile_cache.drop_damaged(tmp_path) == ['b-cache', 'c-cache', 'e-cache']
    left = {'a-cache', 'd-cache', 'notes', 'checked.json'}
    assert {path.name for path in tmp_path.iterdir()} == left
    # Of the size it had when it was whole: taken as such without being read.
    (tmp_path / 'a-cache').write_bytes(bytes(len(whole)))
    assert compile_cache.drop_damaged(tmp_path) == []
    (tmp_path / 'a-cache').write_bytes(whole[:-1])
    assert compile_cache.drop_damaged(tmp_path) == ['a-cache']
