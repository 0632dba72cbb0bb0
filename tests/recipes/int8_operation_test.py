"""An operation from outside in int8 and in C: an entry in either table."""

import shutil
import subprocess

import numpy as np
import pytest

from sparse_jax import export, ops, quantize
from sparse_jax.export.operations import ExportOperation, Function
from sparse_jax.export.project.bundle import host_program
from sparse_jax.model.compact import CompactNet, CompactNode, logits
from sparse_jax.ops import Costs, Operation, Pruned
from sparse_jax.quantize.operations import Int8Operation
from sparse_jax.quantize.quantized import QuantizedNode
from sparse_jax.quantize.random_nets import random_images

REVERSE = Operation(
    'reverse', Pruned(
        lambda node, leaf, alive, shapes, gather: [],
        lambda node, shapes: shapes[node.inputs[0]],
        lambda node, inputs: inputs[0][:, ::-1]), costs=Costs(layer=False))
"""Feature maps in the opposite order."""


def _quantize(node, setting):
    none = np.zeros(1, np.int32)
    return QuantizedNode(
        name=node.name, op=node.op, inputs=node.inputs, low=-128, multiplier=none,
        shift=none, full_shape=setting.shape)


INT8 = Int8Operation(
    _quantize, lambda node, inputs, zeros: inputs[0][:, ::-1],
    lambda node, inputs, zeros: inputs[0][:, ::-1],
    lambda node, weight, bias, inputs: inputs[0][:, ::-1], scale='kept')


def _body(net, plan, node):
    maps, height, width = net.shapes[node.name]
    plane = height * width
    return [f'    for (int c = 0; c < {maps}; ++c)',
            f'        for (int i = 0; i < {plane}; ++i)',
            f'            *y++ = @arena[{plan.offsets[node.inputs[0]]} '
            f'+ ({maps - 1} - c) * {plane} + i];']


def _refuse(graph, node):
    raise export.ExportError(f'{node.name}: .tflite has no reverse')


C = ExportOperation(Function(
    _body, _refuse, lambda net, plan, node: {'copied': plan.sizes[node.name]},
    lambda net, plan, node: {'copied': 1}, lambda net, plan, node: ()))


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setitem(ops.OPERATIONS, 'reverse', REVERSE)
    monkeypatch.setitem(quantize.OPERATIONS, 'reverse', INT8)
    monkeypatch.setitem(export.OPERATIONS, 'reverse', C)
    rng = np.random.default_rng(0)
    net = CompactNet((6, 6, 1), 1, False, 120.0, 60.0, (
        CompactNode('conv', 'conv', ('input',), rng.normal(size=(3, 1, 3, 3)),
                    relu=True),
        CompactNode('turn', 'reverse', ('conv',)),
        CompactNode('fc', 'dense', ('turn',), rng.normal(size=(2, 48)))))
    images = random_images(net, 6)
    return net, images, quantize.quantize(net, quantize.calibrate(net, images))


def test_emulators_agree_and_are_close_to_the_float_network(network):
    net, images, q = network
    codes = quantize.emulate(q, images)
    np.testing.assert_array_equal(quantize.emulate_jax(q, images), codes)
    np.testing.assert_array_equal(quantize.emulate_blas(q, images), codes)
    assert q.tensors['turn'] == q.tensors['conv']
    real = logits(net, images)
    error = np.abs(quantize.dequantize(q, codes) - real).max()
    assert error < 0.05 * np.ptp(real)


def test_costs_count_it_and_tflite_says_why_not(network):
    _, _, q = network
    cost = export.measure(q)
    assert cost.ram == export.plan_buffers(q).arena and cost.instructions > 0
    with pytest.raises(export.ExportError, match='has no reverse'):
        export.to_tflite(q)


@pytest.mark.skipif(not shutil.which('cc'), reason='no host compiler')
def test_c_is_bit_equal(network, tmp_path):
    _, images, q = network
    source = tmp_path / 'bundle.c'
    source.write_text(host_program([export.generate(q, guard=False)], len(images)))
    subprocess.run(['cc', '-std=c99', '-Wall', '-Wextra', '-Werror', source, '-o',
                    tmp_path / 'bundle'], check=True)
    done = subprocess.run([tmp_path / 'bundle'], input=images.tobytes(), check=True,
                          capture_output=True)
    np.testing.assert_array_equal(
        np.frombuffer(done.stdout, np.int8).reshape(len(images), -1),
        quantize.emulate(q, images))
