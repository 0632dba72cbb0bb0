"""Expected costs on a board are those that the repair knows, where all is decided."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax import data
from sparse_jax.differentiable import orders
from sparse_jax.differentiable.boards import Figures, figures, least_flash
from sparse_jax.differentiable.choices import allowed
from sparse_jax.differentiable.costs import Budgets, excess, expected
from sparse_jax.differentiable.discretise import discretise
from sparse_jax.differentiable.geometry import geometry
from sparse_jax.differentiable.template import Decisions, masked
from sparse_jax.evaluation.chip import board_costs
from sparse_jax.evaluation.estimates import board_estimates
from sparse_jax.export.chip.boards import load
from sparse_jax.export.cost_model.measure import measure
from sparse_jax.model.untrained import untrained
from sparse_jax.quantize import calibrate, quantize
from tests import sampled
from tests.differentiable.relaxed_networks import (
    EXTENDED,
    base_of,
    check_gradients,
    draw,
    graph_of,
    has_its_units,
    one_hot,
    space_of,
    template_of,
)

LARGE = (20, 18, 3)
SPACE, PRESET = space_of(LARGE), space_of(LARGE, **EXTENDED)
DIGITS = space_of((8, 8, 1), 10)
BOARDS = load('microbit'), load('stm32f413')


def _figures(template, boards=BOARDS):
    return sampled.quick_jit(lambda choice: [figures(
        geometry(choice, template), choice, template, board.core) for board in boards])


def _networks(template, space, number):
    """(decisions, exact graph) of some with the units that were decided."""
    rng, base, found = np.random.default_rng(number), base_of(space), 0
    while found < number:
        choice = draw(rng, template, space)
        graph = graph_of(choice, template, space, base)
        if graph.feasible() and has_its_units(graph, choice, template):
            found += 1
            yield choice, graph


def _measured(graph, boards=BOARDS):
    """Of a network that nothing prunes; a few of its weights are 0 as integers."""
    images = np.random.default_rng(1).integers(
        0, 256, (2, *graph.input_shape)).astype(np.uint8)
    net = untrained(graph, mean=120.0, std=60.0)
    int8 = quantize(net, calibrate(net, images))
    return [measure(int8, board) for board in boards]


@pytest.mark.parametrize('text, space', [
    ('c', SPACE), ('xc+', SPACE), ('cs-d', PRESET), ('c-d+lrs', SPACE)])
def test_made_decisions_cost_what_is_measured(text, space):
    template = template_of(text, space)
    costs = _figures(template)
    for choice, graph in _networks(template, space, 5):
        found = costs(one_hot(choice, template))
        for own, exact in zip(found, _measured(graph), strict=True):
            for name, value in own._asdict().items():
                assert float(value) == pytest.approx(getattr(exact, name), rel=6e-3)


def test_branches_cost_about_what_is_measured():
    """Those that are copied are not counted as such."""
    template = template_of('c+lr', SPACE)
    cost = _figures(template, BOARDS[:1])
    ratios = [[float(value) / getattr(exact, name)
               for name, value in cost(one_hot(choice, template))[0]._asdict().items()]
              for choice, graph in _networks(template, SPACE, 6)
              for exact in _measured(graph, BOARDS[:1])]
    np.testing.assert_allclose(ratios, 1.0, atol=0.03)


def test_branches_run_in_every_order_there_is():
    """Of one layer and a fully connected one two branches have these, that of the
    table first: before the layer, behind it, and behind the other."""
    template = template_of('c+mlr', SPACE)
    found = orders.orders(template)
    assert found[0] == {'left': 2, 'right': 2} and list(found[0]) == ['left', 'right']
    runs = {tuple(order.items()) for order in found}
    assert len(runs) == len(found) == 8
    for right in range(3):
        for left in (1, 2):
            assert {'left': left, 'right': right} in found
    assert {tuple(order) for order in found if order['left'] == order['right']} == {
        ('left', 'right'), ('right', 'left')}
    assert orders.orders(template_of('cs-d', SPACE)) == ({},)


def test_the_repair_knows_the_same_costs():
    dataset = data.load(data.DataSpec('digits', max_train=64))
    template = dataclasses.replace(template_of('cd', DIGITS), widths=(1, 2, 4, 8))
    estimate, cost = board_estimates(dataset, BOARDS[0]), _figures(template, BOARDS[:1])
    # Widths of powers of two are measured as they are.
    for choice, graph in _networks(template, DIGITS, 6):
        (found,), known = cost(one_hot(choice, template)), estimate(graph)
        assert float(found.flash) == pytest.approx(known['flash'], rel=1e-5)
        assert float(found.instructions) == pytest.approx(
            known['instructions'], rel=6e-3)
        milliseconds = float(found.cycles) / BOARDS[0].clock_hz * 1e3
        assert milliseconds == pytest.approx(known['latency'], rel=6e-3)


def test_no_network_has_less_flash_than_its_code():
    template, board = template_of('c', DIGITS), BOARDS[0]
    least = least_flash(board.core)
    found = [_measured(graph, [board])[0].flash
             for _, graph in _networks(template, DIGITS, 6)]
    assert least < min(found) < least + 500


def test_gradients_are_those_of_differences():
    template, rng = template_of('x+', PRESET, widest=3), np.random.default_rng(1)
    chosen = one_hot(draw(rng, template, PRESET), template)
    logits = jax.tree.map(
        lambda a: jnp.asarray(a + rng.normal(size=a.shape), jnp.float32), chosen)

    def total(logits: Decisions) -> jax.Array:
        shares = jax.tree.map(lambda a: jax.nn.softmax(a, -1), logits)
        found = figures(geometry(shares, template), shares, template, BOARDS[0].core)
        return jnp.log(jnp.stack(found)).sum()

    check_gradients(total, logits)


def test_budgets_of_a_board_are_in_the_loss():
    template = template_of('cc', DIGITS)
    shares = one_hot(next(_networks(template, DIGITS, 1))[0], template)
    costs = sampled.quick_jit(lambda core: expected(
        geometry(shares, template), shares, template, core), static_argnums=0)
    spent = costs(BOARDS[0].core)
    assert isinstance(spent.board, Figures)
    most = Budgets(math.inf, math.inf, flash=float(spent.board.flash) / 2,
                   cycles=float(spent.board.cycles))
    over = np.asarray(excess(spent, most))
    assert (over[:5] < -1).all() and over[6] < -1
    np.testing.assert_allclose(over[[5, 7]], [np.log(2), 0], atol=1e-5)
    # Without a board there is nothing of it.
    plain = costs('')
    assert plain.board is None and len(excess(plain, most)) == 5


def test_networks_are_within_the_budgets_of_a_board():
    dataset = data.load(data.DataSpec('digits', max_train=64))
    template, rng = template_of('c', DIGITS), np.random.default_rng(0)
    estimate, base = board_estimates(dataset, BOARDS[0]), base_of(DIGITS)
    allow, found = allowed(template, DIGITS), 0
    for _ in range(50):
        most = {'flash': math.exp(rng.uniform(math.log(800), math.log(3000))),
                'latency': math.exp(rng.uniform(math.log(0.5), math.log(20)))}

        def over(graph, most=most):
            if not graph.feasible():
                return math.inf
            costs = estimate(graph)
            return sum(max(0.0, math.log(costs[name] / limit))
                       for name, limit in most.items())

        logits = masked(Decisions(*(
            3 * rng.normal(size=mask.shape) for mask in allow)), allow)
        made = discretise(logits, template, DIGITS, over, base)
        if made is not None:
            found += 1
            costs = board_costs_of(made.graph, dataset)
            for name, limit in most.items():
                # Widths between powers of two are scaled from these.
                assert costs[name] <= limit * 1.2, name
                assert estimate(made.graph)[name] <= limit, name
    assert found >= 40


def board_costs_of(graph, dataset):
    """Measured, whatever its widths."""
    net = untrained(graph, mean=dataset.mean, std=dataset.std)
    return board_costs(
        quantize(net, calibrate(net, dataset.train.images[:2])), BOARDS[0])
