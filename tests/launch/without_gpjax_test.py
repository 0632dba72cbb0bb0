"""What works where gpjax is not installed, and the line that a search ends with."""

import pathlib
import sys

import pytest

from sparse_jax.report import left_out
from sparse_jax.search import loop
from sparse_jax.study.records import Study
from sparse_jax.surrogate import installed
from tests import tiny_study
from tests.launch import command_line

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def without(monkeypatch):
    """As if gpjax could not be found."""
    monkeypatch.setitem(sys.modules, 'gpjax', None)


def test_it_is_seen_without_being_imported(without):
    assert not installed.has_gpjax()


@pytest.mark.parametrize('algorithm', ['ehvi', 'sparse', 'qnparego'])
def test_a_search_that_needs_it_ends_in_one_line(without, tmp_path, capsys, algorithm):
    found = command_line.run(
        capsys, 'search', f'--workdir={tmp_path}/run',
        f'--config.search.algorithm={algorithm}')
    assert found.code == 2 and found.err.count('\n') == 1
    assert installed.HOW in found.err
    assert 'allowed without it: aging_evolution, nsga2, random' in found.err
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('algorithm', ['aging_evolution', 'nsga2', 'random'])
def test_others_do_without(without, algorithm):
    built = tiny_study.build(search__algorithm=algorithm)
    assert built.algorithm is not None


def test_a_search_by_gradient_does_without(without, tmp_path):
    """Whatever the algorithm: nothing is suggested."""
    built = tiny_study.build(
        search__algorithm='ehvi', search__strategy='differentiable',
        differentiable__templates=('c',), differentiable__budgets=3,
        differentiable__steps=6, differentiable__widest=4)
    study = Study(tmp_path)
    loop.run(built, study)
    rows = study.rows()
    study.close()
    assert rows and all(row.trained for row in rows)


def test_a_report_leaves_the_prediction_out(without):
    facts: object = None  # Not looked at.
    assert left_out.leave_one_out(facts) is None


def test_the_requirements_of_a_search_are_those_of_the_core_and_gpjax():
    lines = lambda name: {
        line for line in (ROOT / name).read_text().splitlines()
        if line and not line.startswith('#')}
    assert lines('requirements.txt') == {
        '-r requirements-core.txt', '-r requirements-search.txt'}
    assert [line.split('>')[0] for line in lines('requirements-search.txt')] == [
        'gpjax']
    assert not any('gpjax' in line for line in lines('requirements-core.txt'))
