"""Paths on the command line: what no file can have is one line, `~` is the home."""

import os

import pytest

from tests.launch import command_line

LONG = 'a' * 300
FLAGS = [
    ('search', '--workdir={}'), ('search', '--workdir=new --config={}.py'),
    ('search', '--workdir=new --config.data.name=own --config.data.path={}.npz'),
    ('search', '--workdir=new --config.objectives.board={}.json'),
    ('report', '--workdir={}'), ('describe', '--network={}.json'),
    ('describe', '--workdir={} --trial=1'), ('verify', '--out={}'),
    ('verify', '--workdir={}'), ('retrain', '--workdir=new --out={}'),
    ('retrain', '--workdir={} --out=new')]


@pytest.mark.parametrize('launcher, words', FLAGS)
@pytest.mark.parametrize('path, reason', [
    (LONG, 'File name too long'), ('b' * 5000, 'File name too long'),
    ('~nosuchuser/x', "no user 'nosuchuser'"), ('gs://bucket/x', 'on another machine')])
def test_what_no_file_can_have(
        launcher, words, path, reason, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = command_line.run(
        capsys, launcher, *words.format(path).split())
    # A search says what it is about before it looks at anything.
    assert result.code == 2 and result.out.count('\n') <= (launcher == 'search')
    assert result.err.startswith('error: ') and result.err.count('\n') == 1
    assert reason in result.err and len(result.err) < 400, result.err
    assert not list(tmp_path.iterdir())


def test_home_is_expanded_where_the_shell_does_not(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    os.mkdir('home')
    result = command_line.run(capsys, 'report', '--workdir=~/x')
    assert result.code == 2 and str(tmp_path / 'home' / 'x') in result.err
    assert [path.name for path in tmp_path.iterdir()] == ['home']
