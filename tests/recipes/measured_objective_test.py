"""The recipe of a measured objective, on the one that followed it: energy."""

import contextlib

import numpy as np
import pytest

from sparse_jax.evaluation.chip import board_costs, verified_costs
from sparse_jax.export.chip import boards
from sparse_jax.export.cost_model.measure import measure
from sparse_jax.objectives import goals
from sparse_jax.quantize import calibrate, quantize
from sparse_jax.quantize.random_nets import random_images, random_net
from sparse_jax.settings import reading
from sparse_jax.settings.errors import ConfigError
from sparse_jax.study.records import Study
from tests import tiny_study


@pytest.fixture(scope='module')
def net():
    found = random_net(0, largest=8)
    images = random_images(found, 8)
    return quantize(found, calibrate(found, images))


def test_energy_is_time_voltage_and_current(net):
    # 3.0 V and 4.7 mA are 14.1 mW: 14.1 uJ in each millisecond.
    board = boards.load('microbit')
    assert (board.volts, board.amperes) == (3.0, 0.0047)
    costs = board_costs(net, board)
    assert costs['energy'] == pytest.approx(14.1 * costs['latency'])
    cycles = measure(net, board).cycles
    assert costs['energy'] == pytest.approx(1e6 * cycles / 16e6 * 3.0 * 0.0047)


def test_a_board_without_a_current_has_none(net):
    assert 'energy' not in board_costs(net, boards.load('stm32f413'))
    for name, value in (('objectives__names', ('error', 'energy')),
                        ('budgets__energy', 10.0)):
        with pytest.raises(ConfigError, match="config.objectives.board: 'stm32f413' is "
                           "not allowed with 'energy', its file has no amperes"):
            reading.read(tiny_study.settings(
                objectives__board='stm32f413', **{name: value}))
    reading.read(tiny_study.settings(objectives__board='stm32f413',
                                     objectives__names=('error', 'latency')))


def test_it_is_an_objective_and_a_budget_like_the_others():
    aims = reading.objectives(reading.read(tiny_study.settings(
        objectives__names=('error', 'energy'), budgets__energy=10.0)), 3)
    assert aims.on_board and aims.bounds == (0.1, 700.0)
    assert aims.budgets == (('energy', 10.0),)
    assert goals.bounds_text(aims) == '700.0 uJ'
    assert aims.costs[0].axis_label == 'energy (uJ)'


def test_a_study_stores_what_the_verification_finds_again():
    # `measured` searches for flash and RAM: the others of a board come with them.
    with contextlib.closing(
            Study(tiny_study.measured().workdir, create=False)) as study:
        rows = study.networks()
    energy = np.array([row.measured['energy'] for row in rows])
    assert (energy > 0).all()
    found = {'network': {'flash': 1, 'ram': 2}, 'instructions': {'mean': 3.0},
             'estimates': {'latency_s': 0.004, 'energy_j': 5e-6}}
    assert verified_costs(found) == pytest.approx(
        {'flash': 1, 'ram': 2, 'instructions': 3.0, 'latency': 4.0, 'energy': 5.0})
    found['estimates']['energy_j'] = None
    assert 'energy' not in verified_costs(found)
