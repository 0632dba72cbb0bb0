"""A study is read where its images are not: by names and counts that it remembers."""

import dataclasses
import json
import shutil

import pytest

from sparse_jax.data import DataError, loading
from sparse_jax.settings.stored import dumps
from sparse_jax.study import confusions, folder
from sparse_jax.study.opened import open_study
from tests import tiny_study
from tests.launch import command_line
from tests.report import structure

pytestmark = pytest.mark.usefixtures('without_pictures')
NAMES = ('left', 'up', 'right')


@pytest.fixture
def moved(tmp_path):
    """A whole study, and the file of its images, which a test takes away."""
    made = shutil.copytree(tiny_study.finished().workdir, tmp_path / 'study')
    images = tmp_path / 'images.npz'
    shutil.copy(tiny_study.data_file(), images)
    settings = tiny_study.settings(data__path=str(images), data__class_names=NAMES)
    (made / 'config.json').write_text(dumps(settings))
    named = dataclasses.replace(
        tiny_study.finished().setup.dataset, class_names=NAMES)
    folder.start_study(str(made), settings, named).close()
    return made, images


def test_classes_are_named_and_told_apart_without_the_images(moved, capsys):
    made, images = moved
    words = ('report', f'--workdir={made}')
    whole = command_line.run(capsys, *words)
    assert whole.code == 0, whole.err
    page = structure.check((made / 'report.html').read_text()).text
    with open_study(made) as study:
        trial = next(iter(confusions.stored(study.records, 3)))
    describe = ('describe', f'--workdir={made}', f'--trial={trial}', '--json')
    before = json.loads(command_line.run(capsys, *describe).out)
    images.unlink()
    loading._parts.cache_clear()  # Another process has read nothing yet.
    found = command_line.run(capsys, *words)
    assert found.code == 0, found.err
    first, *rest = found.out.splitlines()
    assert first.startswith('note: without the images: ') and 'images.npz' in first
    # All that is printed, test accuracies that were measured before among it.
    assert rest == whole.out.splitlines()
    text = structure.check((made / 'report.html').read_text()).text
    for only in ('Written without the images.', 'images that set the ranges'):
        assert only in text and only not in page
    for both in (*NAMES, '6x6x1 images of 3 classes, 180 to train and 60 to validate',
                 'Confusion on validation images'):
        assert both in text and both in page
    after = json.loads(command_line.run(capsys, *describe).out)
    assert after == before and after['classes']['names'] == list(NAMES)


def test_what_needs_the_images_is_refused_without_them(moved, capsys):
    made, images = moved
    images.unlink()
    with pytest.raises(DataError):
        open_study(made)
    with open_study(made, needs_images=False) as study:
        assert study.missing and study.about.class_names == NAMES
        name = study.front()[0].name
        assert study.network(name).net.classes == 3
    words = (f'--workdir={made}', f'--trial={name}')
    found = command_line.run(capsys, 'describe', *words)
    assert found.code == 0 and 'classes: left, up, right' in found.out
    found = command_line.run(capsys, 'export', *words, f'--out={made}/out')
    assert found.code == 2 and found.err.count('\n') == 1


def test_a_study_that_remembers_nothing_is_refused(moved):
    made, images = moved
    images.unlink()
    shutil.copy(tiny_study.finished().workdir / 'study.sqlite', made)
    with pytest.raises(DataError):
        open_study(made, needs_images=False)
