"""The preset for accelerators: many candidates in few programs."""

import dataclasses
import math

import jax
import pytest

from launch import config_flag
from sparse_jax.data.synthetic import synthetic
from sparse_jax.evaluation.grouping import group_trials
from sparse_jax.ops.lowering import Lowering
from sparse_jax.search import seen, setup
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.reading import read
from sparse_jax.space import encoding
from sparse_jax.study.outcome import Trial


def _built():
    """The preset on a few random images of the size of MNIST's."""
    settings = read(config_flag.load('experiments/accelerator.py'))
    settings = dataclasses.replace(settings, runtime=dataclasses.replace(
        settings.runtime, conv='grouped', mapping='vmap', devices=1))
    data = synthetic(0, num_train=256, num_validation=64, shape=(28, 28, 1),
                     num_classes=10)
    return setup.build(settings, data)


@pytest.mark.parametrize('search, slots, devices, expected', [
    # (batch, max_groups): empty slots cost as much as full ones.
    ((64, 4), 0, 1, 16), ((64, 0), 0, 1, 64), ((3, 8), 0, 1, 1), ((9, 4), 0, 1, 3),
    ((9, 4), 0, 2, 4), ((64, 4), 64, 1, 64)])
def test_a_call_has_the_slots_of_a_group_of_average_size(
        search, slots, devices, expected):
    settings = Settings()
    settings = dataclasses.replace(
        settings,
        search=dataclasses.replace(
            settings.search, batch=search[0], max_groups=search[1]),
        runtime=dataclasses.replace(settings.runtime, devices=devices, slots=slots))
    assert setup.machine_of(settings, Lowering('grouped', 'vmap')).slots == expected


def test_64_candidates_are_at_most_four_programs_of_few_calls():
    built = _built()
    evaluator = built.evaluator
    slots = evaluator.executor.programs.machine.slots
    assert slots == 16
    nothing = seen.nothing(built.domain.dim, built.sought).archive
    points, info = built.algorithm.suggest(jax.random.key(0), nothing)
    rows = encoding.canonical(built.space, points)
    assert len(rows) == 64
    groups = group_trials(
        [Trial(i, row, 10) for i, row in enumerate(rows)], built.space,
        evaluator.policy, root_key=evaluator.root_key,
        refuses=lambda graph: False).groups
    assert len(groups) <= 4 and len(info.extra['groups']) <= 4
    assert sum(len(group.members) for group in groups) == 64
    assert sum(math.ceil(len(group.members) / slots) for group in groups) <= 4 + 3
