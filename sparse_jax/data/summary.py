"""What a person wants to know of their images before a search: counts, not labels."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.data.dataset import Split, largest_class, missing_text
from sparse_jax.data.loading import load, load_test
from sparse_jax.data.spec import DataSpec

PARTS = ('train', 'validation', 'test')


class Repeated(NamedTuple):
    """Images that are in two parts, or twice in one, equal in every byte."""

    part: str
    other: str
    """The earlier part; the same for images that are twice in one."""
    images: int
    """Of `part`, that are also in `other`; in one part, all but the first of equals."""


class Summary(NamedTuple):
    """A data set in numbers; of its test part, images per class and repetition."""

    name: str
    shape: tuple[int, int, int]
    """(H, W, C) of an image."""
    dtype: str
    """uint8 or float32."""
    class_names: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    """{part: images of every class}."""
    mean: float
    """Of the pixels of the train part, in raw units, as all below."""
    std: float
    lowest: float
    highest: float
    guess: str
    """The largest class of the train part."""
    guess_error: float
    """Share of the validation images that are of another class."""
    repeated: tuple[Repeated, ...]
    """Those that there are."""
    contradictions: int
    """Images of train and validation that are there under two classes."""
    notes: tuple[str, ...]
    """What reading ignored or mapped."""


def summary(spec: DataSpec) -> Summary:
    """Describe a data set.

    Args:
      spec: which images, split how.

    Returns:
      Its numbers. The labels of the test part are counted, and nothing else.

    Raises:
      DataError: as `load`.
    """
    dataset, test = load(spec), load_test(spec)
    splits = dict(zip(PARTS, (dataset.train, dataset.validation, test)))
    count = lambda split: tuple(np.bincount(
        split.labels, minlength=dataset.num_classes).tolist())
    guess, guess_error = largest_class(dataset)
    hashes = {part: _hashes(split) for part, split in splits.items()}
    images = dataset.train.images
    return Summary(
        dataset.name, dataset.input_shape, str(images.dtype), dataset.class_names,
        {part: count(split) for part, split in splits.items()}, dataset.mean,
        dataset.std, float(images.min()), float(images.max()), guess, guess_error,
        tuple(_repeated(hashes)),
        _contradictions([(hashes[part], splits[part].labels) for part in PARTS[:2]]),
        (*dataset.notes, *filter(None, [
            missing_text('test', test.labels, dataset.class_names)])))


def _hashes(split: Split) -> list[bytes]:
    """One for each image; images of equal bytes have equal ones."""
    return [hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
            for image in split.images]


def _repeated(hashes: dict[str, list[bytes]]) -> list[Repeated]:
    found = []
    for i, part in enumerate(PARTS):
        for other in PARTS[:i]:
            known = set(hashes[other])
            found.append(Repeated(part, other, sum(h in known for h in hashes[part])))
        inside = len(hashes[part]) - len(set(hashes[part]))
        found.append(Repeated(part, part, inside))
    return [r for r in found if r.images]


def _contradictions(parts: Sequence[tuple[list[bytes], np.ndarray]]) -> int:
    classes: dict[bytes, set[int]] = {}
    for hashes, labels in parts:
        for image, label in zip(hashes, labels.tolist()):
            classes.setdefault(image, set()).add(label)
    return sum(len(found) > 1 for found in classes.values())
