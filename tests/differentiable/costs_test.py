"""Expected costs are the exact ones where every decision is made."""

import itertools

import jax
import jax.numpy as jnp
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
from tests import sampled
from tests.differentiable.relaxed_networks import (
    EXTENDED,
    TEMPLATES,
    base_of,
    check_gradients,
    draw,
    graph_of,
    has_its_units,
    one_hot,
    space_of,
    template_of,
)

SPACE = space_of()
PRESET = space_of(**EXTENDED)
MEMORIES = ('working_memory', 'working_memory_weights', 'working_memory_without_image')


def _costs(template):
    return sampled.quick_jit(lambda choice: expected(
        geometry(choice, template), choice, template))


@pytest.mark.parametrize('text, space', [
    *((text, SPACE) for text in TEMPLATES), ('c', PRESET), ('sd-c+l', PRESET)])
def test_costs_of_made_decisions_are_exact(text, space):
    template, rng = template_of(text, space), np.random.default_rng(len(text))
    costs, found, infeasible, base = _costs(template), 0, 0, base_of(space)
    # Not many draws of units are those of a step of the table's budget.
    while found < (6 if template.branches else 20):
        choice = draw(rng, template, space)
        graph = graph_of(choice, template, space, base)
        spent = costs(one_hot(choice, template))
        assert float(spent.feasible) == float(graph.feasible())
        if not graph.feasible():
            infeasible += 1
            continue
        if not has_its_units(graph, choice, template):
            continue
        exact = graph_totals(graph)
        assert float(spent.model_size) == pytest.approx(exact.model_size, rel=1e-6)
        assert float(spent.macs) == pytest.approx(exact.macs, rel=1e-6)
        for name in MEMORIES:
            elements, present = map(np.asarray, getattr(spent, name))
            most = elements[present > 0.5].max()
            assert most == pytest.approx(getattr(exact, name), rel=1e-6), name
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
    template = template_of('xs-d+lr', PRESET, widest=4)
    one = draw(np.random.default_rng(0), template, PRESET)
    one = one._replace(rate=np.array(0), squeeze=np.array(0))
    shares = jax.tree.map(np.array, one_hot(one, template))
    shares.exists[1] = (0.3, 0.7)
    shares.width[:2] = (0.4, 0.0, 0.0, 0.6), (0.0, 0.5, 0.5, 0.0)
    shares.kernel[0] = (0.2, 0.8, 0.0, 0.0)
    shares.pool[0] = (0.6, 0.1, 0.2, 0.1)
    shares.stride[0] = (0.7, 0.3)
    shares.reduced[1] = (0.2, 0.8)
    shares.kind[0] = (0.5, 0.2, 0.3)
    shares.residual[:] = (0.4, 0.6), (0.9, 0.1)
    costs = _costs(template)
    spent, total = costs(shares), None
    for chance, made in _networks(one, shares):
        exact = jax.tree.map(lambda a, chance=chance: chance * np.asarray(
            a, np.float64), costs(one_hot(made, template)))
        total = exact if total is None else jax.tree.map(np.add, total, exact)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), spent, total)


def _networks(one, shares):
    """(probability, indices) of all networks that differ where shares are open."""
    places = [(name, place) for name, a in shares._asdict().items()
              for place in np.ndindex(a.shape[:-1]) if a[place].max() < 1]
    options = [np.flatnonzero(getattr(shares, name)[place]) for name, place in places]
    for chosen in itertools.product(*options):
        made, chance = jax.tree.map(np.array, one), 1.0
        for (name, place), i in zip(places, chosen):
            getattr(made, name)[place] = i
            chance *= getattr(shares, name)[place][i]
        yield chance, made


def test_gradients_are_those_of_differences():
    template, rng = template_of('cx+r', PRESET, widest=4), np.random.default_rng(1)
    chosen = one_hot(draw(rng, template, PRESET), template)
    logits = jax.tree.map(
        lambda a: jnp.asarray(a + rng.normal(size=a.shape), jnp.float32), chosen)

    def total(logits: Decisions) -> jax.Array:
        shares = jax.tree.map(lambda a: jax.nn.softmax(a, -1), logits)
        spent = expected(geometry(shares, template), shares, template)
        most = Budgets(500.0, 300.0, 4000.0, 200.0, 250.0)
        return excess(spent, most).sum() + spent.feasible

    check_gradients(total, logits)


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
    most = [float(getattr(spent, name).elements.max()) for name in MEMORIES]
    tight = excess(spent, Budgets(np.inf, most[0], np.inf, *most[1:]))
    for over in np.asarray(tight)[[1, 3, 4]]:
        assert 0 <= over <= np.log(4) / SHARPNESS + 1e-5
