"""The description of a data set: hashable, so that loading can be cached on it."""

import dataclasses
from typing import Any

from sparse_jax.data.channels import CHANNELS
from sparse_jax.data.errors import DataError

_BINARY = '_binary'
SPLITS = ('auto', 'stratified', 'random')
"""How parts may be drawn."""
IMAGE_SIZES = ('() or 0 (as they are), the side of a square, or (height, width), of '
               'at least 2 pixels')


def is_image_size(size: Any) -> bool:
    """Whether a value says to which size images are resized, or not to resize them."""
    whole = isinstance(size, tuple | list) and all(
        isinstance(n, int) and not isinstance(n, bool) for n in size)
    return whole and (tuple(size) in ((), (0,))
                      or len(size) <= 2 and all(n >= 2 for n in size))


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """Which images, split how. `None` sizes mean the defaults of `splits.sizes`.

    Equal specs give equal parts, on every machine: rows are drawn by one permutation of
    `seed`, or are the official parts where a set has some. Where a set of the SpArSe
    paper has its published size, the default sizes are the paper's (MNIST
    55000/5000/10000, CIFAR-10 45000/5000/10000, Chars4K 3897/500/1886); otherwise a
    tenth is validation and a fifth is test. The spec names the test part too, but only
    `data.load_test` reads it.

    Raises:
      DataError: on construction, for a value that no data set could satisfy.

    Example:
      >>> spec = DataSpec('digits', classes='0-4/5-9', seed=1)
      >>> digits = load_data(spec)
      >>> digits.num_classes, len(digits.train.labels)
      (2, 1197)
    """

    name: str = 'digits'
    """`digits`, `synthetic`, `mnist`, `fashion_mnist`, `cifar10`, any prepared TFDS
    set, or a label of choice for the files in `path`; a suffix `_binary` groups."""
    path: str = ''
    """An .npz or .csv file; a folder of idx, .npy or .csv files; a folder with a folder
    of pictures for each class, or with such folders in train/, test/ and validation/;
    or a TFDS data_dir ('' = TFDS's own)."""
    classes: str = ''
    """'' = as they are, 'binary' = first half against second half, or '0-4/5,7-9/6'."""
    validation_size: int | None = None
    test_size: int | None = None
    """Each only for sets that have no such part of their own."""
    seed: int = 0
    """Draws the split (and the images of `synthetic`)."""
    split: str = 'auto'
    """How parts are drawn: `stratified`, every class by its share; `random`; `auto` is
    stratified for folders of pictures, CSV and .npy files, and wherever a random draw
    would leave a class out of a part."""
    max_train: int = 0
    """Keep only this many train images, 0 = all; validation and test stay as they are.
    """
    channels: int = 0
    """1 makes all images grey, 3 gives all three channels, 0 = as they are."""
    image_size: tuple[int, ...] = ()
    """(height, width) that all images are resized to, by means over areas; one number
    for squares; () or 0 = as they are. Never larger than the source's."""
    class_names: tuple[str, ...] = ()
    """Of the classes as a search sees them, after any grouping; () = as the source
    names them."""

    def __post_init__(self) -> None:
        """Checks the fields that can be checked without the data."""
        for field in ('validation_size', 'test_size'):
            value = getattr(self, field)
            if value is not None and value < 1:
                raise DataError(f'{field}={value}: accepted: None or a positive number')
        for field in ('seed', 'max_train'):
            value = getattr(self, field)
            if value < 0:
                raise DataError(f'{field}={value}: accepted: 0 or a positive number')
        if self.split not in SPLITS:
            raise DataError(f'split={self.split!r}: accepted: {", ".join(SPLITS)}')
        if self.channels not in CHANNELS:
            raise DataError(f'channels={self.channels}: accepted: 0 (as they are), 1 '
                            '(grey) or 3 (colour)')
        if not is_image_size(self.image_size):
            raise DataError(f'image_size={self.image_size}: accepted: {IMAGE_SIZES}')
        if self.name.endswith(_BINARY) and self.classes not in ('', 'binary'):
            raise DataError(
                f'classes={self.classes!r}: accepted for name={self.name!r}: nothing, '
                'as its suffix already groups; or drop the suffix')

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) that images are resized to; None for as they are."""
        if not any(self.image_size):
            return None
        return self.image_size[0], self.image_size[-1]

    @property
    def base_name(self) -> str:
        """The name of the ungrouped set."""
        return self.name.removesuffix(_BINARY)

    @property
    def grouping(self) -> str:
        """The grouping that the name and `classes` ask for together."""
        return 'binary' if self.name.endswith(_BINARY) else self.classes
