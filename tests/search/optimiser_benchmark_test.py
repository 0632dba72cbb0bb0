"""The synthetic problems have the maxima that they state; the benchmark runs."""

import numpy as np
import pytest

from experiments import optimiser_benchmark
from experiments.optimiser_problems import PROBLEMS
from sparse_jax.objectives import pareto


@pytest.mark.parametrize('name', ['zdt1', 'zdt2', 'zdt3', 'dtlz2-m2'])
def test_the_known_front_has_the_stated_hypervolume(name):
    problem = PROBLEMS[name]
    x = np.full((20_001, problem.dim), 0.5 if 'dtlz2' in name else 0.0)
    x[:, 0] = np.linspace(0, 1, len(x))
    found = pareto.hypervolume(problem.function(x), problem.reference)
    assert found == pytest.approx(problem.maximum, rel=1e-4)
    assert found <= problem.maximum


def test_three_objectives_and_branin_currin_come_close():
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 201)] * 2), -1).reshape(-1, 2)
    sphere = np.full((len(grid), 6), 0.5)
    sphere[:, :2] = grid
    for name, x in (('dtlz2-m3', sphere), ('branin-currin', grid)):
        problem = PROBLEMS[name]
        found = pareto.hypervolume(problem.function(x), problem.reference)
        assert 0.97 * problem.maximum < found <= problem.maximum


def test_the_table_is_printed(capsys):
    optimiser_benchmark.main(
        ['--problems', 'zdt1', '--algorithms', 'random', 'nsga2',
         '--seeds', '2', '--rounds', '2', '--batch', '2'])
    lines = capsys.readouterr().out.strip().split('\n')
    assert len(lines) == 4 and lines[2].startswith('| zdt1 | random | ')
