"""Predicted memory of convolutions by tiles against the copies that a layer makes."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.evaluation import device_memory
from sparse_jax.model import network
from sparse_jax.model.skeleton import EXACT, candidate_of, pad
from sparse_jax.ops import Node, tiled, windowless
from sparse_jax.space.architecture import Graph
from tests.recipes import trained_network


@pytest.mark.parametrize('op', ['conv', 'depthwise'])
@pytest.mark.parametrize('kernel, stride', [(3, 1), (3, 2), (5, 2), (2, 2), (2, 3)])
def test_tiles_read_and_write_what_is_predicted(op, kernel, stride, monkeypatch):
    """A stride folds the image, but not that of one window per map."""
    graph = Graph((17, 14, 2), 1, False, (
        Node('a', op, ('input',), 2, kernel, kernel, stride, relu=False),
        Node('classifier', 'dense', ('a',), 3, relu=False)))
    skeleton, made = pad(graph, EXACT), []

    def counted(function, *arguments):
        made.append(function(*arguments))
        return made[-1]

    monkeypatch.setattr(tiled, '_pixels', functools.partial(counted, tiled._pixels))
    monkeypatch.setitem(windowless.FORMS, 'tiled', windowless.FORMS['tiled']._replace(
        one=functools.partial(counted, tiled.product)))
    shape = (2, kernel, kernel) if op == 'depthwise' else (2, 2, kernel, kernel)
    flat = math.prod(graph.shapes()['a'])
    weights = {'a': {'kernel': np.zeros(shape, 'f4')}, 'classifier': {
        'kernel': np.zeros((3, flat), 'f4'), 'bias': np.zeros(3, 'f4')}}
    jax.eval_shape(lambda image: network.SparseNet(skeleton, 'tiled').apply(
        {'params': weights}, candidate_of(graph, trained_network.POINT), image,
        mutable=[]), jnp.zeros((2, 17, 14, 1)))
    assert len(made) == 2
    views, _ = device_memory.activation_elements(skeleton, 'tiled')
    assert views == 2 * sum(array.size for array in made) + flat
