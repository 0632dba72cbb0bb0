"""Which points of a sweep are done."""

import dataclasses

import numpy as np
import pytest

from sparse_jax.settings.groups import Data, Settings
from sparse_jax.settings.stored import dumps
from sparse_jax.status import EMPTY
from sparse_jax.study import folder, glance
from sparse_jax.study.outcome import Outcome, Trial
from sparse_jax.study.records import Study
from sparse_jax.sweep.commands import Command
from sparse_jax.sweep.results import is_done, result_of

TAUGHT = Settings(data=Data(path='here', soft_labels='/here/soft_labels.npz'))


@pytest.mark.parametrize('change, done', [
    ({}, True), ({'path': 'there', 'soft_labels': '/there/soft_labels.npz'}, True),
    ({'soft_labels': ''}, False), ({'seed': 1}, False)])
def test_a_point_is_done_with_these_settings_alone(tmp_path, change, done):
    """Where files are changes nothing; whether there is a teacher does."""
    (tmp_path / 'config.json').write_text(dumps(TAUGHT))
    records = Study(tmp_path)
    trial = Trial(0, np.zeros(2), 1)
    records.add_round(0, 0, [trial], [{}], {})
    records.finish_trials([Outcome(trial, EMPTY)])
    folder.mark_finished(records)
    records.close()
    # What another program has finished meanwhile did not fail.
    assert result_of(Command(0, 'a', {}, tmp_path, ()), TAUGHT,
                     failed=True).state == glance.ENDED
    given = dataclasses.replace(TAUGHT.data, **change)
    assert done == is_done(
        Command(0, 'a', {}, tmp_path, ()), dataclasses.replace(TAUGHT, data=given))
