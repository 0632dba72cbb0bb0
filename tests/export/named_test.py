"""What an export says to people: names of classes, README.txt, formats."""

import shutil
import subprocess
from importlib.util import find_spec

import numpy as np
import pytest

from sparse_jax.export import ExportData, ExportError, export_network, generate, labels
from sparse_jax.quantize import calibrate, emulate, quantize
from sparse_jax.quantize.random_nets import random_images, random_net
from tests.export.c_header_test import _offset_net

NAMES = ('a "cat"', '*/ int x; /*', 'back\\slash\\', '%NAME% ??/', '\u6c49\n0', '')
C = shutil.which('cc')


@pytest.fixture(scope='module')
def net():
    nets = (random_net(seed, classes=3) for seed in range(99))
    return next(net for net in nets if len(net.nodes) > 2 and {
        node.op for node in net.nodes} <= {'conv', 'depthwise', 'dense'})


def _data(net, **fields):
    images = random_images(net, 6)
    return ExportData(images, images, **fields)


def test_names_that_no_file_can_hold_have_a_line_in_that_of_labels():
    assert labels.text(('a', 'b\ud800', '\u2028')) == 'a\nb?\n\n'


@pytest.mark.skipif(not C, reason='no host C compiler')
@pytest.mark.parametrize('names', [NAMES, ('yes', 'no'), [f'class {i}' * 20
                                                         for i in range(300)]])
def test_names_survive_the_compiler(names, tmp_path):
    q, _ = _offset_net(0, 1, len(names))
    header = generate(q, class_names=names).header
    (tmp_path / 'net.h').write_text(header)
    (tmp_path / 'names.c').write_text('''
#include <stdio.h>
#include "net.h"
static const char *const names[] = NET_CLASS_NAMES;
int main(void)
{
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; ++i)
        fwrite(names[i], 1, __builtin_strlen(names[i]) + 1, stdout);
    return 0;
}
''')
    subprocess.run([C, '-std=c99', '-Wall', '-Wextra', '-Werror', '-trigraphs',
                    'names.c', '-o', 'names'], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / 'names'], capture_output=True, check=True)
    assert done.stdout.decode().split('\0')[:-1] == list(names)
    assert header.isascii() and 'Classes: 0 ' in header


def test_a_header_without_names_has_no_word_of_them():
    header = generate(_offset_net(0, 1)[0]).header
    assert 'Classes:' not in header and 'CLASS_NAMES' not in header
    assert '%' not in header


def test_the_folder_explains_itself(net, tmp_path):
    names = ('left', 'right turn', 'none')
    report = export_network(
        net, _data(net, class_names=names, origin='a command', resized_from=(40, 30)),
        'microbit', tmp_path, name='sign')
    assert (tmp_path / 'labels.txt').read_text() == 'left\nright turn\nnone\n'
    assert report['class_names'] == list(names) and report['formats'] == ['c']
    text = (tmp_path / 'README.txt').read_text()
    assert '%' not in text and max(map(len, text.splitlines())) <= 88
    height, width, channels = net.input_shape
    for words in ('a command', 'make firmware', 'sign_push_row(r, row)', 'SIGN_WIDTH',
                  f'images of {height}x{width}x{channels} pixels', '3 classes',
                  '40 rows of 30', f'RAM of the network: {report["arena"]["bytes"]} B'):
        assert words in text, words
    assert '.tflite' not in text
    assert repr(report['image']['pixel_step']) in text
    for name in ('sign.c', 'main.c', 'vectors.h', 'testset.npz', 'report.json'):
        assert name in text and (tmp_path / name).is_file()
    assert 'sign_class' in (tmp_path / 'sign.h').read_text()


@pytest.mark.skipif(not (find_spec('tflite') and find_spec('ai_edge_litert')),
                    reason='needs requirements-tflite.txt')
@pytest.mark.parametrize('formats', [('c', 'tflite'), ('tflite',)])
def test_the_tflite_file_gives_the_logits(net, tmp_path, formats):
    from tests.export.tflite_test import _run_litert

    data = _data(net)
    export_network(net, data, 'microbit', tmp_path, formats=formats)
    model = (tmp_path / 'net.tflite').read_bytes()
    q = quantize(net, calibrate(net, data.calibration))
    with np.load(tmp_path / 'testset.npz') as tests:
        codes = (tests['codes'].astype(int) - 128).astype(np.int8)
    np.testing.assert_array_equal(_run_litert(model, codes), emulate(q, data.images))
    assert (tmp_path / 'net.c').is_file() == ('c' in formats)
    text = (tmp_path / 'README.txt').read_text()
    assert 'net.tflite\n' in text and ('make firmware' in text) == ('c' in formats)
    # Another export takes the place of all of it.
    export_network(net, data, 'microbit', tmp_path)
    assert not (tmp_path / 'net.tflite').exists()


def test_what_is_refused(net, tmp_path):
    with pytest.raises(ExportError, match='formats: c,onnx is not allowed; allowed: c'):
        export_network(net, _data(net), 'microbit', tmp_path, formats=('c', 'onnx'))
    with pytest.raises(ExportError, match='2 names do not fit 3 classes'):
        export_network(net, _data(net, class_names=('a', 'b')), 'microbit', tmp_path)
    assert not list(tmp_path.iterdir())
