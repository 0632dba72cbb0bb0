"""A front of budgets is one program, and its networks are within them."""

import dataclasses

import jax
import numpy as np
import pytest

from sparse_jax import data
from sparse_jax.differentiable import search as searching
from sparse_jax.differentiable.choices import allowed
from sparse_jax.differentiable.costs import COUNTED, Budgets
from sparse_jax.differentiable.discretise import discretise, excess_of
from sparse_jax.differentiable.search import Config, stacked
from sparse_jax.differentiable.weights import exact_weights
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.ops import lowering
from sparse_jax.training.data import TrainData, train_data
from tests import sampled
from tests.differentiable.relaxed_networks import base_of, space_of, template_of

SPACE = space_of((8, 8, 1), 10)
TEMPLATE = template_of('x', SPACE, widest=4)
CONFIG = Config(TEMPLATE, steps=6, batch_size=16, conv=lowering.chosen().conv)
ALLOW = allowed(TEMPLATE, SPACE)
AT_ONCE, ONE_SEED = 8, np.zeros(1, np.int32)
front = sampled.quick_jit(
    searching.front.__wrapped__, static_argnames=('config', 'at_once'))
"""That of the search, compiled with less trouble."""


@pytest.fixture(scope='module')
def digits():
    dataset = data.load(data.DataSpec('digits', max_train=64))
    return train_data(dataset.train, dataset)


def _budgets(number):
    """Working memories under each of the three models in turns."""
    rng = np.random.default_rng(number)
    low, high = np.log([80, 70]), np.log([2000, 600])
    names = ('working_memory', 'working_memory_weights', 'working_memory_without_image')
    found = []
    for i in range(number):
        size, memory = map(float, np.exp(rng.uniform(low, high)))
        found.append(Budgets(size, np.inf)._replace(**{names[i % 3]: memory}))
    return found


def _front(digits, budgets, key=0, at_once=False, seed=0):
    assert len(budgets) == AT_ONCE
    found = front(jax.random.key(key), digits, stacked(budgets), ONE_SEED + seed,
                  CONFIG, ALLOW, at_once)
    return jax.tree.map(lambda a: a[0], found)


def _made(found, budgets, template, space):
    base = base_of(space)
    return [discretise(jax.tree.map(lambda a, i=i: np.asarray(a)[i], found.logits),
                       template, space, excess_of(most), base)
            for i, most in enumerate(budgets)]


def test_every_network_is_within_its_budgets_and_all_are_one_program(digits):
    budgets, networks, programs = _budgets(7 * AT_ONCE), [], front._cache_size()
    for start in range(0, len(budgets), AT_ONCE):
        some = budgets[start:start + AT_ONCE]
        found = _front(digits, some, key=start)
        assert np.isfinite(found.entropy).all()
        networks += _made(found, some, TEMPLATE, SPACE)
    assert front._cache_size() <= programs + 1
    # No network of the template meets a few of the tightest.
    assert sum(network is not None for network in networks) >= 50
    for network, most in zip(networks, budgets, strict=True):
        if network is not None:
            totals = graph_totals(network.graph)
            for name, limit in zip(COUNTED, most):
                assert getattr(totals, name) <= limit, name



def test_a_front_is_traced_once(digits, monkeypatch):
    traced, real = [], searching.loss_of
    monkeypatch.setattr(
        searching, 'loss_of', lambda *args: (traced.append(1), real(*args))[1])
    # Not compiled: shapes are enough, of steps that nothing else has.
    config = Config(TEMPLATE, steps=13, batch_size=16, conv=CONFIG.conv)
    run = lambda budgets: front.trace(
        jax.random.key(0), digits, budgets, ONE_SEED, config, ALLOW)
    run(stacked(_budgets(64)))
    assert len(traced) == 1


def test_neighbours_and_a_shared_warmup_change_nothing(digits):
    budgets = _budgets(AT_ONCE)
    one, together = (_front(digits, budgets, at_once=flag) for flag in (False, True))
    others = _front(digits, [budgets[2]] * AT_ONCE)
    for a, b, c in zip(*(jax.tree.leaves(found) for found in (one, together, others))):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(a[2], c[0])


def test_steps_at_held_choices_change_no_decision(digits):
    template = template_of('c', SPACE, widest=2)
    own = dataclasses.replace(CONFIG, template=template)
    config = dataclasses.replace(own, holds=False)
    assert (config.warmup, config.last, own.last) == (1, 5, 6)
    run = lambda config: sampled.quick_jit(lambda: searching.search(
        jax.random.key(0), digits, _budgets(1)[0], config,
        allowed(template, SPACE)))()
    whole, short = run(own), run(config)
    for a, b in zip(whole.logits, short.logits):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    assert short.entropy == 0 < whole.entropy
    assert not np.array_equal(whole.params[0].kernel, short.params[0].kernel)


def test_seeds_differ(digits):
    found = [_front(digits, _budgets(AT_ONCE), seed=seed) for seed in range(2)]
    assert not np.array_equal(*(one.logits.width for one in found))


def test_decisions_follow_budgets_and_weights_the_images():
    """Two classes by the brightness of a quarter: learned within a small budget."""
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=256).astype(np.int32)
    images = rng.normal(size=(256, 8, 8, 1)).astype(np.float32)
    images[:, :4, :4, 0] += 2.0 * labels[:, None, None]
    space = space_of((8, 8, 1), 2)
    template = template_of('cc', space, widest=8)
    config = Config(template, steps=120, batch_size=32, conv=CONFIG.conv)
    budgets = [Budgets(60.0, 100.0), Budgets(np.inf, np.inf)]
    found = front(jax.random.key(0), TrainData(images, labels), stacked(budgets),
                  ONE_SEED, config, allowed(template, space))
    found = jax.tree.map(lambda a: a[0], found)
    assert (np.asarray(found.entropy) < 0.3).all()
    made = _made(found, budgets, template, space)
    small, large = (graph_totals(network.graph).model_size for network in made)
    assert small <= 60 < large
    weights = exact_weights(
        jax.tree.map(lambda a: np.asarray(a)[0], found.params), made[0], template)
    assert set(weights) == {node.name for node in made[0].graph.weighted_nodes}


@pytest.mark.parametrize('steps, batch', [(0, 8), (8, 0)])
def test_runs_without_a_step_or_an_image_are_refused(steps, batch):
    with pytest.raises(ValueError, match='allowed: 1 or more'):
        Config(TEMPLATE, steps=steps, batch_size=batch)
