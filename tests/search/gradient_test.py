"""Searches by gradient on several devices and cores."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from sparse_jax.differentiable import search as relaxed
from sparse_jax.differentiable.choices import allowed
from sparse_jax.differentiable.costs import Budgets
from sparse_jax.differentiable.search import Config, stacked
from sparse_jax.evaluation.machine import make_mesh
from sparse_jax.search.gradient import over_devices
from sparse_jax.training.data import TrainData
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


@pytest.mark.slow
def test_two_devices_find_what_one_finds():
    """Real searches; a program of other shapes may round otherwise."""
    rng = np.random.default_rng(0)
    data = TrainData(rng.normal(size=(64, 6, 6, 1)).astype(np.float32),
                     rng.integers(3, size=64).astype(np.int32))
    space = space_of((6, 6, 1), 3)
    template = template_of('c', space, widest=2)
    most = stacked([Budgets(size, 60.0) for size in (30.0, 240.0)])
    given = jax.random.key(0), data, most, np.arange(1)
    config = Config(template, steps=5, batch_size=16)
    one, two = (over_devices(make_mesh(devices), given, config,
                             allowed(template, space)) for devices in (1, 2))
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        assert left.shape == right.shape and left.shape[:2] == (1, 2)
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)
    # Both budgets were searched for, each on a device of its own.
    assert not np.array_equal(two[0].width[0, 0], two[0].width[0, 1])


POINTS = '''
import hashlib
import jax
from sparse_jax import default_config
from sparse_jax.search import gradient, setup
from sparse_jax.settings.reading import read

config = default_config()
config.search.strategy = 'differentiable'
config.differentiable.update(budgets=4, steps=20, batch_size=128)
found = gradient.points(setup.build(read(config)), jax.random.key(0))
leaves = [leaf.tobytes() for leaf in jax.tree.leaves(found)]
print(len(found.rows), hashlib.sha256(b''.join(leaves)).hexdigest())
'''


@pytest.mark.slow
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason='one core')
def test_one_core_finds_what_all_do():
    """Bit for bit, though their programs split other operations among threads."""
    core = str(min(os.sched_getaffinity(0)))
    one, all_ = (subprocess.run(
        [*command, sys.executable, '-c', POINTS], capture_output=True, text=True,
        env=os.environ | {'JAX_PLATFORMS': 'cpu'}, check=True).stdout
        for command in (('taskset', '-c', core), ()))
    assert one == all_ and int(one.split()[0]) > 1
