"""A minimal .tflite writer: tensors, operators, one subgraph. No TensorFlow."""

import dataclasses
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from sparse_jax.export.errors import need

_SCHEMA_VERSION = 3
_BUFFER_ALIGNMENT = 16


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An int8 or int32 tensor; `data` for constants, `scales` along `axis`."""

    name: str
    shape: tuple[int, ...]
    scales: ArrayLike
    zero_point: int = 0
    axis: int = 0
    data: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Operator:
    """`code` names a BuiltinOperator; `options` are (table, {field: value})."""

    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: tuple[str, dict] | None = None
    version: int = 1


def write_model(
    tensors: list[Tensor], operators: list[Operator], source: int, sink: int,
    entries: Mapping[str, bytes] | None = None,
) -> bytes:
    """The bytes of a .tflite file with one input tensor and one output tensor.

    entries: {name: content} of its metadata.
    """
    tflite, flatbuffers = need('tflite'), need('flatbuffers')
    b = flatbuffers.Builder(1 << 16)
    constants = [t.data for t in tensors if t.data is not None]
    buffers = [_buffer(b, tflite, None)]
    buffers += [_buffer(b, tflite, data) for data in constants]
    notes = entries or {}
    buffers += [_buffer(b, tflite, np.frombuffer(note, np.uint8))
                for note in notes.values()]
    index, tables = 1, []
    for tensor in tensors:
        tables.append(_tensor(b, tflite, tensor, index if tensor.data is not None
                              else 0))
        index += tensor.data is not None
    codes = sorted({(o.code, o.version) for o in operators})
    rows = [_operator(b, tflite, o, codes.index((o.code, o.version)))
            for o in operators]
    code_tables = [_code(b, tflite, *code) for code in codes]
    graph = _subgraph(b, tflite, tables, rows, source, sink)
    # Their buffers are the last ones.
    tables = [_entry(b, tflite, name, index + place)
              for place, name in enumerate(notes)]
    description = b.CreateString('sparse_jax')
    vectors = [_vector(b, tflite.ModelStartOperatorCodesVector, code_tables),
               _vector(b, tflite.ModelStartSubgraphsVector, [graph]),
               _vector(b, tflite.ModelStartBuffersVector, buffers)]
    about = _vector(b, tflite.ModelStartMetadataVector, tables) if notes else 0
    tflite.ModelStart(b)
    tflite.ModelAddVersion(b, _SCHEMA_VERSION)
    tflite.ModelAddOperatorCodes(b, vectors[0])
    tflite.ModelAddSubgraphs(b, vectors[1])
    tflite.ModelAddDescription(b, description)
    tflite.ModelAddBuffers(b, vectors[2])
    if notes:
        tflite.ModelAddMetadata(b, about)
    b.Finish(tflite.ModelEnd(b), file_identifier=b'TFL3')
    return bytes(b.Output())


def _vector(b: Any, start: Callable, offsets: list[int]) -> int:
    start(b, len(offsets))
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def _numbers(b: Any, values: ArrayLike, dtype: DTypeLike) -> int:
    return b.CreateNumpyVector(np.asarray(values, dtype).ravel())


def _buffer(b: Any, tflite: ModuleType, data: np.ndarray | None) -> int:
    vector = None
    if data is not None:
        raw = np.ascontiguousarray(data).tobytes()
        b.StartVector(1, len(raw), _BUFFER_ALIGNMENT)
        b.head -= len(raw)
        b.Bytes[b.Head() : b.Head() + len(raw)] = raw
        vector = b.EndVector()
    tflite.BufferStart(b)
    if vector is not None:
        tflite.BufferAddData(b, vector)
    return tflite.BufferEnd(b)


def _entry(b: Any, tflite: ModuleType, name: str, buffer: int) -> int:
    title = b.CreateString(name)
    tflite.MetadataStart(b)
    tflite.MetadataAddName(b, title)
    tflite.MetadataAddBuffer(b, buffer)
    return tflite.MetadataEnd(b)


def _tensor(b: Any, tflite: ModuleType, tensor: Tensor, buffer: int) -> int:
    scales = np.atleast_1d(tensor.scales)
    scale = _numbers(b, scales, np.float32)
    zero = _numbers(b, np.full(len(scales), tensor.zero_point), np.int64)
    tflite.QuantizationParametersStart(b)
    tflite.QuantizationParametersAddScale(b, scale)
    tflite.QuantizationParametersAddZeroPoint(b, zero)
    tflite.QuantizationParametersAddQuantizedDimension(b, tensor.axis)
    quantization = tflite.QuantizationParametersEnd(b)
    name, shape = b.CreateString(tensor.name), _numbers(b, tensor.shape, np.int32)
    int32 = tensor.data is not None and tensor.data.dtype == np.int32
    tflite.TensorStart(b)
    tflite.TensorAddShape(b, shape)
    tflite.TensorAddType(b, tflite.TensorType.INT32 if int32 else
                         tflite.TensorType.INT8)
    tflite.TensorAddBuffer(b, buffer)
    tflite.TensorAddName(b, name)
    tflite.TensorAddQuantization(b, quantization)
    return tflite.TensorEnd(b)


def _operator(b: Any, tflite: ModuleType, operator: Operator, code: int) -> int:
    inputs = _numbers(b, operator.inputs, np.int32)
    outputs = _numbers(b, operator.outputs, np.int32)
    options = None
    if operator.options is not None:
        table, fields = operator.options
        lists = {k: _numbers(b, v, np.int32) for k, v in fields.items()
                 if isinstance(v, list)}
        getattr(tflite, f'{table}Start')(b)
        for field, value in (fields | lists).items():
            getattr(tflite, f'{table}Add{field}')(b, value)
        options = getattr(tflite, f'{table}End')(b)
    tflite.OperatorStart(b)
    tflite.OperatorAddOpcodeIndex(b, code)
    tflite.OperatorAddInputs(b, inputs)
    tflite.OperatorAddOutputs(b, outputs)
    if operator.options is not None:
        tflite.OperatorAddBuiltinOptionsType(
            b, getattr(tflite.BuiltinOptions, operator.options[0]))
        tflite.OperatorAddBuiltinOptions(b, options)
    return tflite.OperatorEnd(b)


def _code(b: Any, tflite: ModuleType, name: str, version: int) -> int:
    value = getattr(tflite.BuiltinOperator, name)
    tflite.OperatorCodeStart(b)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(b, min(value, 127))
    tflite.OperatorCodeAddVersion(b, version)
    tflite.OperatorCodeAddBuiltinCode(b, value)
    return tflite.OperatorCodeEnd(b)


def _subgraph(
    b: Any, tflite: ModuleType, tables: list[int], operators: list[int], source: int,
    sink: int,
) -> int:
    vectors = [_vector(b, tflite.SubGraphStartTensorsVector, tables),
               _numbers(b, [source], np.int32), _numbers(b, [sink], np.int32),
               _vector(b, tflite.SubGraphStartOperatorsVector, operators)]
    tflite.SubGraphStart(b)
    tflite.SubGraphAddTensors(b, vectors[0])
    tflite.SubGraphAddInputs(b, vectors[1])
    tflite.SubGraphAddOutputs(b, vectors[2])
    tflite.SubGraphAddOperators(b, vectors[3])
    return tflite.SubGraphEnd(b)
