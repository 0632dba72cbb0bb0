"""Small learnable images made from a seed, for tests and benchmarks."""

import numpy as np

from sparse_jax.data.dataset import Dataset, Split, assemble
from sparse_jax.data.errors import DataError

POOL_SIZE = 1000
"""Images behind `DataSpec(name='synthetic')`."""
POOL_SHAPE = (8, 8, 1)
POOL_CLASSES = 4


def synthetic(
    seed: int,
    *,
    shape: tuple[int, int, int] = POOL_SHAPE,
    num_classes: int = POOL_CLASSES,
    num_train: int = 256,
    num_validation: int = 64,
    noise: float = 40.0,
) -> Dataset:
    """Returns a data set of uint8 images; equal arguments give equal images.

    Args:
      seed: of numpy's Generator; the prototypes of the classes and their images.
      shape: (H, W, C) of an image.
      num_classes: K >= 2; labels are balanced up to one image.
      num_train: images of the train part.
      num_validation: images of the validation part.
      noise: standard deviation of the pixel noise, in pixel values of 0..255.

    Raises `DataError` for sizes that leave a class or a part empty.
    """
    if num_train < num_classes or num_validation < 1:
        raise DataError(f'{num_train}/{num_validation} synthetic images of '
                        f'{num_classes} classes; accepted: at least one train image '
                        'of each class and one validation image')
    images, labels = draw(
        seed, num_train + num_validation, shape=shape, num_classes=num_classes,
        noise=noise)
    return assemble(
        'synthetic', Split(images[:num_train], labels[:num_train]),
        Split(images[num_train:], labels[num_train:]),
        tuple(str(i) for i in range(num_classes)))


def draw(
    seed: int, count: int, *, shape: tuple[int, int, int], num_classes: int,
    noise: float = 40.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns uint8 images [count, H, W, C] and int32 labels [count], in random order.

    An image is its class's prototype (uniform noise on a coarse grid, enlarged), moved
    by up to one pixel in each direction, plus Gaussian pixel noise: a linear model
    does well, a convolution better, and neither is perfect.
    """
    if num_classes < 2 or len(shape) != 3 or min(shape) < 1:
        raise DataError(f'synthetic images of shape {shape} in {num_classes} classes; '
                        'accepted: (H, W, C), at least 2 classes')
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    coarse = rng.uniform(
        30, 225, (num_classes, -(-height // 2), -(-width // 2), channels))
    prototypes = coarse.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]
    # Balanced within the first num_classes * n rows too, whatever the split point.
    labels = np.concatenate([
        rng.permutation(num_classes) for _ in range(-(-count // num_classes))])[:count]
    shifts = rng.integers(-1, 2, (count, 2))
    moved = np.stack([
        np.roll(prototypes[label], tuple(shift), axis=(0, 1))
        for label, shift in zip(labels, shifts)])
    images = moved + rng.normal(0, noise, moved.shape)
    return images.round().clip(0, 255).astype(np.uint8), labels.astype(np.int32)
