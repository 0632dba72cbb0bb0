"""What the search sees of a data set: a train and a validation part, never the test.

The test part is on purpose no field of `Dataset`. It is reached only through
`sparse_jax.data.load_test`, which is for the final report: a function that is handed a
`Dataset` cannot select on test images by accident, and a grep for `load_test` finds
every place that can.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.data.errors import DataError

_CHUNK = 4096
"""Images per step of the statistics; bounds the float64 copy that a step makes."""

_NAMED = 5
"""Classes that a line names."""


class Split(NamedTuple):
    """N labelled images; the arrays are read-only where they come from `load`."""

    images: np.ndarray
    """[N, H, W, C] raw pixel values: uint8, or float32 where they are no bytes."""
    labels: np.ndarray
    """[N] int32 in 0 .. num_classes - 1."""


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """The parts of a data set that a search may look at.

    There is no test part on purpose: who is handed a `Dataset` cannot select on test
    images. Pixels are raw; `train_data` normalises them. Equality and hash are by
    identity.

    Attributes:
      name: as in its `DataSpec`, for messages.
      train: images [N, H, W, C], uint8 or float32, and labels [N] int32.
      validation: the same, [V, H, W, C] and [V]; it decides everything in a search.
      num_classes: K; labels are 0 to K - 1.
      mean: over all pixels and channels of the train part, in raw pixel units. One
        scalar, so that normalising commutes with max-pooling (down-sampling may come
        before or after it) and is one exact affine map on the chip.
      std: the standard deviation, likewise.
      class_names: K names.
      notes: what reading the source ignored or mapped, one line each.
      resized_from: (H, W) of the source's images, of which these are means over areas;
        None where these are the source's.
      soft_labels: [N, K] float32, what a teacher says of the training images, which
        trainings then learn in place of their labels; None without one.
    """

    name: str
    train: Split = dataclasses.field(repr=False)
    validation: Split = dataclasses.field(repr=False)
    num_classes: int
    mean: float
    std: float
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    resized_from: tuple[int, int] | None = None
    soft_labels: np.ndarray | None = dataclasses.field(default=None, repr=False)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one image."""
        return tuple(self.train.images.shape[1:])


def largest_class(dataset: Dataset, *, balanced: bool = False) -> tuple[str, float]:
    """The class that is best named without looking, and the error of always naming it.

    Args:
      dataset: at its labels alone is looked.
      balanced: the error as 1 - the mean recall of the classes.

    Returns:
      Name of the largest class of the validation part, of equal ones of that with most
      training images; and the share of the validation part that is of another one: the
      error that any network has to beat.
    """
    training, counts = (np.bincount(split.labels, minlength=dataset.num_classes)
                        for split in (dataset.train, dataset.validation))
    largest, error = best_guess(training, counts, balanced=balanced)
    return dataset.class_names[largest], error


def best_guess(
    training: np.ndarray, validation: np.ndarray, *, balanced: bool = False,
) -> tuple[int, float]:
    """`largest_class` of the images of each class, [K] each; the index of the class."""
    largest = int(np.lexsort((-training, -validation))[0])
    share = (1.0 / np.count_nonzero(validation) if balanced
             else validation[largest] / validation.sum())
    return largest, float(1.0 - share)


def missing_text(part: str, labels: np.ndarray, class_names: Sequence[str]) -> str:
    """'no validation image of class cat': the classes without an image in a part; ''
    if all are there."""
    counts = np.bincount(labels, minlength=len(class_names))
    missing = [name for name, count in zip(class_names, counts) if not count]
    more = f' and {len(missing) - _NAMED} more' if len(missing) > _NAMED else ''
    plural = 'es' if len(missing) > 1 else ''
    return (f'no {part} image of class{plural} {", ".join(missing[:_NAMED])}{more}'
            if missing else '')


def digest(dataset: Dataset) -> str:
    """Changes with every pixel and label that a search may look at."""
    return split_digest(dataset.train, dataset.validation)


def split_digest(*splits: Split) -> str:
    """Changes with every pixel and label of some splits."""
    found = hashlib.sha256()
    for split in splits:
        for array in split:
            found.update(str((array.dtype.str, array.shape)).encode())
            found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def normalise(images: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Returns (images - mean) / std as float32, any shape; works on JAX arrays too."""
    return (images.astype(np.float32) - np.float32(mean)) / np.float32(std)


def pixel_statistics(images: np.ndarray) -> tuple[float, float]:
    """Returns (mean, std) over every value of `images` [N, ...], summed in float64."""
    chunks = [images[i:i + _CHUNK] for i in range(0, len(images), _CHUNK)]
    mean = sum(float(c.sum(dtype=np.float64)) for c in chunks) / images.size
    # A second pass, as the difference of the two raw moments cancels catastrophically
    # for float images far from zero.
    squares = sum(float(np.square(c.astype(np.float64) - mean).sum()) for c in chunks)
    return mean, (squares / images.size) ** 0.5


def assemble(
    name: str, train: Split, validation: Split, class_names: tuple[str, ...],
    notes: tuple[str, ...] = (), *, resized_from: tuple[int, int] | None = None,
) -> Dataset:
    """Returns the `Dataset` of two parts, with the statistics of the train part.

    Raises `DataError` where training makes no sense: one class, equal pixels, or images
    without room for a convolution.
    """
    height, width = train.images.shape[1:3]
    if min(height, width) < 2:
        raise DataError(f'{name!r}: images of {height}x{width} pixels; '
                        'accepted: 2x2 or more')
    present = np.unique(train.labels)
    if len(present) < 2:
        raise DataError(
            f'{name!r}: the train part has the single class {present.tolist()}; '
            'accepted: at least 2 classes')
    mean, std = pixel_statistics(train.images)
    if not std > 0:
        raise DataError(
            f'{name!r}: every pixel of the train part is {mean:g}; '
            'accepted: images that differ')
    return Dataset(
        name=name, train=train, validation=validation, num_classes=len(class_names),
        mean=mean, std=std, class_names=tuple(map(writable, class_names)), notes=notes,
        resized_from=resized_from)


def writable(name: str) -> str:
    """A name as files of UTF-8 can hold it: what is no text in the name of a folder is
    a question mark."""
    return name.encode(errors='replace').decode()
