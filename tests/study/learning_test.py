"""What is stored of a training: thinned by hand, read back, damaged."""

import contextlib
import json
import math
import sqlite3

import numpy as np
import pytest

from sparse_jax.study import learning, schema
from sparse_jax.study.learning import Learning
from sparse_jax.study.names import FILE
from sparse_jax.study.records import Study
from tests import tiny_study


def test_short_trainings_are_kept_and_long_ones_thinned():
    few = learning.thinned([2.0, 1.123456789], [0.25, 0.5])
    assert few == Learning((1, 2), (2.0, 1.1235), (0.25, 0.5))
    epochs = 1000
    long = learning.thinned([i / 7 for i in range(epochs)],
                            [i / epochs for i in range(epochs)])
    assert len(long.epoch) == learning.MOST
    assert (long.epoch[0], long.epoch[-1]) == (1, epochs)
    steps = np.diff(long.epoch)
    assert steps.max() - steps.min() <= 1
    assert long.loss[5] == pytest.approx((long.epoch[5] - 1) / 7, rel=1e-4)
    assert learning.thinned([], []) == Learning()
    exactly = learning.thinned([1.0] * learning.MOST, [0.5] * learning.MOST)
    assert exactly.epoch == tuple(range(1, learning.MOST + 1))


def test_what_is_not_finite_is_null_in_json():
    found = learning.thinned([1.0, math.inf, math.nan], [0.5, 0.25, math.nan])
    text = learning.dumps(found)
    json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert len(text.encode()) < 100
    back = learning.parse({'learning': text})
    assert back.epoch == (1, 2, 3) and back.loss[0] == 1.0
    assert math.isnan(back.loss[1]) and math.isnan(back.accuracy[2])


def test_a_thousand_epochs_take_little_room():
    noise = np.random.default_rng(0).random(1000).tolist()
    assert len(learning.dumps(learning.thinned(noise, noise))) < 1500


def test_older_studies_have_the_accuracy_alone():
    found = learning.parse({'accuracy': '[0.5, 0.75]'})
    assert found.epoch == (1, 2) and found.accuracy == (0.5, 0.75)
    assert all(map(math.isnan, found.loss))
    assert learning.parse({}) == Learning()


@pytest.mark.parametrize('text', [
    'x', '3', '[]', '{}', '{"epoch":[1],"loss":[],"accuracy":[1]}',
    '{"epoch":[2,1],"loss":[1,1],"accuracy":[1,1]}',
    '{"epoch":[1],"loss":[1],"accuracy":[1.5]}'])
def test_damaged_text_is_nothing(text):
    assert learning.parse({'learning': text}) == Learning()


def test_a_search_stores_both(tmp_path):
    made = tiny_study.finished().workdir
    with contextlib.closing(Study(made, create=False)) as study:
        row = study.rows()[0]
        found = study.learning(0)
        assert study.learning(999) == Learning()
    assert found.epoch == tuple(range(1, row.trial.epochs + 1))
    assert all(0 <= share <= 1 for share in found.accuracy)
    assert found.loss[-1] < found.loss[0]


def test_a_study_without_the_column_gets_it(tmp_path):
    db = sqlite3.connect(tmp_path / FILE)
    with contextlib.closing(db), db:
        schema.make(db)
        db.execute('ALTER TABLE trials DROP COLUMN learning')
        db.execute("INSERT INTO trials (number, round, status, coordinates, point, "
                   "seed, epochs) VALUES (0, 0, 'pending', '[]', '{}', 0, 2)")
        text = learning.dumps(learning.thinned([1.0], [0.5]))
        schema.update(db, 'trials', 0, {'learning': text})
        kinds = {row[1]: row[2] for row in db.execute('PRAGMA table_info(trials)')}
        assert kinds['learning'] == 'TEXT'
        assert db.execute('SELECT learning FROM trials').fetchone() == (text,)
