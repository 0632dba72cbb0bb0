"""Networks outside the searched space, from files of their nodes."""

import copy
import pathlib

import pytest

from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.space import graph_file, network_file
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.space.network_file import NetworkFileError

FOLDER = pathlib.Path(__file__).parents[2] / 'experiments' / 'networks'
CLASSIFIER = {'name': 'classifier', 'op': 'dense', 'inputs': ['conv'], 'channels': 3,
              'relu': False}
DOCUMENT = {'input_shape': [6, 7, 2], 'downsample': 1, 'nodes': [
    {'name': 'conv', 'op': 'conv', 'inputs': ['input'], 'channels': 4, 'kernel': 3,
     'pool': 2, 'batch_norm': True}, CLASSIFIER]}


def test_a_file_is_its_graph():
    assert graph_file.parse(DOCUMENT) == Graph((6, 7, 2), 1, False, (
        Node('conv', 'conv', ('input',), 4, 3, 3, batch_norm=True, pool=2),
        Node('classifier', 'dense', ('conv',), 3, relu=False)))
    assert graph_file.is_graph(DOCUMENT)
    assert not graph_file.is_graph({'num-conv-blocks': 1})


def test_networks_without_convolutions_and_the_published_sizes():
    fc, conv = (graph_totals(graph_file.parse(network_file.document(
        FOLDER / f'{name}.json'))) for name in ('lenet-300-100', 'lenet-5'))
    # 784 * 300 + 300 * 100 + 100 * 10 weights and 410 biases.
    assert (fc.model_size, fc.macs) == (266_200 + 410, 266_200)
    # Of LeNet-5 under both memory models of the paper: 28^2 + 20 * 24^2 elements, and
    # 800 inputs with 400 000 weights.
    assert conv.working_memory == 12_304 and conv.working_memory_weights == 400_800


def test_branches_and_sums():
    nodes = [
        {'name': 'a', 'op': 'dense', 'inputs': ['input'], 'channels': 5},
        {'name': 'b', 'op': 'dense', 'inputs': ['input'], 'channels': 5},
        {'name': 'merge', 'op': 'sum', 'inputs': ['a', 'b'], 'channels': 5,
         'relu': False},
        CLASSIFIER | {'inputs': ['merge', 'a']}]
    graph = graph_file.parse({'input_shape': [2, 2, 1], 'nodes': nodes})
    assert graph_totals(graph).macs == 4 * 5 + 4 * 5 + 10 * 3


def _changed(path, value):
    document = copy.deepcopy(DOCUMENT)
    *parents, last = path
    place = document
    for part in parents:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize('path, value, words', [
    (('size',), 3, "unknown key 'size'; allowed: input_shape"),
    (('input_shape',), [6, 7], r'input_shape: \[6, 7\]'),
    (('input_shape',), None, 'input_shape: None'),
    (('downsample',), 9, 'downsample: 9 is not allowed; allowed: 1 to 6'),
    (('downsample_type',), 'mean', "downsample_type: 'mean' is not allowed"),
    (('nodes',), [], 'a list of one node or more'),
    (('nodes', 0), 'conv', 'a list of objects'),
    (('nodes', 0, 'padding'), 2, "'conv': unknown key 'padding'; allowed: name, op"),
    (('nodes', 0, 'channels'), None, "missing key 'channels'"),
    (('nodes', 0, 'channels'), 0, 'channels: 0 is not allowed; allowed: a whole'),
    (('nodes', 0, 'channels'), True, 'channels: True'),
    (('nodes', 0, 'op'), 'pool', "op: 'pool' is not allowed; allowed: conv, depthwise"),
    (('nodes', 0, 'inputs'), ['image'], "input: 'image' is not allowed"),
    (('nodes', 0, 'inputs'), ['input', 'input'], 'allowed: one feature map'),
    (('nodes', 0, 'inputs'), [], 'allowed: one feature map'),
    (('nodes', 0, 'op'), 'depthwise', 'as many maps as its channels'),
    (('nodes', 0, 'op'), 'sum', 'two vectors or more'),
    (('nodes', 0, 'kernel'), 7, 'its kernel of 7 and pool of 2 leave nothing of 6x7'),
    (('nodes', 0, 'stride'), 0, 'stride: 0 is not allowed; allowed: a whole'),
    (('nodes', 0, 'stride'), True, 'stride: True is not allowed'),
    (('nodes', 0, 'stride'), 8, 'stride: 8 is not allowed; allowed: 1 to 7, the side'),
    (('nodes', 0, 'name'), 'input', "'input': the name is taken"),
    (('nodes', 1, 'kernel'), 3, 'no kernel and no pool'),
    (('nodes', 1, 'name'), 'last', "the last node is 'last'; allowed: 'classifier'"),
])
def test_what_is_wrong_is_one_line(path, value, words):
    with pytest.raises(NetworkFileError, match=words) as caught:
        graph_file.parse(_changed(path, value))
    assert '\n' not in str(caught.value)
