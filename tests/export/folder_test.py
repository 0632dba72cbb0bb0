"""Export folders survive kills: nothing, or what a later export replaces."""

import os
import pathlib

import numpy as np
import pytest

from sparse_jax.export import ExportError, read_report
from sparse_jax.export.project import folder

ARRAYS = {'codes': np.zeros((2, 1, 1, 1), np.uint8),
          'logits': np.zeros((2, 1), np.int8),
          'labels': np.zeros(2, np.int64)}


class Killed(BaseException):
    """A process that ends here."""


def _write(out, name='net'):
    folder.write(out, {f'{name}.c': 'source', f'{name}.h': 'header'}, ARRAYS,
                 {'name': name})


def _operations(monkeypatch, until):
    """Ends the `until`-th change of the disk before it is made; clean-ups never run."""
    done = []

    def counted(function):
        def call(*arguments, **keywords):
            if len(done) == until:
                raise Killed
            done.append(function)
            return function(*arguments, **keywords)
        return call

    for target, name in ((os, 'rename'), (os, 'replace'), (pathlib.Path, 'write_text'),
                         (pathlib.Path, 'mkdir'), (pathlib.Path, 'unlink'),
                         (np, 'savez_compressed')):
        monkeypatch.setattr(target, name, counted(getattr(target, name)))
    monkeypatch.setattr(folder.shutil, 'rmtree', lambda *a, **k: None)
    return done


def _killed_at(monkeypatch, out, step, name):
    """Whether an export was ended at a step, or had none left."""
    with monkeypatch.context() as patch:
        _operations(patch, step)
        try:
            _write(out, name)
        except Killed:
            return True
    return False


@pytest.mark.parametrize('before', ('nothing', 'empty', 'export', 'other'))
def test_a_kill_at_any_step_leaves_what_can_be_replaced(tmp_path, monkeypatch, before):
    for step in range(100):
        out = tmp_path / str(step) / 'out'
        if before != 'nothing':
            out.mkdir(parents=True)
        if before in ('export', 'other'):
            _write(out, 'net' if before == 'export' else 'old')
            (out / 'notes.txt').write_text('mine')
        if not _killed_at(monkeypatch, out, step, 'net'):
            break
        if before == 'nothing' and out.exists():
            assert read_report(out)['name'] == 'net'
        _write(out, 'again')
        assert read_report(out)['name'] == 'again'
        kept = {'notes.txt'} if before in ('export', 'other') else set()
        assert {p.name for p in out.iterdir()} - kept == {
            'again.c', 'again.h', 'report.json', 'testset.npz'}
        assert not kept or (out / 'notes.txt').read_text() == 'mine'
        assert [p.name for p in out.parent.iterdir()] == ['out']
    assert 5 < step < 99


def test_a_torn_export_says_so(tmp_path, monkeypatch):
    _write(tmp_path / 'out', 'old')
    with monkeypatch.context() as patch:
        patch.setattr(folder.os, 'replace', _fail_after(2, os.replace))
        with pytest.raises(Killed):
            _write(tmp_path / 'out')
    with pytest.raises(ExportError, match='not finished; export it again'):
        read_report(tmp_path / 'out')


def _fail_after(count, function):
    left = [count]

    def call(*arguments):
        if not left[0]:
            raise Killed
        left[0] -= 1
        return function(*arguments)
    return call


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*arguments, **keywords):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(np, 'savez_compressed', full)
    with pytest.raises(ExportError, match=r'out: No space left on device'):
        _write(tmp_path / 'out')
    assert not any(tmp_path.iterdir())


def test_only_folders_of_our_own_naming_are_removed(tmp_path):
    mine = tmp_path / '.export-out.0123abcd'
    mine.mkdir()
    (mine / 'net.c').write_text('torn')
    others = [tmp_path / name for name in ('.export-out.backup', '.export-run.0123abcd',
                                           '.export-out.0123abcde')]
    for path in others:
        path.mkdir()
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    (elsewhere / 'thesis.txt').write_text('years of work')
    link = tmp_path / '.export-out.99999999'
    link.symlink_to(elsewhere)
    _write(tmp_path / 'out')
    assert not mine.exists() and all(path.is_dir() for path in others)
    assert link.is_symlink() and (elsewhere / 'thesis.txt').exists()


def test_a_report_is_replaced_at_once_and_never_through_a_link(tmp_path):
    _write(tmp_path / 'out')
    target = tmp_path / 'target.txt'
    target.write_text('mine')
    (tmp_path / 'out' / '.report.json').symlink_to(target)
    folder.set_verification(tmp_path / 'out', {'logits': 'bit-equal'})
    assert target.read_text() == 'mine'
    assert read_report(tmp_path / 'out')['verification'] == {'logits': 'bit-equal'}
