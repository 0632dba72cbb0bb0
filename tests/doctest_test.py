"""The examples in the docstrings of the public names run as they are printed."""

import dataclasses
import doctest
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sparse_jax
from sparse_jax.objectives.goal import Counted
from sparse_jax.pruning.method import kernels
from sparse_jax.settings import reading
from sparse_jax.space.encoding import decode, graph
from sparse_jax.types import SuggestInfo
from tests import tiny_study

TRAINING = ('initialise', 'train', 'prune', 'measure', 'validation_loss')
"""Each goes on with what the examples before it have made."""
NAMES = dict(dataclasses=dataclasses, functools=functools, jax=jax, jnp=jnp, np=np,
             pruning=sparse_jax.pruning, Counted=Counted, SuggestInfo=SuggestInfo,
             decode=decode, graph=graph, kernels=kernels)
"""What an example need not import, beside the public names."""


def _examples(name):
    text = getattr(sparse_jax, name).__doc__
    return doctest.DocTestParser().get_doctest(text, {}, name, None, None)


WITH_EXAMPLE = [n for n in sparse_jax.__all__ if _examples(n).examples]


def _run(name, names):
    """Run the examples of a docstring; they change `names`."""
    lines = []
    test = _examples(name)
    test.globs = names
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=lines.append, clear_globs=False)
    assert not runner.failures, ''.join(lines)


def _names():
    return NAMES | {name: getattr(sparse_jax, name) for name in sparse_jax.__all__}


@pytest.mark.parametrize('name', [n for n in WITH_EXAMPLE if n not in TRAINING])
def test_an_example_prints_what_it_says(name):
    names = _names()
    if name == 'stack':
        _run('split', names)
    _run(name, names)


def test_the_examples_of_training_go_on_from_each_other():
    settings = tiny_study.settings()
    images = sparse_jax.load_data(reading.data_spec(settings))
    space = sparse_jax.sparse_space(images.input_shape, images.num_classes)
    row = tiny_study.base_row(space)
    skeleton, candidate = sparse_jax.split(
        graph(space, row), decode(space, row), reading.tier_policy(settings))
    names = _names() | {
        'candidate': candidate, 'procedure': sparse_jax.Procedure(
            skeleton, sparse_jax.pruning.sparse_vd(), settings.train),
        'training': sparse_jax.train_data(images.train, images),
        'validation': sparse_jax.train_data(images.validation, images)}
    for name in ('initialise', 'prune', 'measure'):
        # Pure, and so they may be compiled; op by op they take a minute.
        names[name] = jax.jit(names[name], static_argnames='procedure')
    for name in TRAINING:
        _run(name, names)
