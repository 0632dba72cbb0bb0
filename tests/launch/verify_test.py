"""The front of a study on the emulated board, from the command line."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import pytest

from launch import search
from sparse_jax import data
from sparse_jax.evaluation import verification
from sparse_jax.export import MissingToolError, VerificationError
from sparse_jax.objectives.goal import BOARD
from sparse_jax.objectives.goals import front_of
from sparse_jax.study.records import Study
from tests import tiny_study
from tests.launch import command_line

needs_mcu = pytest.mark.skipif(
    not all(find_spec(m) for m in ('ziglang', 'unicorn', 'elftools', 'capstone')),
    reason='needs requirements-mcu.txt')


@pytest.fixture
def workdir(tmp_path):
    return shutil.copytree(tiny_study.measured().workdir, tmp_path / 'run')


@pytest.fixture(scope='module')
def front():
    study = Study(tiny_study.measured().workdir, create=False)
    return front_of(study.networks(), tiny_study.measured().setup.objectives)


def _without_labels(monkeypatch):
    real = data.load_test
    monkeypatch.setattr(
        data, 'load_test', lambda spec: real(spec)._replace(labels=None))


def _overrides():
    config = tiny_study.overrides() | {
        'objectives.names': ('error', 'flash', 'ram'), 'objectives.error': 0.1}
    return [f'--config.{name}={value}' for name, value in config.items()]


@needs_mcu
def test_the_front_is_verified_without_its_labels(
        workdir, front, capsys, monkeypatch):
    _without_labels(monkeypatch)
    result = command_line.run(
        capsys, 'verify', f'--workdir={workdir}', '--limit=3')
    assert (result.code, result.err) == (0, '')
    assert '3 of 60 test images' in result.out
    assert result.out.count('bit-equal') == len(front)
    assert 'error of the prediction, median (worst): flash' in result.out
    assert max(map(len, result.out.splitlines()[:4 * len(front)])) <= 80
    for row in front:
        report = json.loads(
            (workdir / 'verified' / row.name / 'report.json').read_text())
        found = report['verification']
        assert found['network']['ram'] == row.measured['ram']
        run = (found['network']['flash'], found['network']['ram'],
               found['instructions']['mean'], 1e3 * found['estimates']['latency_s'])
        predicted = [row.measured[name] for name in BOARD[:4]]
        np.testing.assert_allclose(predicted, run, rtol=0.5)
        assert f'{found["network"]["flash"]}' in result.out
        assert found['accuracy'] is None and found['images'] == 3
    assert Study(workdir, create=False).meta('test_accuracy') is None


@needs_mcu
def test_another_board_is_predicted_anew(workdir, front, capsys):
    result = command_line.run(
        capsys, 'verify', f'--workdir={workdir}', '--limit=1', '--board=stm32f413')
    assert result.code == 0 and 'stm32f413' in result.out
    assert result.out.count('bit-equal') == len(front)


@needs_mcu
def test_one_network_that_fails_is_shown_and_fails_all(
        workdir, front, capsys, monkeypatch):
    real, broken = verification.verify, front[0].name

    def verify(out, **named):
        if out.name == broken:
            raise VerificationError('microbit: wrong logits for 3 of 3 images')
        return real(out, **named)

    monkeypatch.setattr(verification, 'verify', verify)
    result = command_line.run(capsys, 'verify', f'--workdir={workdir}', '--limit=1')
    assert result.code == 2 and result.out.count('FAILED') == 1
    assert result.out.count('bit-equal') == len(front) - 1
    assert f'1 of {len(front)} networks failed; trial {broken}: microbit: wrong' in (
        result.err)


def test_a_search_without_the_tools_says_what_to_install(
        workdir, capsys, monkeypatch):
    def missing(board, prefer):
        raise MissingToolError('unicorn is not installed: pip install it')

    monkeypatch.setattr(verification, 'check_tools', missing)
    result = command_line.run(capsys, 'search', f'--workdir={workdir}', *_overrides())
    assert result.code == 0 and 'front not verified: unicorn is not' in result.out
    assert 'flash' in result.out and 'RAM' in result.out
    asked = command_line.run(
        capsys, 'search', f'--workdir={workdir}', '--verify', *_overrides())
    assert asked.code == 2 and asked.err.count('error: ') == 1
    quiet = command_line.run(
        capsys, 'search', f'--workdir={workdir}', '--noverify', *_overrides())
    assert quiet.code == 0 and 'verified' not in quiet.out


@needs_mcu
def test_a_measured_search_ends_with_the_verified_front(workdir, capsys, monkeypatch):
    monkeypatch.setattr(search, 'VERIFIED_IMAGES', 2)
    result = command_line.run(capsys, 'search', f'--workdir={workdir}', *_overrides())
    assert result.code == 0 and '2 of 60 test images' in result.out


def test_report_and_picture_of_measured_objectives(workdir, front, capsys):
    result = command_line.run(capsys, 'report', f'--workdir={workdir}', '--notest')
    assert (result.code, result.err) == (0, '')
    assert 'flash' in result.out and ' B and 2048 B' in result.out
    assert 'of microbit: RAM is exact' in result.out
    assert '(latency, energy)' in result.out
    header, *lines = (workdir / 'front.csv').read_text().splitlines()
    names, count = header.split(','), len(BOARD)
    assert names[-count:] == list(BOARD) and len(lines) == len(front)
    assert dict(zip(BOARD, map(float, lines[0].split(',')[-count:]))
                ) == front[0].measured
    assert (workdir / 'front.png').stat().st_size > 5000
