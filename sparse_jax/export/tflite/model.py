"""An int8 network as a .tflite file, bit-equal in TFLM and LiteRT.

Maps are [1, height, width, channels] there, so dense weights that read a map are put
in that order. Sparse weights are stored with their zeros: .tflite has no form for them
that microcontroller kernels read.
"""

import numpy as np

from sparse_jax.export.code.c_nodes import needs_raise
from sparse_jax.export.errors import ExportError
from sparse_jax.export.tflite.flatbuffer import Operator, Tensor, write_model
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode


def to_tflite(net: QuantizedNet) -> bytes:
    """The .tflite bytes; input [1, H, W, C] int8 is the pixel code - 128."""
    graph = _Graph(net)
    for node in net.nodes:
        if node.op == 'sum':
            graph.sum(node)
        elif node.op == 'concatenate':
            graph.concatenate(node)
        else:
            graph.weighted(node)
    return write_model(graph.tensors, graph.operators, 0, graph.index[net.output])


class _Graph:
    """Tensors and operators in the making; `index` maps our names to tensors."""

    def __init__(self, net: QuantizedNet):
        self.net, self.tensors, self.operators, self.index = net, [], [], {}
        height, width, channels = net.input_shape
        current = self.activation('image', (1, height, width, channels), 'input')
        if net.squeeze_depth and channels > 1:
            axes = self.constant('axes', np.array([3], np.int32))
            squeezed = self.activation('squeezed', (1, height, width, 1), 'input')
            self.add('REDUCE_MAX', (current, axes), squeezed,
                     ('ReducerOptions', {'KeepDims': True}), 2)
            current = squeezed
        if net.downsample > 1:
            current = self.pool(current, 'input', net.downsample)
        self.index['input'] = current

    def activation(self, name, shape, like):
        """A tensor with the quantisation of one of ours."""
        q = self.net.tensors[like]
        self.tensors.append(Tensor(name, tuple(shape), q.scale, q.zero_point))
        return len(self.tensors) - 1

    def constant(self, name, data, scales=1.0, axis=0):
        self.tensors.append(Tensor(name, data.shape, scales, 0, axis, data))
        return len(self.tensors) - 1

    def add(self, code, inputs, output, options=None, version=1):
        self.operators.append(Operator(code, tuple(inputs), (output,), options,
                                       version))

    def shape(self, name):
        """Our shape of a tensor in TFLite's order."""
        shape = self.net.shapes[name]
        return (1, *shape[1:], shape[0]) if len(shape) == 3 else (1, *shape)

    def pool(self, source, name, size):
        out = self.activation(name, self.shape(name), name)
        self.add('MAX_POOL_2D', (source,), out, ('Pool2DOptions', {
            'Padding': 1, 'StrideW': size, 'StrideH': size, 'FilterWidth': size,
            'FilterHeight': size}), 2)
        return out

    def weighted(self, node: QuantizedNode):
        """Convolution, depthwise convolution or dense layer, with its pool."""
        net = self.net
        x = net.tensors[node.inputs[0]]
        full = node.full_shape
        shape = (1, *full[1:], full[0]) if len(full) == 3 else (1, *full)
        weight, axis = _tflite_weight(net, node)
        scales = node.weight_scale
        per_channel = np.ptp(scales) > 0 or node.op != 'dense'
        w = self.constant(f'{node.name}/weight', weight,
                          scales if per_channel else scales[:1], axis)
        bias_scales = x.scale * scales
        b = self.constant(f'{node.name}/bias', node.bias,
                          bias_scales if per_channel else bias_scales[:1])
        out = self.activation(f'{node.name}/full' if node.pool > 1 else node.name,
                              shape, node.name)
        code, options, version = _OPTIONS[node.op]
        self.add(code, (self.index[node.inputs[0]], w, b), out,
                 (options[0], options[1] | {'FusedActivationFunction':
                                            int(node.relu)}), version)
        if node.pool > 1:
            out = self.pool(out, node.name, node.pool)
        self.index[node.name] = out

    def flat(self, name):
        """A tensor as a vector in our (C, H, W) order."""
        shape, current = self.net.shapes[name], self.index[name]
        if len(shape) == 1:
            return current
        size = int(np.prod(shape))
        if shape[0] > 1 and shape[1] * shape[2] > 1:
            order = self.constant(f'{name}/order', np.array([0, 3, 1, 2], np.int32))
            turned = self.activation(f'{name}/planes', (1, *shape), name)
            self.add('TRANSPOSE', (current, order), turned, ('TransposeOptions', {}), 2)
            current = turned
        target = self.constant(f'{name}/size', np.array([1, size], np.int32))
        out = self.activation(f'{name}/flat', (1, size), name)
        self.add('RESHAPE', (current, target), out,
                 ('ReshapeOptions', {'NewShape': [1, size]}))
        return out

    def sum(self, node):
        if len(node.inputs) != 2:
            raise ExportError(f'{node.name}: .tflite adds exactly two tensors')
        out = self.activation(node.name, self.shape(node.name), node.name)
        self.add('ADD', [self.flat(name) for name in node.inputs], out,
                 ('AddOptions', {'FusedActivationFunction': int(node.relu)}), 2)
        self.index[node.name] = out

    def concatenate(self, node):
        if needs_raise(self.net, node):
            raise ExportError(f'{node.name}: .tflite has no int8 ReLU after '
                              'a concatenation')
        parts = []
        for name, multiplier in zip(node.inputs, node.input_multiplier):
            part = self.flat(name)
            if multiplier:
                size = int(np.prod(self.net.shapes[name]))
                scaled = self.activation(f'{node.name}/{name}', (1, size), node.name)
                self.add('QUANTIZE', (part,), scaled, ('QuantizeOptions', {}), 2)
                part = scaled
            parts.append(part)
        out = self.activation(node.name, self.shape(node.name), node.name)
        self.add('CONCATENATION', parts, out, ('ConcatenationOptions', {'Axis': 1}), 2)
        self.index[node.name] = out


_OPTIONS = {
    'conv': ('CONV_2D', ('Conv2DOptions', {
        'Padding': 1, 'StrideW': 1, 'StrideH': 1}), 3),
    'depthwise': ('DEPTHWISE_CONV_2D', ('DepthwiseConv2DOptions', {
        'Padding': 1, 'StrideW': 1, 'StrideH': 1, 'DepthMultiplier': 1}), 3),
    'dense': ('FULLY_CONNECTED', ('FullyConnectedOptions', {}), 4),
}


def _tflite_weight(net, node):
    """(weights in TFLite's order, axis of the output channels)."""
    weight = node.weight
    if node.op == 'conv':
        return np.ascontiguousarray(weight.transpose(0, 2, 3, 1)), 0
    if node.op == 'depthwise':
        return np.ascontiguousarray(weight.transpose(1, 2, 0)[None]), 3
    shape = net.shapes[node.inputs[0]]
    if node.gather is not None:
        full = np.zeros((len(weight), int(np.prod(shape))), np.int8)
        np.add.at(full, (slice(None), node.gather), weight)
        weight = full
    if len(shape) == 3:
        weight = weight.reshape(-1, *shape).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(weight.reshape(len(weight), -1)), 0
