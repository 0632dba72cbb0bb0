"""Algorithms beside each other on an error that is a model of trainings."""

import contextlib
import dataclasses
import shutil

import jax
import numpy as np
import pytest

from experiments import simulated
from experiments.recorded_errors import Recorded, Truth, read
from sparse_jax import data, status
from sparse_jax.data.synthetic import synthetic
from sparse_jax.objectives import structure
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.search import loop, setup, trend
from sparse_jax.settings import reading
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.stored import dumps
from sparse_jax.space import encoding
from sparse_jax.study import folder
from sparse_jax.study.errors import StudyError
from sparse_jax.study.opened import open_study
from sparse_jax.study.records import Study
from tests import tiny_study

CHAINS = '*-branch=false, num-conv-blocks=1'
NOISE = 0.02
PLAIN = {'pruning__method': 'none', 'pruning__cuts': (), 'train__epochs': 1,
         'search__inherit': False, 'search__rounds': 3, 'search__final_share': 0.3,
         'search__finals': 1, 'search__final_starts': 1}


@pytest.fixture(scope='module')
def settings():
    found = reading.read({
        'space': {'restrict': CHAINS}, 'pruning': {'method': 'none', 'cuts': ()},
        'search': {'batch': 4, 'initial': 4, 'algorithm': 'random'}})
    assert isinstance(found, Settings)
    return found


@pytest.fixture(scope='module')
def built(settings):
    return setup.build(settings, synthetic(
        0, num_train=64, num_validation=64, shape=(8, 8, 1), num_classes=10))


def _errors(space, rows):
    """Errors that fall with the products of a network, four of them a halving."""
    vectors = structure.vectors(encoding.graphs(space, rows))
    return 0.9 * 2.0 ** (-vectors[:, structure.NAMES.index('macs')] / 4.0)


@pytest.fixture(scope='module')
def recorded(settings, built):
    rows = built.domain.sample(jax.random.key(0), 64)
    noise = np.exp(np.random.default_rng(0).normal(0.0, NOISE, 64))
    return Recorded(settings, built.space, rows, _errors(built.space, rows) * noise)


@pytest.fixture(scope='module')
def truth(recorded):
    return Truth(recorded)


def test_the_model_knows_networks_that_it_has_not_seen(built, truth):
    rows = built.domain.sample(jax.random.key(1), 100)
    wanted = _errors(built.space, rows)
    off = np.abs(np.log(truth(rows) / wanted))
    assert np.median(off) < 0.1 < np.log(wanted).std()


def test_the_noise_is_in_logarithms_of_errors(truth, recorded):
    """Noise of the surrogate is a share of the variance of the logarithms over the
    line; so of errors that are to a power of three."""
    vectors = structure.vectors(encoding.graphs(recorded.space, recorded.rows))
    line = trend.fit(vectors, recorded.errors, trend.prior()).errors(vectors)
    spread = np.log(recorded.errors / line).std()
    assert 0.0 < truth.noise < spread
    powers = Truth(recorded._replace(errors=recorded.errors ** 3))
    assert powers.noise == pytest.approx(3 * truth.noise, rel=0.05)


def test_too_few_trainings_make_no_model(settings, built):
    rows = built.domain.sample(jax.random.key(0), 15)
    with pytest.raises(StudyError, match='15 first trainings.*allowed: 16 or more'):
        Truth(Recorded(settings, built.space, rows, np.full(15, 0.5)))


def test_an_error_does_not_depend_on_those_beside_it(built, truth):
    rows = built.domain.sample(jax.random.key(2), 70)
    np.testing.assert_array_equal(truth(rows)[64:], truth(rows[64:]))


class _Watched:
    """An algorithm that keeps what it was told and what it suggested."""

    def __init__(self, algorithm):
        self._algorithm, self.told, self.given = algorithm, [], []

    def suggest(self, key, found):
        self.told.append(found)
        points, info = self._algorithm.suggest(key, found)
        self.given.append(points)
        return points, info


class _Noisy:
    """Errors with more noise than 64 trainings show."""

    def __init__(self, truth):
        self._truth, self.noise = truth, 0.1

    def __call__(self, rows):
        return self._truth(rows)


def test_an_algorithm_is_told_noisy_errors_and_counted_costs(built, truth):
    watched = _Watched(built.algorithm)
    found = simulated.simulate(
        built._replace(algorithm=watched), _Noisy(truth), seed=0, rounds=6)
    assert [told.size for told in watched.told] == [0, 4, 8, 12, 16, 20]
    told, points = watched.told[-1], np.concatenate(watched.given)
    np.testing.assert_array_equal(told.x, points[:20])
    off = np.log(told.y[:, 0] / truth(told.x))
    assert 0.05 < off.std() < 0.2 and abs(off.mean()) < 0.08
    costs = [graph_totals(graph) for graph in encoding.graphs(built.space, told.x)]
    assert built.sought.names == ('error', 'model_size', 'working_memory')
    np.testing.assert_array_equal(
        told.y[:, 1:], [[c.model_size, c.working_memory] for c in costs])
    true = truth(points).reshape(6, 4)
    np.testing.assert_allclose(found.median, np.median(true, 1))
    np.testing.assert_allclose(found.best, [
        np.sort(true[:i].ravel())[:simulated.BEST].mean() for i in range(1, 7)])
    assert found.groups.tolist() == [
        len(set(built.domain.group(points[:4 * i]))) for i in range(1, 7)]
    assert (told.status == status.OK).all() and found.groups[0] > 0


def test_rounds_are_those_of_the_seed(built, truth):
    found, again, other = (
        simulated.simulate(built, truth, seed=seed, rounds=3) for seed in (0, 0, 1))
    for part, same in zip(found, again):
        np.testing.assert_array_equal(part, same)
    assert (other.median != found.median).all()


def test_variants_are_settings_of_the_search(settings):
    found = simulated.varied(settings, 'sparse,rho=0.5,inherit=False')
    wanted = dataclasses.replace(settings.search, algorithm='sparse', rho=0.5,
                                 inherit=False)
    assert found == dataclasses.replace(settings, search=wanted)
    found = simulated.varied(settings, 'random,rungs=(0.1,1.0),rho=0.5')
    assert (found.search.rungs, found.search.rho) == ((0.1, 1.0), 0.5)


@pytest.mark.parametrize('variant, line', [
    ('sparse,rho=7', 'search.rho: 7 is not allowed'),
    ('sparse,ro=1', 'unknown setting search.ro'),
    ('spars', "config.search.algorithm: 'spars'"),
    ('random,rungs', "'rungs' of 'random,rungs': allowed: KEY=VALUE"),
    ('sparse,rho={[]: 1}', 'search.rho')])
def test_other_variants_are_refused(settings, variant, line):
    with pytest.raises(ConfigError, match=line):
        simulated.varied(settings, variant)


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
    """A search of six fresh trainings that prunes nothing, and its end."""
    folder = tmp_path_factory.mktemp('plain')
    with contextlib.closing(Study(folder)) as study:
        loop.run(tiny_study.build(**PLAIN), study)
    (folder / 'config.json').write_text(dumps(tiny_study.settings(**PLAIN)))
    return folder


def test_a_table_of_recorded_trainings(workdir, capsys):
    recorded = read([str(workdir)])
    with contextlib.closing(Study(workdir)) as study:
        rows = [row for row in study.rows()
                if row.trial.parent is None and row.trial.rung == 0]
        assert len(rows) == 6 < len(study.rows())
    assert recorded.errors.tolist() == [row.error for row in rows]
    np.testing.assert_array_equal(recorded.rows, [row.trial.row for row in rows])
    every = [str(workdir)] * 4
    simulated.main(['--algorithms', 'random', 'random,batch=3', '--rounds=2',
                    '--seeds=1', '--', *every])
    head, _, *table = capsys.readouterr().out.splitlines()
    truth = Truth(read(every))
    assert head == f'24 trainings, noise {100 * truth.noise:.1f} % of an error'
    lines = [line.split(' | ') for line in table[2:]]
    assert [line[0] for line in lines] == ['| random', '| random,batch=3']
    for line in lines:
        built = setup.build(simulated.varied(recorded.settings, line[0][2:]), synthetic(
            0, num_train=64, num_validation=64, shape=(6, 6, 1), num_classes=3))
        found = simulated.simulate(built, truth, seed=0, rounds=2)
        assert line[1] == ', '.join(f'{100 - 100 * v:.1f}' for v in found.median)
        assert line[2] == ', '.join(f'{100 - 100 * v:.1f}' for v in found.best)


@pytest.mark.parametrize('changes, line', [
    ({'budgets__model_size': 99}, 'budgets differs'),
    ({'train__epochs': 2}, 'train differs'),
    ({'search__rungs': (0.5, 1.0)}, 'search.rungs differs')])
def test_studies_of_other_errors_are_refused(workdir, tmp_path, changes, line, capsys):
    (tmp_path / 'config.json').write_text(
        dumps(tiny_study.settings(**PLAIN | changes)))
    shutil.copy(workdir / 'study.sqlite', tmp_path)
    _assert_refused([workdir, tmp_path], line, capsys)


def test_studies_of_other_images_or_another_teacher_are_refused(
        workdir, tmp_path, capsys):
    file, other = tmp_path / 'other.npz', tmp_path / 'other'
    with np.load(tiny_study.data_file()) as images:
        np.savez(file, X=images['X'], y=np.roll(images['y'], 1))
    shutil.copytree(workdir, other)
    changed = tiny_study.settings(**PLAIN | {'data__path': str(file)})
    (other / 'config.json').write_text(dumps(changed))
    with contextlib.closing(open_study(str(other))) as study:
        study.records.set_meta(folder.DATA, data.digest(study.dataset))
    _assert_refused([workdir, other], 'the images differs', capsys)
    taught = tmp_path / 'taught'
    shutil.copytree(workdir, taught)
    with contextlib.closing(Study(taught)) as study:
        study.set_meta(folder.SOFT, 'of a teacher')
    _assert_refused([workdir, taught], 'the teacher differs', capsys)


def _assert_refused(workdirs, line, capsys):
    with pytest.raises(SystemExit, match='2'):
        simulated.main(['--', *map(str, workdirs)])
    assert line in capsys.readouterr().err


@pytest.mark.parametrize('changes, line', [
    ({'pruning__method': 'sparse_vd', 'pruning__cuts': (-1.0,)}, 'pruning.method'),
    ({'budgets__flash': 4096}, 'goals flash; allowed: those that are counted')])
def test_costs_that_training_decides_are_refused(workdir, tmp_path, changes, line,
                                                 capsys):
    (tmp_path / 'config.json').write_text(
        dumps(tiny_study.settings(**PLAIN | changes)))
    shutil.copy(workdir / 'study.sqlite', tmp_path)
    _assert_refused([tmp_path], line, capsys)


@pytest.mark.parametrize('flag', ['--seeds=0', '--rounds=-1'])
def test_numbers_below_one_are_refused(flag, capsys):
    with pytest.raises(SystemExit, match='2'):
        simulated.main([flag, '--', 'nowhere'])
    assert capsys.readouterr().err == f'error: {flag}; allowed: 1 or more\n'
