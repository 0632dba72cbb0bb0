"""A search for int8 accuracy measures the network that runs on the chip."""

import pytest

from sparse_jax import data
from sparse_jax.evaluation.chip import CALIBRATION
from sparse_jax.objectives.goals import front_of
from sparse_jax.quantize import int8_accuracy
from sparse_jax.search import loop
from sparse_jax.settings import reading
from sparse_jax.study import front
from sparse_jax.study import records as study
from tests import tiny_study


@pytest.fixture(scope='module')
def searched(tmp_path_factory):
    built = tiny_study.build(objectives__quantized=True)
    records = study.Study(tmp_path_factory.mktemp('study'))
    loop.run(built, records)
    yield built, records
    records.close()


def test_the_error_is_that_of_the_int8_network_at_every_cut(searched):
    built, records = searched
    dataset, method = built.dataset, reading.pruning_method(built.settings)
    rows = records.networks()
    assert {row.offset for row in rows if row.ok} == {None, tiny_study.CUT}
    for row in rows:
        net = front.member(records, built.space, row, dataset, method).net
        expected = int8_accuracy(
            net, dataset.train.images[:CALIBRATION], dataset.validation.images,
            dataset.validation.labels)
        assert row.error == pytest.approx(1 - expected, abs=1e-12)
        assert row.measured is None


def test_the_report_can_measure_int8_too(searched):
    built, records = searched
    rows = front_of(records.rows(), built.objectives)
    method = reading.pruning_method(built.settings)
    members = [front.member(records, built.space, r, built.dataset, method)
               for r in rows]
    measure = front.int8_accuracy_on(built.dataset.train.images[:CALIBRATION])
    spec = reading.data_spec(built.settings)
    found = front.test_accuracies(records, members, spec, measure)
    test = data.load_test(spec)
    assert found == {m.row.name: measure(m.net, test) for m in members}


def test_the_float_error_of_the_own_cut_is_kept_beside_it(searched):
    built, records = searched
    dataset, method = built.dataset, reading.pruning_method(built.settings)
    for row in records.networks():
        if row.offset is not None:
            assert row.float_error is None
            continue
        net = front.member(records, built.space, row, dataset, method).net
        assert row.float_error == pytest.approx(
            1 - front.accuracy(net, dataset.validation), abs=1e-6)
