"""The .tflite file gives our logits in other people's interpreters."""

import contextlib
import io
import re
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest

from sparse_jax.export import ExportError, analytic_cost, to_tflite
from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize import calibrate, classes_of, emulate, fixed_point, quantize
from sparse_jax.quantize.random_nets import random_images, random_net

with contextlib.suppress(ImportError):
    from flatbuffers.table import Table

pytestmark = pytest.mark.skipif(
    not (find_spec('tflite') and find_spec('flatbuffers')),
    reason='needs the tflite and flatbuffers packages')
needs_tflm = pytest.mark.skipif(not find_spec('tflite_micro'),
                                reason='needs tflite-micro')
needs_litert = pytest.mark.skipif(not find_spec('ai_edge_litert'),
                                  reason='needs ai-edge-litert')


def _cases(seeds, classes=None, averaged=False, strides=False, **settings):
    """(model, codes, logits) of the random networks that .tflite can express."""
    for seed in seeds:
        net = random_net(seed, classes=classes, averaged=averaged, strides=strides)
        images = random_images(net, 4, seed)
        q = quantize(net, calibrate(net, images), **settings)
        try:
            model = to_tflite(q)
        except ExportError:
            continue
        yield seed, model, (images.astype(int) - 128).astype(np.int8), emulate(q,
                                                                               images)


def _run_tflm(model, codes):
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model, arena_size=400_000)
    outputs = []
    for image in codes:
        interpreter.set_input(image[None], 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0).ravel())
    return np.array(outputs), interpreter


def _run_litert(model, codes):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    source, = interpreter.get_input_details()
    sink, = interpreter.get_output_details()
    outputs = []
    for image in codes:
        interpreter.set_tensor(source['index'], image[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(sink['index']).ravel())
    return np.array(outputs)


@needs_tflm
def test_tflm_steps_as_we_do():
    checked = 0
    for seed, model, codes, logits in _cases(range(70), strides=True):
        np.testing.assert_array_equal(_run_tflm(model, codes)[0], logits, str(seed))
        checked += any(n.stride > 1 for n in random_net(seed, strides=True).nodes)
    assert checked > 4


@needs_tflm
def test_tflm_averages_the_input_as_we_do():
    seeds = [seed for seed in range(40) if random_net(seed).downsample > 1]
    checked = 0
    for seed, model, codes, logits in _cases(seeds, averaged=True):
        np.testing.assert_array_equal(_run_tflm(model, codes)[0], logits, str(seed))
        checked += 1
    assert checked > 8


@needs_tflm
@pytest.mark.parametrize('per_channel', (True, False))
def test_tflm_gives_our_logits(per_channel):
    checked = 0
    for seed, model, codes, logits in _cases(range(80), per_channel_dense=per_channel):
        np.testing.assert_array_equal(_run_tflm(model, codes)[0], logits, str(seed))
        checked += 1
    assert checked > 30


@needs_tflm
def test_tflm_gives_one_logit_for_two_classes():
    checked = 0
    for seed, model, codes, logits in _cases(range(300, 340), classes=2):
        outputs, interpreter = _run_tflm(model, codes)
        np.testing.assert_array_equal(outputs, logits, str(seed))
        assert outputs.shape == (4, 1)
        # What it says of its output is what the class is read from.
        q = _two_classes(seed)
        details = interpreter.get_output_details(0)
        zero = int(details['quantization_parameters']['zero_points'][0])
        np.testing.assert_array_equal(outputs[:, 0] > zero, classes_of(q, logits))
        checked += 1
    assert checked > 8


def test_the_file_says_where_the_class_changes():
    """The output of two classes is one value, its zero point the border."""
    from tflite import Model

    for seed, data, _, logits in _cases(range(300, 306), classes=2):
        graph = Model.GetRootAs(data, 0).Subgraphs(0)
        output = graph.Tensors(graph.Outputs(0))
        assert output.ShapeAsNumpy().tolist() == [1, 1]
        q = _two_classes(seed)
        np.testing.assert_array_equal(
            logits[:, 0] > output.Quantization().ZeroPoint(0), classes_of(q, logits))


def _field(table, slot):
    """Where a field of a table of the metadata is."""
    place = table.Offset(4 + 2 * slot)
    assert place, slot
    return table.Pos + place


def _string(table, slot):
    return table.String(_field(table, slot)).decode()


def _only(table, slot):
    """The only table of a vector."""
    place = _field(table, slot) - table.Pos
    assert table.VectorLen(place) == 1
    return Table(table.Bytes, table.Indirect(table.Vector(place)))


@pytest.mark.parametrize('units, classes, kind', [(3, 3, 2), (1, 2, 0)])
def test_class_names_are_in_the_file(units, classes, kind):
    """As metadata_schema.fbs has it: the file of labels belongs to the output."""
    from flatbuffers import encode, packer
    from tflite import Model

    net = _chain(2, units)
    q = quantize(net, calibrate(net, random_images(net, 4)))
    names = ('left', 'right turn\n', 'größer')[:classes]
    plain, named = to_tflite(q), to_tflite(q, names)
    assert named == to_tflite(q, names)
    with zipfile.ZipFile(io.BytesIO(named)) as archive:
        assert archive.namelist() == ['labels.txt'] and archive.testzip() is None
        assert archive.read('labels.txt').decode().splitlines() == [
            'left', 'right turn', 'größer'][:classes]
        # Readers count from the start of the file, and map what is not compressed.
        place, = archive.infolist()
        assert named[place.header_offset:][:4] == b'PK\3\4'
        assert place.compress_type == zipfile.ZIP_STORED
    model, bare = Model.GetRootAs(named, 0), Model.GetRootAs(plain, 0)
    assert bare.MetadataLength() == 0 and model.MetadataLength() == 1
    assert model.Metadata(0).Name() == b'TFLITE_METADATA'
    about = model.Buffers(model.Metadata(0).Buffer()).DataAsNumpy().tobytes()
    assert about[4:8] == b'M001'
    root = Table(about, encode.Get(packer.uoffset, about, 0))
    graph = _only(root, 3)
    assert _string(_only(graph, 2), 0) == 'image'
    logits = _only(graph, 3)
    assert _string(logits, 0) == 'logits'
    labels = _only(logits, 6)
    assert _string(labels, 0) == 'labels.txt'
    place = labels.Offset(4 + 2 * 2)
    assert kind == (about[labels.Pos + place] if place else 0)
    # What computes is the same, byte by byte.
    assert model.BuffersLength() == bare.BuffersLength() + 1
    for n in range(bare.BuffersLength()):
        np.testing.assert_array_equal(
            model.Buffers(n).DataAsNumpy(), bare.Buffers(n).DataAsNumpy())


def test_names_of_another_number_of_classes_are_refused():
    net = _chain(2, 3)
    with pytest.raises(ExportError, match='2 names do not fit 3 classes'):
        to_tflite(quantize(net, calibrate(net, random_images(net, 4))), ('a', 'b'))


@needs_tflm
def test_names_change_no_logit():
    net = _chain(2, 3)
    images = random_images(net, 4, 4)
    q = quantize(net, calibrate(net, images))
    codes = (images.astype(int) - 128).astype(np.int8)
    named = to_tflite(q, ('a', 'b', 'c'))
    np.testing.assert_array_equal(_run_tflm(named, codes)[0], emulate(q, images))


def _two_classes(seed):
    net = random_net(seed, classes=2)
    return quantize(net, calibrate(net, random_images(net, 4, seed)))


def _round_once(x, multiplier, shift):
    """The host kernels of LiteRT round the 64-bit product once, TFLM's twice."""
    total = 31 - np.asarray(shift, np.int64)
    product = np.asarray(x, np.int64) * np.asarray(multiplier, np.int64)
    return (product + (np.int64(1) << (total - 1))) >> total


@needs_litert
def test_litert_gives_our_logits_but_for_its_rounding(monkeypatch):
    cases = list(_cases(range(60, 140)))
    outputs = [_run_litert(model, codes) for _, model, codes, _ in cases]
    for (seed, _, _, logits), y in zip(cases, outputs):
        assert np.abs(y.astype(int) - logits).max() <= 2, seed
    monkeypatch.setattr(fixed_point, 'rescale', _round_once)
    for (seed, *_, logits), (again, *_, rounded), y in zip(
            cases, _cases(range(60, 140)), outputs):
        assert seed == again and logits.shape == rounded.shape
        if not any(n.op in ('sum', 'add') for n in random_net(seed).nodes):
            np.testing.assert_array_equal(y, rounded, str(seed))


def _chain(channels, units=10):
    rng = np.random.default_rng(0)
    nodes = (
        CompactNode('one', 'conv', ('input',), rng.normal(size=(channels, 1, 5, 5)),
                    relu=True, pool=2),
        CompactNode('two', 'conv', ('one',), rng.normal(size=(8, channels, 3, 3)),
                    relu=True, pool=2),
        CompactNode('fc', 'dense', ('two',), rng.normal(size=(units, 200))))
    return CompactNet((28, 28, 1), 1, False, 127.0, 60.0, nodes)


@needs_tflm
@pytest.mark.parametrize('channels', (2, 3, 4, 5))
def test_tflm_arena_head_is_the_working_memory(channels, capfd):
    """An independent oracle of model (6): TFLM keeps x and the y before pooling.

    Its pools are layers of their own, so it holds where no pooled map exceeds x.
    """
    net = _chain(channels)
    images = random_images(net, 2)
    q = quantize(net, calibrate(net, images))
    _, interpreter = _run_tflm(to_tflite(q), (images.astype(int) - 128).astype('i1'))
    interpreter.print_allocations()
    head = int(re.search(r'head (\d+) bytes', capfd.readouterr().err)[1])
    assert head == analytic_cost(net).working_memory


def test_sums_of_three_are_refused():
    weight = np.ones((2, 4))
    nodes = tuple(CompactNode(n, 'dense', ('input',), weight) for n in 'abc')
    net = CompactNet((2, 2, 1), 1, False, 0.0, 1.0,
                     (*nodes, CompactNode('all', 'sum', ('a', 'b', 'c'))))
    with pytest.raises(ExportError, match='exactly two'):
        to_tflite(quantize(net, calibrate(net, random_images(net, 2))))
