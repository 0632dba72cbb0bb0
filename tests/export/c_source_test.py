"""Generated C equals the integer emulator bit for bit, under the sanitizers."""

import concurrent.futures
import shutil
import subprocess

import numpy as np
import pytest

from sparse_jax.export.code.c_source import generate
from sparse_jax.export.code.formats import FORMATS
from sparse_jax.export.code.layer_kernels import KINDS
from sparse_jax.export.project.bundle import host_program
from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize import OPERATIONS, calibrate, emulate, quantize
from sparse_jax.quantize.random_nets import random_images, random_net

IMAGES = 6
FLAGS = ['-std=c99', '-pedantic', '-Wall', '-Wextra', '-Werror', '-O0',
         '-fsanitize=address,undefined', '-fno-sanitize-recover=all']

pytestmark = pytest.mark.skipif(not shutil.which('gcc'), reason='no host gcc')


def _quantized(seed, **drawn):
    net = random_net(seed, **drawn)
    images = random_images(net, IMAGES, seed)
    return quantize(net, calibrate(net, images)), images


def _run(folder, cases, *flags):
    """Compiles [(Generated, images)] together; returns their logits."""
    source, program = folder / 'bundle.c', folder / 'bundle'
    source.write_text(host_program([g for g, _ in cases], IMAGES))
    subprocess.run(['gcc', *FLAGS, *flags, source, '-o', program], check=True)
    pixels = b''.join(images.tobytes() for _, images in cases)
    done = subprocess.run([program], input=pixels, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[:2000]
    logits, start = [], 0
    for g, _ in cases:
        shape = IMAGES, int(np.prod(g.net.shapes[g.net.output]))
        logits.append(np.frombuffer(done.stdout, np.int8, np.prod(shape), start)
                      .reshape(shape))
        start += int(np.prod(shape))
    assert start == len(done.stdout)
    return logits


def _check(folder, seeds, flags, weight_format='auto', **drawn):
    folder.mkdir()
    cases = []
    for seed in seeds:
        q, images = _quantized(seed, **drawn)
        cases.append((generate(q, name=f'n{seed}', weight_format=weight_format,
                               guard=False), images))
    for (g, images), logits in zip(cases, _run(folder, cases, *flags)):
        np.testing.assert_array_equal(logits, emulate(g.net, images),
                                      err_msg=f'{g.name} {weight_format}')
    return cases


def test_random_networks(tmp_path):
    """125 networks, the cheapest format per layer and each format forced."""
    jobs = [(range(0, 25), ()), (range(25, 50), ('-DNN_NO_LONG_MULTIPLY',)),
            (range(50, 65), (), 'dense'), (range(65, 80), (), 'bitmap'),
            (range(80, 95), ('-DNN_NO_LONG_MULTIPLY',), 'gap'),
            (range(95, 125), ())]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(_check, tmp_path / str(i), *job)
                   for i, job in enumerate(jobs)]
        cases = [case for future in futures for case in future.result()]
    used = {e.format for g, _ in cases for e in g.encoded.values()}
    assert used == set(FORMATS)
    kinds = {k.kind for g, _ in cases for k in g.kernels.values()}
    assert kinds == set(KINDS)
    assert {node.op for g, _ in cases for node in g.net.nodes} == set(OPERATIONS)
    assert any(node.gather is not None for g, _ in cases for node in g.net.nodes)


def test_averaged_inputs(tmp_path):
    """Odd sizes, one and three channels, squeezed or not; and the longest sums."""
    cases = []
    for seed in (s for s in range(60) if random_net(s).downsample > 1):
        net = random_net(seed, averaged=True)
        images = random_images(net, IMAGES, seed)
        cases.append((generate(quantize(net, calibrate(net, images)), name=f'n{seed}',
                               guard=False), images))
    kinds = {(g.net.downsample, g.net.squeeze_depth, g.net.input_shape[2])
             for g, _ in cases}
    assert len(kinds) == 8
    node = CompactNode('fc', 'dense', ('input',), np.eye(2, dtype='f4'))
    net = CompactNet((16, 33, 1), 16, False, 100.0, 50.0, (node,), 'average')
    images = random_images(net, IMAGES)
    cases.append((generate(quantize(net, calibrate(net, images)), name='long',
                           guard=False), images))
    for (g, images), logits in zip(cases, _run(tmp_path, cases)):
        np.testing.assert_array_equal(logits, emulate(g.net, images), err_msg=g.name)


def test_windows_with_strides(tmp_path):
    """Every way to read weights, pooled and not, of layers with and without."""
    jobs = [(range(0, 20), ()), (range(20, 28), (), 'dense'),
            (range(28, 36), (), 'bitmap'), (range(36, 44), (), 'gap')]
    cases = [case for i, job in enumerate(jobs)
             for case in _check(tmp_path / str(i), *job, largest=20, strides=True)]
    used = {(g.kernels[node.name].kind, node.pool > 1) for g, _ in cases
            for node in g.net.nodes if node.stride > 1}
    assert used >= {('dense', False), ('dense', True), ('bitmap', False),
                    ('unpacked', False), ('unpacked', True)}
    assert any('l->stride' not in g.source for g, _ in cases)


def test_two_classes_in_one_logit(tmp_path):
    cases = _check(tmp_path / 'two', range(300, 312), (), largest=8, classes=2)
    assert all(g.net.units == 1 and g.net.classes == 2 for g, _ in cases)


def _wide_net():
    """Channels 800 bytes apart, a gather that skips 1000 inputs, more than 255 weights
    per unit, and the image in a concatenation with a scale that is not its own."""
    rng = np.random.default_rng(0)
    conv = rng.normal(size=(2, 3, 3, 3)) * (rng.random((2, 3, 3, 3)) < 0.3)
    gather = np.array([0, 255, 510, 1275])
    nodes = (CompactNode('first conv/1', 'conv', ('input',), conv, relu=True),
             CompactNode('fc', 'dense', ('first conv/1',), rng.normal(size=(3, 4)),
                         gather=gather),
             CompactNode('long', 'dense', ('first conv/1',),
                         rng.normal(size=(2, 1368)), relu=True),
             CompactNode('all', 'concatenate', ('input', 'long', 'fc'), relu=True),
             CompactNode('out', 'dense', ('all',), rng.normal(size=(4, 2405))))
    return CompactNet((20, 40, 3), 1, False, 127.5, 60.0, nodes)


@pytest.mark.parametrize('weight_format', FORMATS)
def test_distances_above_one_byte(tmp_path, weight_format):
    net = _wide_net()
    images = random_images(net, IMAGES)
    q = quantize(net, calibrate(net, images))
    g = generate(q, name='wide', weight_format=weight_format, guard=False)
    logits, = _run(tmp_path, [(g, images)])
    np.testing.assert_array_equal(logits, emulate(q, images))
    if weight_format == 'gap':
        pairs = g.encoded['first conv/1'].weights.reshape(-1, 2)
        assert np.any((pairs[:, 0] == 255) & (pairs[:, 1] == 0))
        assert g.encoded['long'].count_bytes == 2
    assert 'wide_copy_rescaled(' in g.source


def test_source_is_selfcontained_and_small(tmp_path):
    """Only <stdint.h>, only the kernels in use, readable names."""
    q, _ = _quantized(5)
    g = generate(q, name='net')
    includes = [line for line in (g.source + g.header).splitlines()
                if line.startswith('#include')]
    assert includes == ['#include "net.h"', '#include <stdint.h>']
    used = {kernel.kind for kernel in g.kernels.values()}
    for kind in KINDS:
        assert (f'void net_layer_{kind}(' in g.source) == (kind in used)
    assert all(f'/* {name}: ' in g.source for name in g.symbols)
    for word in ('malloc', 'float', 'double', 'memcpy'):
        assert word not in g.source


def test_a_layer_never_grows_by_going_sparse():
    for seed in range(60):
        g = generate(_quantized(seed)[0])
        for layer, chosen in g.encoded.items():
            sizes = g.candidates[layer]
            assert set(sizes) == set(FORMATS)
            assert chosen.bytes == min(sizes.values())


def test_names_must_be_identifiers():
    with pytest.raises(ValueError, match='identifier'):
        generate(_quantized(1)[0], name='two words')


def test_names_of_nodes_cannot_break_the_source(tmp_path):
    names = ('dot', 'layer', 'a*/ b', 'infer', 'a___b', 'infer_shift', 'x@y')
    nodes, last = [], 'input'
    for name in names:
        nodes.append(CompactNode(name, 'dense', (last,), np.eye(4)))
        last = name
    net = CompactNet((2, 2, 1), 1, False, 100.0, 50.0, tuple(nodes))
    images = random_images(net, IMAGES)
    q = quantize(net, calibrate(net, images))
    logits, = _run(tmp_path, [(generate(q, name='odd', guard=False), images)])
    np.testing.assert_array_equal(logits, emulate(q, images))
