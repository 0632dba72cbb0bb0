"""The balanced error: every class weighs as much, in programs and on the host."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics

import sparse_jax
from sparse_jax.data.dataset import largest_class
from sparse_jax.evaluation.predictions import accuracy_of, confusion_of, predictions
from sparse_jax.model import deploy
from sparse_jax.objectives.confusion import balanced_error
from sparse_jax.training.data import TrainData
from sparse_jax.training.validation import error_rate
from tests import tiny_study
from tests.training.validation_test import CANDIDATE, SKELETON


@pytest.mark.parametrize('chunk', [4, 23, 256])
def test_the_error_of_a_program_by_scikit_learn(chunk, monkeypatch):
    rng = np.random.default_rng(0)
    said, labels = rng.integers(0, 3, (2, 23))
    labels[:12] = 1
    labels[labels == 2] = 0
    # The network says what the first pixel holds.
    monkeypatch.setattr(deploy, 'predict', lambda skeleton, folded, candidate, x, conv:
                        (x[0, 0, 0] == jnp.arange(3)[:, None]).astype(jnp.float32))
    images = np.zeros((23, 1, 3, 1), np.float32)
    images[:, 0, 0, 0] = said
    data = TrainData(jnp.asarray(images), jnp.asarray(labels))
    of = lambda balanced: float(error_rate(
        {}, CANDIDATE, data, skeleton=SKELETON, chunk=chunk, balanced=balanced))
    assert of(False) == pytest.approx(np.mean(said != labels))
    recall = [np.mean(said[labels == k] == k) for k in (0, 1)]
    assert of(True) == pytest.approx(1 - np.mean(recall))


@pytest.fixture(scope='module')
def study(tmp_path_factory):
    config = tiny_study.config(
        objectives__balanced=True, objectives__quantized=True, search__rounds=1)
    with tiny_study.small_space():
        with sparse_jax.run_search(config, tmp_path_factory.mktemp('study')) as opened:
            yield opened


def test_a_search_stores_the_balanced_error(study):
    part, plain = study.dataset.validation, []
    rows = study.records.networks()
    assert len(np.unique(np.bincount(part.labels))) > 1
    for row in rows:
        net = study.network(row).net
        said = predictions(study, net, part.images)
        expected = metrics.balanced_accuracy_score(part.labels, said)
        assert row.error == pytest.approx(1 - expected, abs=1e-9)
        assert accuracy_of(study)(net, part) == pytest.approx(expected, abs=1e-9)
        assert balanced_error(confusion_of(study, net)) == row.error
        plain.append(np.mean(said != part.labels))
        if row.offset is None:
            # Within one image, which float and int8 may see differently.
            assert row.float_error == pytest.approx(row.error, abs=3 / 60)
    assert not np.allclose(plain, [row.error for row in rows])


def test_a_study_goes_on_with_its_own_error_alone(study):
    with pytest.raises(sparse_jax.StudyError, match='balanced: True -> False'):
        sparse_jax.run_search(tiny_study.config(
            objectives__quantized=True, search__rounds=1), study.folder)


def test_guessing_has_the_same_balanced_error_whatever_the_classes(study):
    name, error = largest_class(study.dataset, balanced=True)
    assert error == pytest.approx(2 / 3)
    assert largest_class(study.dataset)[0] == name
