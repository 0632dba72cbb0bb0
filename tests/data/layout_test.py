"""Which axis holds the channels: by the sizes alone, or as the file says."""

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec, load, load_test
from sparse_jax.data.layout import find, to_last

LABELS = np.arange(60) % 3


@pytest.mark.parametrize('sizes, expected', [
    ((28, 28, 1), 'NHWC'), ((8, 8, 3), 'NHWC'), ((6, 5, 3), 'NHWC'),
    ((2, 2, 1), 'NHWC'), ((64, 64, 13), 'NHWC'), ((49, 10, 1), 'NHWC'),
    ((2, 64, 1), 'NHWC'), ((4, 4, 3), 'NHWC'),
    ((3, 28, 28), 'NCHW'), ((3, 28, 20), 'NCHW'), ((1, 28, 20), 'NCHW'),
    ((4, 16, 16), 'NCHW'), ((2, 16, 16), 'NCHW'), ((3, 8, 8), 'NCHW'),
    ((3, 4, 4), 'NCHW'), ((13, 64, 64), 'NCHW'), ((1, 49, 10), 'NCHW'),
])
def test_sizes_that_have_one_reading(sizes, expected):
    assert find((60, *sizes), 'x') == expected


@pytest.mark.parametrize('sizes', [
    (4, 5, 2), (3, 3, 3), (4, 28, 3), (16, 16, 16), (8, 32, 16), (1, 1, 1)])
def test_sizes_that_have_two_readings_or_none_are_refused(sizes):
    with pytest.raises(DataError, match='accepted: an array layout') as caught:
        find((60, *sizes), 'x')
    assert str(caught.value).startswith('x: ') and '\n' not in str(caught.value)


def test_channels_first_pixels_are_moved_in_every_part(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 3, 28, 20), dtype=np.uint8)
    path = str(tmp_path / 'file.npz')
    np.savez(path, x_train=images, y_train=LABELS, x_test=images[:7], y_test=LABELS[:7],
             x_val=images[7:9], y_val=LABELS[7:9])
    spec = DataSpec(name='mine', path=path)
    dataset = load(spec)
    assert dataset.input_shape == (28, 20, 3)
    assert load_test(spec).images[2, 4, 5, 1] == images[2, 1, 4, 5]
    assert dataset.validation.images[1, 4, 5, 1] == images[8, 1, 4, 5]
    assert dataset.notes[:1] == (
        f'{path}: images of shape (60, 3, 28, 20) are read as [N, C, H, W]',)


@pytest.mark.parametrize('text, shape', [('NHWC', (4, 5, 2)), ('NCHW', (5, 2, 4))])
def test_the_file_may_say_its_layout(tmp_path, text, shape):
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 5, 2), dtype=np.uint8)
    np.savez(tmp_path / 'file.npz', X=images, y=LABELS, layout=text)
    assert load(DataSpec(name='mine', path=str(tmp_path / 'file.npz'))
                ).input_shape == shape
    np.savez(tmp_path / 'bad.npz', X=images, y=LABELS, layout='CHWN')
    with pytest.raises(DataError, match="layout 'CHWN'; accepted: NHWC, NCHW"):
        load(DataSpec(name='mine', path=str(tmp_path / 'bad.npz')))


def test_grey_images_are_left_alone():
    images = np.zeros((3, 5, 7), np.uint8)
    assert to_last(images, 'NCHW') is images
