"""Algorithms beside each other on an error that is a model of trainings."""

import contextlib
import dataclasses
import shutil

import jax
import numpy as np
import pytest

from experiments import simulated
from sparse_jax.data.synthetic import synthetic
from sparse_jax.objectives import structure
from sparse_jax.search import loop, setup
from sparse_jax.search.domain import sparse_domain
from sparse_jax.settings import reading
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.stored import dumps
from sparse_jax.space import encoding
from sparse_jax.study.records import Study
from tests import tiny_study

CHAINS = '*-branch=false, num-conv-blocks=1'
NOISE = 0.02


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
def truth(settings, built):
    rows = built.domain.sample(jax.random.key(0), 64)
    noise = np.exp(np.random.default_rng(0).normal(0.0, NOISE, 64))
    return simulated.Truth(simulated.Recorded(
        settings, built.space, rows, _errors(built.space, rows) * noise))


def test_the_model_knows_networks_that_it_has_not_seen(built, truth):
    rows = built.domain.sample(jax.random.key(1), 100)
    wanted = _errors(built.space, rows)
    off = np.abs(np.log(truth(rows) / wanted))
    assert np.median(off) < 0.1 < np.log(wanted).std()
    assert 0.0 < truth.noise < np.log(wanted).std()


def test_an_error_does_not_depend_on_those_beside_it(built, truth):
    rows = built.domain.sample(jax.random.key(2), 70)
    np.testing.assert_array_equal(truth(rows)[64:], truth(rows[64:]))


def test_rounds_are_those_of_the_search_and_of_the_seed(built, truth):
    domain = sparse_domain(built.space, built.evaluator.policy)
    run = lambda seed: simulated.simulate(built, truth, domain, seed=seed, rounds=3)
    found = run(0)
    for part, again in zip(found, run(0)):
        assert part.shape == (3,)
        np.testing.assert_array_equal(part, again)
    assert (run(1).median != found.median).all()
    # The first batch of a random search is drawn from the prior.
    first = built.algorithm.suggest(
        jax.random.fold_in(jax.random.key(0), 0),
        simulated.seen.nothing(built.domain.dim, built.sought).archive)[0]
    true = truth(encoding.canonical(built.space, first))
    assert found.median[0] == np.median(true)
    assert found.best[0] == pytest.approx(np.mean(true))
    assert (np.diff(found.best) <= 0).all() and (np.diff(found.groups) >= 0).all()


def test_variants_are_settings_of_the_search(settings):
    found = simulated.varied(settings, 'sparse,rho=0.5,inherit=False')
    wanted = dataclasses.replace(settings.search, algorithm='sparse', rho=0.5,
                                 inherit=False)
    assert found == dataclasses.replace(settings, search=wanted)


@pytest.mark.parametrize('variant, line', [
    ('sparse,rho=7', 'search.rho: 7 is not allowed'),
    ('sparse,ro=1', 'unknown setting search.ro'),
    ('spars', "config.search.algorithm: 'spars'")])
def test_other_variants_are_refused(settings, variant, line):
    with pytest.raises(ConfigError, match=line):
        simulated.varied(settings, variant)


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
    """A search of four trainings that prunes nothing."""
    plain = {'pruning__method': 'none', 'pruning__cuts': (), 'train__epochs': 1}
    folder = tmp_path_factory.mktemp('plain')
    with contextlib.closing(Study(folder)) as study:
        loop.run(tiny_study.build(**plain), study)
    (folder / 'config.json').write_text(dumps(tiny_study.settings(**plain)))
    return folder


def test_a_table_of_recorded_trainings(workdir, capsys):
    recorded = simulated.read([str(workdir)])
    with contextlib.closing(Study(workdir)) as study:
        rows = [row for row in study.rows() if row.trial.parent is None]
    assert recorded.errors.tolist() == [row.error for row in rows]
    np.testing.assert_array_equal(recorded.rows, [row.trial.row for row in rows])
    simulated.main(['--algorithms', 'random', 'random,batch=3', '--rounds=2',
                    '--seeds=1', '--', str(workdir), str(workdir)])
    head, _, *table = capsys.readouterr().out.splitlines()
    assert head.startswith(f'{2 * len(rows)} trainings, noise ')
    names, median, *_ = zip(*(line.split(' | ') for line in table[2:]))
    assert names == ('| random', '| random,batch=3')
    assert all(0 <= float(value) <= 100 for cell in median for value in cell.split(','))


def test_studies_that_prune_and_other_budgets_are_refused(workdir, tmp_path, capsys):
    (tmp_path / 'config.json').write_text(dumps(tiny_study.settings(
        pruning__method='none', pruning__cuts=(), train__epochs=1,
        budgets__model_size=99)))
    shutil.copy(workdir / 'study.sqlite', tmp_path)
    for given, line in (((tiny_study.measured().workdir,), 'allowed: none'),
                        ((workdir, tmp_path), 'other budgets')):
        with pytest.raises(SystemExit, match='2'):
            simulated.main(['--', *map(str, given)])
        assert line in capsys.readouterr().err
