"""The grid of the pixel codes: exact for integers, blind to outliers."""

import numpy as np
import pytest

from sparse_jax import data
from sparse_jax.model.compact import CompactNet, CompactNode, logits
from sparse_jax.quantize import calibrate, int8_accuracy, pixel_codes, quantize
from sparse_jax.quantize.pixels import METHODS, codes_of, pixel_grid, seen_by


@pytest.mark.parametrize('method', METHODS)
def test_integer_pixels_are_their_own_codes(method):
    images = np.array([0, 16.0, 16.0, 255.0])
    assert pixel_grid(images, method) == (0.0, 1.0)
    assert seen_by(images, (0.0, 1.0)) is images
    np.testing.assert_array_equal(codes_of(images, (0.0, 1.0)), [0, 16, 16, 255])


@pytest.mark.parametrize('method', METHODS)
def test_without_outliers_the_grid_ends_near_the_extremes(method):
    low, step = pixel_grid(np.linspace(0, 1, 256), method)
    assert low == pytest.approx(0.0, abs=0.01)
    assert low + 255 * step == pytest.approx(1.0, abs=0.01)
    if method in ('robust', 'minmax', 'fixed'):
        assert (low, step) == (0.0, 1 / 255)


@pytest.mark.parametrize('scale', (1.0, 1e-9, 1e9))
@pytest.mark.parametrize('method', ('robust', 'percentile', 'mse', 'fixed'))
def test_one_pixel_does_not_move_the_grid(method, scale):
    """Of 5,000 pixels in 0..1, one is a marker of missing data, one is hot."""
    pixels = np.random.default_rng(0).random(5000) * scale
    clean = pixel_grid(pixels, method)
    pixels[17], pixels[4000] = -9999 * scale, 1e6 * scale
    low, step = pixel_grid(pixels, method)
    assert low == pytest.approx(clean[0], abs=0.02 * scale)
    assert step == pytest.approx(clean[1], rel=0.02)
    np.testing.assert_array_equal(codes_of(pixels, (low, step))[[17, 4000]], [0, 255])
    assert pixel_grid(pixels, 'minmax')[0] == -9999 * scale


def test_constant_and_rare_pixels_have_a_grid():
    assert pixel_grid(np.full(9, 0.5)) == (0.5, 1 / 255)
    mostly_zero = np.zeros(5000)
    mostly_zero[0] = 0.5
    assert pixel_grid(mostly_zero) == (0.0, 0.5 / 255)
    assert pixel_grid(np.array([0.25, 0.75])) == (0.25, 0.5 / 255)


def test_only_what_has_no_code_is_clipped():
    grid = -1.0, 2 / 255
    images = np.array([-1.003, -1.0, 0.1, 1.003, 1.1, -7.0])
    np.testing.assert_array_equal(seen_by(images, grid),
                                  [-1.003, -1.0, 0.1, 1.003, 1.0, -1.0])


def _linear_digits():
    """Digits as floats in 0..1, and the least-squares classifier of them."""
    d = data.load(data.DataSpec('digits'))
    x, y = d.train.images / np.float32(16), d.train.labels
    mean, std = float(x.mean()), float(x.std())
    flat = ((x.astype(float) - mean) / std).reshape(len(x), -1)
    w = np.linalg.solve(flat.T @ flat + np.eye(64), flat.T @ (np.eye(10)[y] * 2 - 1)).T
    net = CompactNet((8, 8, 1), 1, False, mean, std, (
        CompactNode('d', 'dense', ('input',), w.astype('f4'), np.zeros(10, 'f4')),))
    return net, x, d.validation.images / np.float32(16), d.validation.labels


def test_a_hot_pixel_in_one_calibration_image_costs_nothing():
    net, x, images, labels = _linear_digits()
    real = np.mean(logits(net, images).argmax(1) == labels)
    for hot in (5, 100, 1000, -9999):
        calibration = x[:256].copy()
        calibration[7, 3, 3] = hot
        for method in ('robust', 'percentile', 'mse'):
            accuracy = int8_accuracy(net, calibration, images, labels, method=method)
            assert accuracy > real - 0.02, (hot, method)
    assert int8_accuracy(net, calibration, images, labels, method='minmax') < 0.5


def test_ranges_know_their_grid():
    net, x, images, _ = _linear_digits()
    ranges = calibrate(net, x[:100])
    q = quantize(net, ranges)
    assert (q.pixel_low, q.pixel_step) == ranges.pixels == pixel_grid(x[:100])
    np.testing.assert_array_equal(pixel_codes(q, images), codes_of(images,
                                                                   ranges.pixels))
