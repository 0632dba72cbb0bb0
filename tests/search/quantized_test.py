"""A search for int8 accuracy measures the network that runs on the chip."""

import pytest

from sparse_jax import data
from sparse_jax.config import default_config
from sparse_jax.quantize import int8_accuracy
from sparse_jax.search import evaluate, front, loop, settings, setup, study


@pytest.fixture(scope='module')
def searched(tmp_path_factory):
    config = default_config()
    config.data.name = 'synthetic'
    config.objectives.quantized = True
    config.train.epochs, config.train.batch_size = 3, 64
    config.search.update({'algorithm': 'random', 'rounds': 1, 'batch': 2})
    config.search.max_groups = 1
    config.limits.max_weights = 4000
    built = setup.build(config)
    records = study.Study(tmp_path_factory.mktemp('study'))
    loop.run(built, records)
    yield built, records
    records.close()


def test_the_error_is_that_of_the_int8_network(searched):
    built, records = searched
    dataset, method = built.dataset, settings.pruning_method(built.config)
    rows = [row for row in records.rows() if row.ok]
    assert rows and built.programs.recipe.cuts == () == tuple(records.curve_rows())
    for row in rows:
        net = front.member(records, built.space, row, dataset, method).net
        expected = int8_accuracy(
            net, dataset.train.images[:setup.CALIBRATION], dataset.validation.images,
            dataset.validation.labels)
        assert row.error == pytest.approx(1 - expected, abs=1e-12)


def test_the_report_can_measure_int8_too(searched):
    built, records = searched
    rows = loop.front_of(records.rows(), built.objectives)
    method = settings.pruning_method(built.config)
    members = [front.member(records, built.space, r, built.dataset, method)
               for r in rows]
    measure = front.int8_accuracy_on(built.dataset.train.images[:setup.CALIBRATION])
    spec = settings.data_spec(built.config)
    found = front.test_accuracies(records, members, spec, measure)
    test = data.load_test(spec)
    assert found == {m.row.name: measure(m.net, test) for m in members}


def test_float_error_is_kept_beside_it():
    outcome = evaluate.Outcome(evaluate.Trial(0, None, 1), 0, 0.25, float_error=0.5)
    assert (outcome.error, outcome.float_error) == (0.25, 0.5)
