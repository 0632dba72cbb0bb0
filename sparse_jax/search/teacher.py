"""A larger network, whose probabilities the networks of a search may learn."""

import dataclasses

import numpy as np

from sparse_jax.model import compact
from sparse_jax.search import alone
from sparse_jax.search.setup import Setup
from sparse_jax.settings.groups import (
    Budgets,
    Limits,
    Objectives,
    Pruning,
    Search,
    Settings,
)
from sparse_jax.space import graph_file
from sparse_jax.space.architecture import Graph
from sparse_jax.study.outcome import Outcome
from sparse_jax.study.planned import one_round

WIDTHS = (24, 32, 48, 64)
"""Maps of the layers: some 50,000 weights."""
LARGE, MEDIUM = 24, 10
"""Pixels of a side above which a layer has a stride; the second one after a layer
without one."""
WINDOW = 3
WHOLE = 1000
"""Side of a window that covers any map."""
SHARE = 3
"""A teacher's epochs, where none are asked for, are a part of a candidate's: it has to
be good, not as good as it can be."""
STEPS = 4096
"""The likeliest class counts so many: the order of sums, which depends on the number of
cores, changes no probability."""


def network(input_shape: tuple[int, int, int], classes: int) -> Graph:
    """The teacher where a person has none: four convolutions at most, with batch norm,
    and the mean of every map.

    Args:
      input_shape: (height, width, channels) of an image.
      classes: of the data.
    """
    side, stride, last, nodes = min(input_shape[:2]), 2, 'input', []
    for number, width in enumerate(WIDTHS, 1):
        if side < WINDOW and nodes:
            break
        window = min(WINDOW, side)
        large = side > LARGE or (stride == 1 and side > MEDIUM)
        stride = 2 if large else 1
        nodes.append({'name': f'conv{number}', 'op': 'conv', 'inputs': [last],
                      'channels': width, 'kernel': window, 'stride': stride,
                      'batch_norm': True})
        side, last = (side - window) // stride + 1, f'conv{number}'
    width = nodes[-1]['channels']
    nodes.append({'name': 'mean', 'op': 'average_pool', 'inputs': [last],
                  'channels': width, 'kernel': WHOLE, 'relu': False})
    nodes.append({'name': 'classifier', 'op': 'dense', 'inputs': ['mean'],
                  'channels': classes, 'relu': False})
    return graph_file.parse({'input_shape': list(input_shape), 'nodes': nodes})


def settings_of(settings: Settings, epochs: int = 0) -> Settings:
    """Those of a search, for the training of its teacher: the same images and recipe,
    nothing pruned, no budgets.

    Args:
      settings: of the search.
      epochs: of the teacher; 0 for a third of a candidate's.
    """
    length = epochs or max(settings.train.epochs // SHARE, 1)
    return one_round(dataclasses.replace(
        settings, data=dataclasses.replace(settings.data, soft_labels=''),
        pruning=Pruning(method='none', cuts=(), bisect=False),
        objectives=Objectives(names=('error', 'model_size')), budgets=Budgets(),
        limits=Limits(*(0,) * len(dataclasses.fields(Limits))), search=Search(),
        train=dataclasses.replace(settings.train, epochs=length)), 1)


def probabilities(built: Setup, graph: Graph, outcome: Outcome) -> np.ndarray:
    """What a trained network says of the training images of its search, unaugmented.

    Args:
      built: the objects of its training.
      graph: the network.
      outcome: of its training, with weights.

    Returns:
      [N, K] float32.
    """
    net, images = alone.compact_of(built, graph, outcome), built.dataset.train.images
    return rounded(compact.per_class(compact.logits(net, images)))


def rounded(logits: np.ndarray) -> np.ndarray:
    """[N, K] logits -> probabilities [N, K] float32, the same for logits that differ in
    their last digits: whole shares of the likeliest class, over their sum."""
    shares = np.round(STEPS * np.exp(logits - logits.max(-1, keepdims=True)))
    return (shares / shares.sum(-1, keepdims=True)).astype(np.float32)
