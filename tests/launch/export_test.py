"""A network of a study as a folder of C."""

import json
import shutil

import pytest

from sparse_jax.evaluation import exporting
from sparse_jax.study.opened import open_study
from tests import tiny_study
from tests.launch import command_line


@pytest.fixture
def workdir(tmp_path):
    """A study that measured in int8, a folder of the test's own."""
    return shutil.copytree(tiny_study.measured().workdir, tmp_path / 'study')


def test_the_launcher_writes_what_the_library_does(workdir, tmp_path, capsys):
    with open_study(workdir) as study:
        best = study.front()[0]
        made = exporting.export_trial(study, best, tmp_path / 'library')
        # The calibration is that of the search, so its costs are what was stored.
        assert len(exporting.calibration_images(study)) == min(
            exporting.CALIBRATION, len(study.dataset.train.labels))
    assert made.row.name == best.name and made.ranges is None
    seen = command_line.run(
        capsys, 'export', f'--workdir={workdir}', f'--trial={best.name}', '--noverify',
        f'--out={tmp_path}/launcher')
    assert (seen.code, seen.err) == (0, '')
    assert seen.out == (
        f'written: {tmp_path}/launcher, trial {best.name}, validation accuracy '
        f'{100 * made.int8_accuracy:.2f} % in int8 '
        f'({100 * made.float_accuracy:.2f} % in float)\n')
    left, right = (command_line.contents(tmp_path / name)
                   for name in ('library', 'launcher'))
    assert [p.name for p in left] == [p.name for p in right]
    assert list(left.values()) == list(right.values())
    report, = (tmp_path / 'library').rglob('report.json')
    assert json.loads(report.read_text())


def test_a_folder_of_something_else_is_refused(workdir, tmp_path, capsys):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'thesis.tex').write_text('')
    seen = command_line.run(capsys, 'export', f'--workdir={workdir}', '--trial=0',
                            f'--out={tmp_path}/mine')
    assert seen.code == 2 and seen.err.startswith('error: ')
    assert [path.name for path in (tmp_path / 'mine').iterdir()] == ['thesis.tex']


def test_formats_of_files(workdir, tmp_path, capsys):
    pytest.importorskip('tflite')
    seen = command_line.run(
        capsys, 'export', f'--workdir={workdir}', '--trial=0', '--format=tflite',
        f'--out={tmp_path}/out')
    assert (seen.code, seen.err) == (0, '') and 'written: ' in seen.out
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'README.txt', 'labels.txt', 'net.tflite', 'report.json', 'testset.npz']
    text = (tmp_path / 'out' / 'README.txt').read_text()
    assert f'--workdir={workdir} --trial=0 --board=microbit --format=tflite' in text
    assert (tmp_path / 'out' / 'labels.txt').read_text() == '0\n1\n2\n'
    seen = command_line.run(capsys, 'export', f'--workdir={workdir}', '--trial=0',
                            '--format=c,onnx', f'--out={tmp_path}/other')
    assert seen.code == 2 and 'formats: c,onnx is not allowed' in seen.err
    assert not (tmp_path / 'other').exists()
    seen = command_line.run(capsys, 'verify', f'--out={tmp_path}/out')
    assert seen.code == 2 and seen.err.count('\n') == 1
