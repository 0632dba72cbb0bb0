"""Searches by gradient on several devices."""

import jax
import numpy as np

from sparse_jax.differentiable import search as relaxed
from sparse_jax.differentiable.choices import allowed
from sparse_jax.differentiable.costs import Budgets
from sparse_jax.differentiable.search import Config, stacked
from sparse_jax.evaluation.machine import make_mesh
from sparse_jax.search.gradient import over_devices
from tests.differentiable.relaxed_networks import space_of, template_of


def test_budgets_are_split_over_the_devices(monkeypatch):
    shapes = []

    def front(key, data, budgets, seeds, config, allow, at_once):
        """In place of searches, whose programs take long: one number of each."""
        shapes.append((budgets.model_size.shape, at_once))
        one = data.sum() + budgets.model_size + 1000 * seeds[:, None]
        return {'logits': one}, one, 0.0

    monkeypatch.setattr(relaxed, 'front', front)
    space = space_of((6, 6, 1), 3)
    template = template_of('c', space, widest=2)
    sizes = np.array([30.0, 60.0, 120.0, 240.0])
    given = (jax.random.key(0), np.ones(7, np.float32),
             stacked([Budgets(size, 60.0) for size in sizes]), np.arange(3))
    for devices in (1, 2):
        found, _ = over_devices(
            make_mesh(devices), given, Config(template), allowed(template, space))
        np.testing.assert_allclose(
            found['logits'], 7 + sizes + 1000 * np.arange(3)[:, None])
    assert shapes == [((4,), True), ((2,), True)]
