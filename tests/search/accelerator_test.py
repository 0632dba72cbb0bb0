"""The preset for accelerators: many candidates in few programs."""

import dataclasses

import jax

from launch import config_flag
from sparse_jax.data.synthetic import synthetic
from sparse_jax.evaluation.grouping import group_trials
from sparse_jax.search import seen, setup
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


def test_64_candidates_are_at_most_four_calls():
    built = _built()
    evaluator = built.evaluator
    assert evaluator.executor.programs.machine.slots == 64
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
