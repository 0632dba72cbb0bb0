"""What is known of a data set without its images: names, counts, statistics."""

import json
import math
from typing import Any, NamedTuple

import numpy as np

from sparse_jax.data.dataset import Dataset, Split, best_guess, writable


class Description(NamedTuple):
    """A data set in a few numbers; a study keeps it, so that it can be read where its
    images are not."""

    name: str
    shape: tuple[int, int, int]
    """(H, W, C) of an image."""
    class_names: tuple[str, ...]
    """K names."""
    train: tuple[int, ...]
    """Training images of each class."""
    validation: tuple[int, ...]
    """Validation images of each class."""
    mean: float
    """Of the training pixels, as in `Dataset`."""
    std: float
    resized_from: tuple[int, int] | None

    def largest_class(self, *, balanced: bool = False) -> tuple[str, float]:
        """As `data.largest_class` of the images."""
        index, error = best_guess(
            np.array(self.train), np.array(self.validation), balanced=balanced)
        return self.class_names[index], error

    def without_images(self) -> Dataset:
        """A data set of this kind whose parts are empty."""
        part = Split(np.zeros((0, *self.shape), np.uint8), np.zeros(0, np.int32))
        return Dataset(
            name=self.name, train=part, validation=part, mean=self.mean, std=self.std,
            num_classes=len(self.class_names), class_names=self.class_names,
            resized_from=self.resized_from)


def describe(dataset: Dataset) -> Description:
    """Names, counts and statistics of a data set."""
    train, validation = (
        tuple(np.bincount(part.labels, minlength=dataset.num_classes).tolist())
        for part in (dataset.train, dataset.validation))
    return Description(
        dataset.name, dataset.input_shape, tuple(dataset.class_names), train,
        validation, float(dataset.mean), float(dataset.std), dataset.resized_from)


def as_text(description: Description) -> str:
    """JSON that `parse` reads."""
    return json.dumps(description._asdict())


def parse(text: str) -> Description | None:
    """What `as_text` wrote; None if the text is anything else."""
    try:
        found = json.loads(text)
        if set(found) != set(Description._fields):
            return None
        resized = found['resized_from']
        read = Description(
            writable(str(found['name'])), _numbers(found['shape'], 3),
            tuple(writable(str(name)) for name in found['class_names']),
            _numbers(found['train']), _numbers(found['validation']),
            float(found['mean']), float(found['std']),
            None if resized is None else _numbers(resized, 2))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    fine = (len(read.class_names) == len(read.train) == len(read.validation) > 1
            and min(read.shape) > 0 and sum(read.validation) > 0
            and math.isfinite(read.mean) and read.std > 0)
    return read if fine else None


def _numbers(values: Any, count: int = 0) -> Any:
    """A tuple of whole numbers, of `count` ones unless that is 0.

    Raises:
      ValueError: it is none.
    """
    numbers = tuple(values)
    if any(type(n) is not int or n < 0 for n in numbers) or (
            count and len(numbers) != count):
        raise ValueError(values)
    return numbers
