"""The generated header: exact pixel codes on the device, C++ callers."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from sparse_jax.export import generate
from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize import calibrate, classes_of, emulate, pixel_codes, quantize

OFFSETS = ((0, 1), (-3, 0.01), (29815, 1200), (300000, 200), (1013250, 300),
           (12345678, 50), (1e-7, 1e-9))

C, CXX = shutil.which('cc'), shutil.which('c++')
ZIG = [sys.executable, '-m', 'ziglang'] if find_spec('ziglang') else None


def _offset_net(base, spread, units=2):
    """A network of float pixels far from 0, and its images."""
    rng = np.random.default_rng(0)
    images = (base + spread * rng.random((64, 8, 8, 1))).astype('f4')
    weight = rng.normal(size=(units, 64)).astype('f4')
    node = CompactNode('d', 'dense', ('input',), weight, np.zeros(units, 'f4'))
    net = CompactNet((8, 8, 1), 1, False, float(images.mean()), float(images.std()),
                     (node,))
    return quantize(net, calibrate(net, images)), images


@pytest.mark.parametrize('base, spread', OFFSETS)
def test_header_gives_the_mapping_with_all_digits(base, spread):
    q, images = _offset_net(base, spread)
    header = generate(q).header
    low, step = map(float, re.search(r'low (\S+), step (\S+)\.', header).groups())
    assert (low, step) == (q.pixel_low, q.pixel_step)
    device = np.clip(np.rint((images.astype(float) - low) / step), 0, 255)
    np.testing.assert_array_equal(device, pixel_codes(q, images))


@pytest.mark.skipif(not C, reason='no host C compiler')
@pytest.mark.parametrize('base, spread', OFFSETS)
def test_device_computes_our_codes(tmp_path, base, spread):
    """Pixels of the data, halves between two codes, and far outside of the grid."""
    q, images = _offset_net(base, spread)
    low, step = q.pixel_low, q.pixel_step
    halves = low + step * (np.arange(-3, 260) + 0.5)
    pixels = np.r_[images.ravel().astype('f8'), halves, low - 1e9 * step,
                   low + 1e9 * step, low, low + 255 * step]
    (tmp_path / 'net.h').write_text(generate(q).header)
    (tmp_path / 'codes.c').write_text('''
#include <stdio.h>
#include "net.h"
int main(void)
{
    double pixel;
    while (fread(&pixel, sizeof pixel, 1, stdin) == 1)
        putchar(net_pixel_code(pixel));
    return 0;
}
''')
    subprocess.run([C, '-std=c99', '-pedantic', '-Wall', '-Wextra', '-Werror',
                    'codes.c', '-o', 'codes'], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / 'codes'], input=pixels.tobytes(),
                          capture_output=True, check=True)
    np.testing.assert_array_equal(np.frombuffer(done.stdout, np.uint8),
                                  pixel_codes(q, pixels))


@pytest.mark.skipif(not C, reason='no host C compiler')
@pytest.mark.parametrize('units', (1, 2, 3))
def test_device_chooses_our_class(tmp_path, units):
    """All values of one logit; many of several, equal ones among them."""
    q, _ = _offset_net(0, 1, units)
    header = generate(q).header
    assert f'#define NET_CLASSES {max(units, 2)}\n' in header
    assert f'#define NET_LOGITS {units}\n' in header
    codes = np.arange(-128, 128)[:, None] if units == 1 else np.random.default_rng(
        0).integers(-3, 3, (256, units))
    codes = codes.astype(np.int8)
    (tmp_path / 'net.h').write_text(header)
    (tmp_path / 'choose.c').write_text('''
#include <stdio.h>
#include "net.h"
int main(void)
{
    int8_t logits[NET_LOGITS];
    while (fread(logits, 1, NET_LOGITS, stdin) == NET_LOGITS)
        putchar(net_class(logits));
    return 0;
}
''')
    subprocess.run([C, '-std=c99', '-pedantic', '-Wall', '-Wextra', '-Werror',
                    'choose.c', '-o', 'choose'], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / 'choose'], input=codes.tobytes(),
                          capture_output=True, check=True)
    chosen = np.frombuffer(done.stdout, np.uint8)
    np.testing.assert_array_equal(chosen, classes_of(q, codes))
    assert set(chosen) == set(range(max(units, 2)))


@pytest.mark.skipif(not (C and CXX) and not ZIG, reason='no C++ compiler')
def test_cpp_compiles_links_and_runs(tmp_path):
    """A sketch (Arduino, Mbed) in C++ with the network in C; both speak of warnings."""
    q, images = _offset_net(0, 1)
    g = generate(q)
    (tmp_path / 'net.h').write_text(g.header)
    (tmp_path / 'net.c').write_text(g.source)
    (tmp_path / 'sketch.cpp').write_text('''
#include <stdio.h>
#include "net.h"
int main(void)
{
    static uint8_t row[NET_WIDTH * NET_CHANNELS];
    for (int r = 0; r < NET_HEIGHT; ++r) {
        for (int i = 0; i < NET_WIDTH * NET_CHANNELS; ++i) {
            double pixel;
            if (fread(&pixel, sizeof pixel, 1, stdin) != 1)
                return 1;
            row[i] = net_pixel_code(pixel);
        }
        net_push_row(r, row);
    }
    fwrite(net_infer(), 1, NET_LOGITS, stdout);
    return 0;
}
''')
    cc, cxx = ([C], [CXX]) if C and CXX else ([*ZIG, 'cc'], [*ZIG, 'c++'])
    flags = ['-Wall', '-Wextra', '-Werror']
    for command in ([*cc, '-std=c99', *flags, '-c', 'net.c', '-o', 'net.o'],
                    [*cxx, '-std=c++11', *flags, 'sketch.cpp', 'net.o', '-o', 'run']):
        subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / 'run'], input=images[0].astype('f8').tobytes(),
                          capture_output=True, check=True)
    np.testing.assert_array_equal(np.frombuffer(done.stdout, np.int8),
                                  emulate(q, images[:1])[0])


def test_the_header_says_of_which_images_its_own_were_made():
    q, _ = _offset_net(0, 1)
    resized = generate(q, resized_from=(200, 150)).header
    assert 'of 200 rows and 150 columns' in resized
    start = generate(q).header
    assert '%' not in start + resized and 'larger' not in start
