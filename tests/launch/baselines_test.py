"""launch.baselines: competitors on the images of a configuration."""

import pytest

from launch import baselines
from sparse_jax.baselines import rows, tuned
from tests import tiny_study
from tests.launch import command_line


def _run(capsys, workdir, *more):
    return command_line.run(
        capsys, 'baselines', '--config.data.name=tiny',
        f'--config.data.path={tiny_study.data_file()}',
        '--config.data.validation_size=60', '--config.data.test_size=60',
        f'--workdir={workdir}', *more)


def test_the_flag_names_all_methods():
    assert set(baselines.NAMES) == set(tuned.METHODS)
    assert tuple(baselines.FLAGS['grid'].parser.enum_values) == tuned.GRIDS


def test_rows_are_kept_and_not_made_again(tmp_path, capsys):
    first = _run(capsys, tmp_path / 'run', '--methods=knn,svm')
    assert first.code == 0, first.err
    found = rows.read(tmp_path / 'run')
    assert [row.method for row in found] == ['knn', 'svm']
    assert all(0.3 < row.test <= 1 and row.tried > 1 for row in found)
    assert found[0].published_bytes == 4 * found[0].values
    before = command_line.contents(tmp_path)
    again = _run(capsys, tmp_path / 'run', '--methods=svm,knn')
    assert again.out == first.out and command_line.contents(tmp_path) == before
    other = _run(capsys, tmp_path / 'run', '--methods=knn', '--config.data.seed=1')
    assert other.code == 2 and 'has rows of other data (tiny)' in other.err
    other = _run(capsys, tmp_path / 'run', '--methods=bonsai', '--kilobytes=2')
    assert other.code == 2 and "'kilobytes': 16.0" in other.err
    other = _run(capsys, tmp_path / 'run', '--methods=svm', '--svm_examples=99')
    assert other.code == 2 and "'svm_examples': 99" in other.err
    assert command_line.contents(tmp_path) == before


@pytest.mark.slow
def test_every_method_from_end_to_end(tmp_path, capsys):
    found = _run(capsys, tmp_path / 'run', '--kilobytes=4', '--epochs=30')
    assert found.code == 0, found.err
    made = {row.method: row for row in rows.read(tmp_path / 'run')}
    assert set(made) == set(baselines.NAMES)
    for name in ('bonsai', 'protonn'):
        assert made[name].published_bytes <= 4096
    assert all(row.validation > 0.4 for row in made.values())


@pytest.mark.parametrize('more, words', [
    (['--methods=knn,tree'], "--methods=knn,tree: 'tree' is not allowed; allowed: "),
    (['--methods='], "'nothing' is not allowed"),
    (['--kilobytes=0.1', '--methods=protonn'], 'no shape of protonn fits'),
    (['--svm_examples=3'], '--svm_examples=3: allowed: 0 for all '),
    (['--svm_examples=99999'], '--svm_examples=99999: allowed: 0 for all '),
    (['--random_search=/nowhere', '--methods='], "'/nowhere'"),
    (['--kilobytes=inf'], '--kilobytes'), (['--seed=4294967296'], '--seed'),
    (['--epochs=0'], '--epochs')])
def test_mistakes_are_one_line(tmp_path, capsys, more, words):
    found = _run(capsys, tmp_path / 'run', *more)
    assert found.code == 2 and found.err.count('\n') == 1, found
    assert words in found.err and not list(tmp_path.iterdir())


@pytest.mark.parametrize('launcher, words', [
    ('baselines', '--methods=knn --workdir={}'),
    ('records', '--workdir=STUDY --out={}'),
    ('sweep', '--sweep=config.seed=0:2 --workdir={}')])
def test_a_file_in_the_place_of_a_folder_is_said_before_any_work(
        tmp_path, capsys, launcher, words):
    (tmp_path / 'taken').touch()
    for place in (tmp_path / 'taken', tmp_path / 'taken' / 'x'):
        given = words.format(place).replace('STUDY', str(tiny_study.finished().workdir))
        found = command_line.run(capsys, launcher, *given.split())
        assert found.code == 2 and found.err.count('\n') == 1, found
        taken = str(tmp_path / 'taken')
        assert f'{taken!r} is a file; allowed: a folder' in found.err
