"""Front members as compact networks; test data is met once, then remembered."""

import numpy as np
import pytest

from sparse_jax import data
from sparse_jax.search import loop
from sparse_jax.settings import reading
from sparse_jax.space import encoding
from sparse_jax.study import cuts
from sparse_jax.study import front as fronts
from sparse_jax.study.records import Study, StudyError
from tests import tiny_study


@pytest.fixture(scope='module')
def setup():
    return tiny_study.finished().setup


@pytest.fixture
def study(setup, tmp_path):
    """A finished study of the test's own: tests write test accuracies into it."""
    made = Study(tmp_path)
    loop.run(setup, made)
    return made


def _member(setup, study, row):
    return fronts.member(study, setup.space, row, setup.dataset,
                         reading.pruning_method(setup.settings))


def test_compact_networks_have_the_stored_error_and_size(setup, study):
    rows = study.networks()
    assert {row.offset for row in rows} == {None, tiny_study.CUT}
    for row in rows:
        member = _member(setup, study, row)
        error = 1 - fronts.accuracy(member.net, setup.dataset.validation)
        # One image of 60 may sit on the fence between float32 and float64.
        assert error == pytest.approx(row.error, abs=1.01 / 60), row.name
        if row.offset is None:
            assert error == pytest.approx(row.error, abs=1e-6), row.name


def test_networks_of_one_program_are_cut_by_one_program(setup, study):
    policy, method = (read(setup.settings) for read in (
        reading.tier_policy, reading.pruning_method))
    build = lambda row, *policy: fronts.member(
        study, setup.space, row, setup.dataset, method, *policy).net
    rows = study.curve_rows()
    cuts._numbers.cache_clear()
    padded = [build(row, policy) for row in rows]
    graphs = {encoding.graph(setup.space, row.trial.row) for row in rows}
    assert len(graphs) > 1 and cuts._numbers.cache_info().misses == 1
    for row, net in zip(rows, padded):
        for own, exact in zip(net.nodes, build(row).nodes, strict=True):
            np.testing.assert_array_equal(own.weight, exact.weight)
            np.testing.assert_array_equal(own.bias, exact.bias)


def test_test_data_is_loaded_once(setup, study, monkeypatch):
    members = [_member(setup, study, row) for row in study.rows()]
    spec = reading.data_spec(setup.settings)
    first = fronts.test_accuracies(study, members, spec)
    assert set(first) == {'0', '1', '2', '3'}
    assert all(0 <= accuracy <= 1 for accuracy in first.values())

    def refuse(_):
        raise AssertionError('test data was loaded again')

    changed = data.load_test(spec)
    changed = changed._replace(labels=(changed.labels + 1) % 3)
    with monkeypatch.context() as patch:
        patch.setattr(data, 'load_test', lambda _: changed)
        other = members[0]._replace(row=members[0].row._replace(offset=7.0))
        with pytest.raises(StudyError, match='test images or labels of .tiny. have'):
            fronts.test_accuracies(study, [other], spec)
    monkeypatch.setattr(data, 'load_test', refuse)
    assert fronts.test_accuracies(study, members, spec) == first
    assert fronts.test_accuracies(study, members[:1], spec) == {'0': first['0']}


def test_a_trial_that_its_own_cut_empties_offers_its_curve(setup, study):
    row = study.rows()[0]._replace(status='empty')
    with pytest.raises(StudyError, match='trial 0: empty, it has no network'):
        _member(setup, study, row)
    cut = study.curve_rows()[0]
    assert _member(setup, study, cut).net.nodes


def test_a_trial_without_weights_is_one_line(setup, study):
    row = study.rows()[0]
    row = row._replace(trial=row.trial._replace(number=99), status='nonfinite')
    with pytest.raises(StudyError, match='trial 99: nonfinite, it has no network'):
        _member(setup, study, row)
