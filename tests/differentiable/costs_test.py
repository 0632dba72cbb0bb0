"""Expected costs are the exact ones where every decision is made."""

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest

from sparse_jax.differentiable.costs import (
    SHARPNESS,
    Budgets,
    excess,
    expected,
    smooth_maximum,
)
from sparse_jax.differentiable.geometry import geometry
from sparse_jax.differentiable.template import Decisions
from sparse_jax.objectives.graph_costs import graph_totals
from tests.differentiable.relaxed_networks import (
    EXTENDED,
    TEMPLATES,
    base_of,
    draw,
    graph_of,
    one_hot,
    space_of,
    template_of,
)

SPACE = space_of()
PRESET = space_of(**EXTENDED)


def _costs(template):
    return jax.jit(lambda choice: expected(
        geometry(choice, template), choice, template))


@pytest.mark.parametrize('text, space', [
    *((text, SPACE) for text in TEMPLATES), ('c', PRESET), ('sc-c', PRESET)])
def test_costs_of_made_decisions_are_exact(text, space):
    template, rng = template_of(text, space), np.random.default_rng(len(text))
    costs, found, infeasible, base = _costs(template), 0, 0, base_of(space)
    while found < 40:
        choice = draw(rng, template, space)
        graph = graph_of(choice, template, space, base)
        spent = costs(one_hot(choice, template))
        assert float(spent.feasible) == float(graph.feasible())
        if not graph.feasible():
            infeasible += 1
            continue
        if template.head and graph.nodes[-2].channels != template.units[choice.units]:
            # No step of the table's budget gives these units.
            continue
        exact = graph_totals(graph)
        assert float(spent.model_size) == pytest.approx(exact.model_size, rel=1e-6)
        assert float(spent.macs) == pytest.approx(exact.macs, rel=1e-6)
        there = np.asarray(spent.memory)[np.asarray(spent.present) > 0.5]
        assert there.max() == pytest.approx(exact.working_memory, rel=1e-6)
        found += 1
    assert infeasible or text == 'c'


def test_two_classes_are_counted_as_the_table_counts_them():
    space = space_of(classes=2)
    template, rng = template_of('cc', space), np.random.default_rng(3)
    choice = draw(rng, template, space)
    spent = _costs(template)(one_hot(choice, template))
    exact = graph_totals(graph_of(choice, template, space, base_of(space)))
    assert float(spent.model_size) == exact.model_size


def test_expectations_are_means_over_networks():
    """Against all networks of independent decisions, each by its probability."""
    template = template_of('cs', PRESET, widest=2)
    rng = np.random.default_rng(0)
    one = draw(rng, template, PRESET)
    shares = jax.tree.map(np.array, one_hot(one, template))
    shares.exists[1] = (0.3, 0.7)
    shares.width[:] = ((0.4, 0.6), (0.5, 0.5))
    shares.kernel[0] = (0.2, 0.8, 0.0, 0.0)
    shares.pool[0] = (0.6, 0.1, 0.2, 0.1)
    shares.stride[0] = (0.7, 0.3)
    spent = _costs(template)(shares)
    totals, costs = np.zeros(3), _costs(template)
    for index in np.ndindex(2, 2, 2, 2, 4, 2):
        made = jax.tree.map(np.array, one)
        made.exists[1], made.width[0], made.width[1], made.kernel[0] = index[:4]
        made.pool[0], made.stride[0] = index[4:]
        chance = np.prod([shares.exists[1][index[0]], shares.width[0][index[1]],
                          shares.width[1][index[2]], shares.kernel[0][index[3]],
                          shares.pool[0][index[4]], shares.stride[0][index[5]]])
        exact = costs(one_hot(made, template))
        totals += chance * np.array(
            [exact.model_size, exact.macs, exact.memory[-1]], np.float64)
    np.testing.assert_allclose(
        [spent.model_size, spent.macs, spent.memory[-1]], totals, rtol=1e-5)


def test_gradients_are_those_of_differences():
    template, rng = template_of('cs-c+', PRESET, widest=4), np.random.default_rng(1)
    chosen = one_hot(draw(rng, template, PRESET), template)
    logits = jax.tree.map(
        lambda a: jnp.asarray(a + rng.normal(size=a.shape), jnp.float32), chosen)

    def total(logits: Decisions) -> jax.Array:
        shares = jax.tree.map(lambda a: jax.nn.softmax(a, -1), logits)
        spent = expected(geometry(shares, template), shares, template)
        return excess(spent, Budgets(500.0, 300.0, 4000.0)).sum() + spent.feasible

    # Every decision moves the costs.
    grads = jax.grad(total)(logits)
    assert all(np.abs(g).max() > 1e-4 for g in jax.tree.leaves(grads))
    jax.test_util.check_grads(total, (logits,), 1, ('rev',), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize('sharpness', [0.1, 1.0, 10.0])
def test_smooth_maximum_is_little_more_than_the_maximum(sharpness):
    values = jnp.array([3.0, 7.0, 7.0, 900.0])
    shares = jnp.array([1.0, 1.0, 1.0, 0.0])
    over = float(smooth_maximum(values, shares, sharpness)) - 7.0
    assert np.log(2) / sharpness <= over * (1 + 1e-5) <= np.log(4) / sharpness


def test_infinite_budgets_are_never_exceeded():
    template = template_of('cc', SPACE)
    shares = one_hot(draw(np.random.default_rng(2), template, SPACE), template)
    spent = expected(geometry(shares, template), shares, template)
    free = excess(spent, Budgets(np.inf, np.inf))
    assert (np.asarray(free) < -1).all()
    most = float(spent.memory.max())
    tight = excess(spent, Budgets(np.inf, most))
    assert 0 <= float(tight[1]) <= np.log(3) / SHARPNESS + 1e-5
