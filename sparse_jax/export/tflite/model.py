"""An int8 network as a .tflite file, bit-equal in TFLM and LiteRT.

Maps are [1, height, width, channels] there, so dense weights that read a map are put
in that order. Sparse weights are stored with their zeros: .tflite has no form for them
that microcontroller kernels read.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sparse_jax.export.errors import ExportError
from sparse_jax.export.operations import TfliteKind, layout
from sparse_jax.export.operations.maps import turned
from sparse_jax.export.operations.table import function
from sparse_jax.export.tflite import metadata
from sparse_jax.export.tflite.flatbuffer import Operator, Tensor, write_model
from sparse_jax.quantize.quantized import QuantizedNet, QuantizedNode


def to_tflite(net: QuantizedNet, names: Sequence[str] = ()) -> bytes:
    """The .tflite bytes; input [1, H, W, C] int8 is the pixel code - 128.

    The output [1, units] is the int8 logits. Of two classes there may be one: class 1
    if it is above its zero point.

    Args:
      net: what it computes.
      names: of all classes, for those who read its metadata; or none.

    Raises:
      ExportError: .tflite has no exact form for the network, or the names are of
        another number of classes.
    """
    if names and len(names) != net.classes:
        raise ExportError(f'{len(names)} names do not fit {net.classes} classes')
    graph = _Graph(net)
    for node in net.nodes:
        if node.weight is not None:
            graph.weighted(node)
        else:
            function(node).tflite(graph, node)
    ends = 0, graph.index[net.output]
    if not names:
        return write_model(graph.tensors, graph.operators, *ends)
    about = metadata.describe(each_value=net.units == net.classes,
                              border=net.tensors[net.output].zero_point)
    model = write_model(graph.tensors, graph.operators, *ends, {metadata.ENTRY: about})
    return metadata.pack(model, names)


class _Graph:
    """Tensors and operators in the making; `index` maps our names to tensors."""

    def __init__(self, net: QuantizedNet):
        self.net, self.index = net, {}
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        height, width, channels = net.input_shape
        current = self.activation('image', (1, height, width, channels), 'input')
        if net.squeeze_depth and channels > 1:
            axes = self.constant('axes', np.array([3], np.int32))
            squeezed = self.activation('squeezed', (1, height, width, 1), 'input')
            self.add(TfliteKind('REDUCE_MAX', 'ReducerOptions', {'KeepDims': True}, 2),
                     (current, axes), squeezed)
            current = squeezed
        if net.downsample > 1:
            kind = 'AVERAGE_POOL_2D' if net.averages else 'MAX_POOL_2D'
            current = self.pool(current, 'input', net.downsample, kind)
        self.index['input'] = current

    def activation(self, name: str, shape: tuple[int, ...], like: str) -> int:
        """A new tensor with the quantisation of one of ours."""
        q = self.net.tensors[like]
        self.tensors.append(Tensor(name, tuple(shape), q.scale, q.zero_point))
        return len(self.tensors) - 1

    def constant(
        self, name: str, data: np.ndarray, scales: ArrayLike = 1.0, axis: int = 0
    ) -> int:
        """A new constant tensor, with `scales` along an axis."""
        self.tensors.append(Tensor(name, data.shape, scales, 0, axis, data))
        return len(self.tensors) - 1

    def add(self, kind: TfliteKind, inputs: tuple[int, ...], output: int) -> None:
        """A new operator."""
        self.operators.append(Operator(
            kind.code, tuple(inputs), (output,), (kind.table, dict(kind.fields)),
            kind.version))

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one of our tensors in the order of .tflite."""
        return turned(self.net.shapes[name])

    def pool(
        self, source: int, name: str, size: int, kind: str = 'MAX_POOL_2D'
    ) -> int:
        """Maximum or mean of size x size windows, into one of our tensors."""
        out = self.activation(name, self.shape(name), name)
        self.add(TfliteKind(kind, 'Pool2DOptions', {
            'Padding': 1, 'StrideW': size, 'StrideH': size, 'FilterWidth': size,
            'FilterHeight': size}, 2), (source,), out)
        return out

    def weighted(self, node: QuantizedNode) -> None:
        """An operation with weights, and its pool."""
        net, kind = self.net, layout(node)
        x, scales = net.tensors[node.inputs[0]], np.asarray(node.weight_scale)
        weight, axis = kind.tflite_weight(net, node)
        if kind.one_scale and np.ptp(scales) == 0:
            scales = scales[:1]
        w = self.constant(f'{node.name}/weight', weight, scales, axis)
        b = self.constant(f'{node.name}/bias', np.asarray(node.bias), x.scale * scales)
        out = self.activation(f'{node.name}/full' if node.pool > 1 else node.name,
                              turned(node.full_shape), node.name)
        fields = {**kind.tflite.fields, 'FusedActivationFunction': int(node.relu)}
        if kind.slides:
            fields |= {'StrideW': node.stride, 'StrideH': node.stride}
        self.add(kind.tflite._replace(fields=fields),
                 (self.index[node.inputs[0]], w, b), out)
        if node.pool > 1:
            out = self.pool(out, node.name, node.pool)
        self.index[node.name] = out

    def flat(self, name: str) -> int:
        """One of our tensors as a vector in our (C, H, W) order."""
        shape, current = self.net.shapes[name], self.index[name]
        if len(shape) == 1:
            return current
        size = int(np.prod(shape))
        if shape[0] > 1 and shape[1] * shape[2] > 1:
            order = self.constant(f'{name}/order', np.array([0, 3, 1, 2], np.int32))
            turned = self.activation(f'{name}/planes', (1, *shape), name)
            self.add(TfliteKind('TRANSPOSE', 'TransposeOptions', {}, 2),
                     (current, order), turned)
            current = turned
        target = self.constant(f'{name}/size', np.array([1, size], np.int32))
        out = self.activation(f'{name}/flat', (1, size), name)
        self.add(TfliteKind('RESHAPE', 'ReshapeOptions', {'NewShape': [1, size]}, 1),
                 (current, target), out)
        return out
