"""The description of a data set: hashable, so that loading can be cached on it."""

import dataclasses

from sparse_jax.data.errors import DataError

_BINARY = '_binary'


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """Which images, split how. `None` sizes mean the defaults of `splits.sizes`.

    Equal specs give equal parts, on every machine. Raises `DataError` on construction
    for a value that no data set could satisfy.
    """

    name: str = 'digits'
    """`digits`, `synthetic`, `mnist`, `fashion_mnist`, `cifar10`, any prepared TFDS
    set, or a label of choice for the files in `path`; a suffix `_binary` groups."""
    path: str = ''
    """An .npz file, a folder of idx files, or a TFDS data_dir ('' = TFDS's own)."""
    classes: str = ''
    """'' = as they are, 'binary' = first half against second half, or '0-4/5,7-9/6'."""
    validation_size: int | None = None
    test_size: int | None = None
    """Each only for sets that have no such part of their own."""
    seed: int = 0
    """Draws the split (and the images of `synthetic`)."""
    max_train: int = 0
    """Keep only this many train images, 0 = all; validation and test stay as they are.
    """

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
        if self.name.endswith(_BINARY) and self.classes not in ('', 'binary'):
            raise DataError(
                f'classes={self.classes!r}: accepted for name={self.name!r}: nothing, '
                'as its suffix already groups; or drop the suffix')

    @property
    def base_name(self) -> str:
        """The name of the ungrouped set."""
        return self.name.removesuffix(_BINARY)

    @property
    def grouping(self) -> str:
        """The grouping that the name and `classes` ask for together."""
        return 'binary' if self.name.endswith(_BINARY) else self.classes
