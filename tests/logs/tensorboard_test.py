"""Event files, read back record by record."""

import contextlib
import io
import struct

import numpy as np
import pytest
from PIL import Image

from sparse_jax.logs import tensorboard
from sparse_jax.study.records import Study
from tests import tiny_study

pytest.importorskip('tensorboardX')


def _events(run):
    """All summaries of a run: (step, value)."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(run.glob('events.out.tfevents.*')):
        data = path.read_bytes()
        while data:
            size, = struct.unpack('<Q', data[:8])
            event = Event.FromString(data[12:12 + size])
            found += [(event.step, value) for value in event.summary.value]
            data = data[16 + size:]
    return found


def _scalars(run):
    return {(value.tag, step): value.simple_value for step, value in _events(run)
            if value.WhichOneof('value') == 'simple_value'}


def test_what_is_written_is_what_the_study_has(tmp_path):
    made = tiny_study.finished()
    aims = made.setup.objectives._replace(bounds=(0.1, 1e6, 1e6))
    picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    other = tmp_path / 'tensorboard' / 'my_own_run' / 'events.out.tfevents.1.host'
    other.parent.mkdir(parents=True)
    other.touch()
    with contextlib.closing(Study(made.workdir, create=False)) as study:
        for _ in range(2):  # The second call replaces what the first one wrote.
            assert tensorboard.write(
                tmp_path, study, aims, picture) == ['tensorboard/']
        rows, rounds, networks = study.rows(), study.rounds(), study.networks()
        learned = [study.learning(row.trial.number) for row in rows]
    assert other.is_file()
    search = tmp_path / 'tensorboard' / 'search'
    assert len(list(search.iterdir())) == 1
    scalars = _scalars(search)
    for found in rounds:
        assert scalars['round/hypervolume', found.round + 1] == pytest.approx(
            found.hypervolume, rel=1e-6)
        assert scalars['round/best_accuracy_within_bounds',
                       found.round + 1] == pytest.approx(1 - min(
                           row.error for row in networks if row.round <= found.round))
    for row, learning in zip(rows, learned, strict=True):
        number = row.trial.number
        assert scalars['trial/validation_accuracy', number] == pytest.approx(
            1 - row.error)
        assert scalars['trial/model_size', number] == row.costs.model_size
        run = tmp_path / 'tensorboard' / f'trial_{number:06d}'
        own = _scalars(run)
        for epoch, loss, accuracy in zip(*learning):
            assert own['learning/loss', epoch] == pytest.approx(loss, rel=1e-6)
            assert own['learning/accuracy', epoch] == pytest.approx(accuracy, rel=1e-6)
        assert [tag for tag in (value.tag for _, value in _events(run))
                if tag.startswith('_hparams_')] == [
            '_hparams_/experiment', '_hparams_/session_start_info',
            '_hparams_/session_end_info']
    image, = (value.image for _, value in _events(search)
              if value.WhichOneof('value') == 'image')
    shown = np.asarray(Image.open(io.BytesIO(image.encoded_image_string)))
    assert np.array_equal(shown, picture)


def test_a_trial_that_failed_has_no_figures():
    made = tiny_study.finished()
    with contextlib.closing(Study(made.workdir, create=False)) as study:
        row = study.rows()[0]
    assert tensorboard.figures_of(row._replace(error=None), made.setup.objectives) == {}
