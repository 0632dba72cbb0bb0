"""What decides the random numbers of a retraining."""

import dataclasses
import hashlib
import json

from sparse_jax.settings.groups import Data, Settings
from sparse_jax.settings.stored import locked
from sparse_jax.study.retraining import seed_of
from sparse_jax.train_config import TrainConfig


def _seed(**train):
    return seed_of(Settings(train=dataclasses.replace(TrainConfig(), **train)),
                   'digest', [], 3)


def test_a_setting_that_came_later_changes_no_seed_at_its_old_value():
    settings = locked(Settings())
    assert settings.pop('train.optimizer') == 'adam'
    assert settings.pop('data.soft_labels') == ''
    assert settings.pop('search.trend') == 'none'
    assert settings.pop('search.lag') == 0
    assert settings.pop('pruning.at_end') is False
    text = json.dumps([settings, 'digest', [], 3], sort_keys=True)
    expected = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
    assert _seed() == expected
    assert len({_seed(), _seed(optimizer='muon'), _seed(epochs=7)}) == 3


def test_a_teacher_counts_wherever_its_file_is():
    plain, here, there = (seed_of(Settings(data=Data(soft_labels=path)), '', [], 0)
                          for path in ('', 'here.npz', 'there.npz'))
    assert plain != here == there
