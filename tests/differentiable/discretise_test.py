"""What trained decisions become is within its budgets, however tight they are."""

import jax
import numpy as np
import pytest

from sparse_jax.differentiable.choices import allowed
from sparse_jax.differentiable.costs import COUNTED, Budgets
from sparse_jax.differentiable.discretise import discretise, excess_of
from sparse_jax.differentiable.template import Decisions, masked
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.space import encoding
from sparse_jax.space.restriction import restrict
from tests.differentiable.relaxed_networks import (
    EXTENDED,
    TEMPLATES,
    base_of,
    space_of,
    template_of,
)

SPACE = space_of((12, 12, 1), 10)
PRESET = space_of((12, 12, 1), 10, **EXTENDED)
BASE = base_of(SPACE)
TIGHT = (150, 80, 2000, 60, 60), (4000, 1000, 60000, 4000, 1000)
LOOSE = (3000, 200, 20000, 1500, 200), (20000, 1500, 400000, 20000, 1500)
"""The least and the most of `COUNTED` budgets."""


def _logits(rng, template, space=SPACE):
    allow = allowed(template, space)
    drawn = Decisions(*(3 * rng.normal(size=mask.shape) for mask in allow))
    # Wide networks are likeliest: all has to be repaired.
    wide = drawn._replace(width=drawn.width + np.arange(drawn.width.shape[1]))
    return jax.tree.map(np.asarray, masked(wide, allow))


@pytest.mark.parametrize('text, space, tries', [
    *((text, SPACE, 3) for text in TEMPLATES), ('cd', PRESET, 40)])
def test_networks_are_within_their_budgets(text, space, tries):
    rng, base = np.random.default_rng(len(text)), base_of(space)
    template = template_of(text, space, widest=16)
    # With a fully connected layer no budget of weights below a thousand is met.
    low, high = LOOSE if template.branches else TIGHT
    found = 0
    for _ in range(tries):
        budgets = Budgets(*np.exp(rng.uniform(np.log(low), np.log(high))))
        made = discretise(
            _logits(rng, template, space), template, space, excess_of(budgets), base)
        if made is None:
            continue
        found += 1
        totals = graph_totals(made.graph)
        for name, most in zip(COUNTED, budgets):
            assert getattr(totals, name) <= most, name
        assert encoding.graph(space, made.row(space)) == made.graph
    assert found >= tries * 2 // 3


def test_what_fits_is_the_likeliest():
    template, rng = template_of('cc', SPACE), np.random.default_rng(0)
    while True:
        logits = _logits(rng, template)
        made = discretise(
            logits, template, SPACE, excess_of(Budgets(np.inf, np.inf)), BASE)
        if made is not None and made.loss == 0:
            break
    for index, a in zip(made.choice, logits):
        np.testing.assert_array_equal(index, a.argmax(-1))


def test_where_nothing_fits_there_is_nothing():
    template = template_of('cc', SPACE)
    logits = _logits(np.random.default_rng(0), template)
    assert discretise(
        logits, template, SPACE, excess_of(Budgets(5, 1000)), BASE) is None


def test_the_thinnest_network_is_found_where_it_alone_fits():
    """The smallest classifier of all is that of one map behind large windows."""
    template = template_of('cc', SPACE, widest=16)
    logits = _logits(np.random.default_rng(3), template)
    # 12 x 12 by windows of 5: 8 x 8, 4 x 4; pooled 2 x 2.
    least = (25 + 1) + (25 + 1) + (4 + 1) * 10
    made = discretise(
        logits, template, SPACE, excess_of(Budgets(least, np.inf)), BASE)
    assert made is not None and graph_totals(made.graph).model_size <= least


def test_restrictions_of_the_space_hold():
    space = restrict(SPACE, 'kernel-size-*=3,num-filters-*=2:5,pool-block-*=false')
    template, rng = template_of('cc-c', space, widest=8), np.random.default_rng(0)
    for _ in range(10):
        made = discretise(_logits(rng, template, space), template, space,
                          excess_of(Budgets(2000, 800)), base_of(space))
        if made is None:
            continue
        point = encoding.active_point(space, made.row(space))
        assert not any(point[name] for name in point if name.startswith('pool-block'))
        for name, value in point.items():
            assert space[name].problem(value) is None, name


def test_settings_of_the_training_are_those_of_the_base():
    template = template_of('cc', SPACE)
    made = discretise(_logits(np.random.default_rng(1), template), template, SPACE,
                      excess_of(Budgets(3000, 800)), BASE)
    assert made is not None
    own = encoding.active_point(SPACE, made.row(SPACE))
    for name in ('learning-rate', 'alpha', 'pretraining', 'batch-norm'):
        assert own[name] == BASE[name]
