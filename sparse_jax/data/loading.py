"""From a spec to fixed parts; the one place that sees train and test together."""

import functools
from typing import NamedTuple

import numpy as np

from sparse_jax.data import grouping, resizing, sources, splits
from sparse_jax.data.dataset import Dataset, Split, assemble, missing_text
from sparse_jax.data.errors import DataError
from sparse_jax.data.spec import DataSpec

_NAMED = 5
"""Classes that a line names."""


class _Parts(NamedTuple):
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    resized_from: tuple[int, int] | None


def load(spec: DataSpec) -> Dataset:
    """Load the train and validation parts of a data set, never the test part.

    `sparse_jax.load_data` is this function.

    Args:
      spec: which images, split how. `digits` and `synthetic` need neither files nor a
        network; other sets are downloaded through TensorFlow Datasets where they are
        not prepared yet, or come from the file or the folder at `spec.path`.

    Returns:
      The two parts, with the mean and the standard deviation of the train part. Sizes,
      order and pixels are a function of the spec (and the files that it names) alone.
      Arrays are read-only; files are read once per process and spec.

    Raises:
      DataError: anything wrong with the spec or the files, in one line.

    Example:
      >>> digits = load_data(DataSpec('digits'))
      >>> digits.input_shape, digits.num_classes, len(digits.validation.labels)
      ((8, 8, 1), 10, 300)
    """
    parts = _parts(spec)
    return assemble(spec.name, parts.train, parts.validation, parts.class_names,
                    parts.notes, resized_from=parts.resized_from)


def load_test(spec: DataSpec) -> Split:
    """Returns the test part: for the final report of chosen networks, nothing else.

    It is the official test set where there is one, otherwise the rows that the same
    spec withholds from `load`. A search, a callback or an objective must not call it.
    """
    return _parts(spec).test


# Two entries: a report that asks for `load` and `load_test` parses the files once.
@functools.lru_cache(maxsize=2)
def _parts(spec: DataSpec) -> _Parts:
    raw = sources.read(spec)
    pool = resizing.resized(raw, spec.size, repr(spec.name))
    table, names = grouping.parse(spec.grouping, pool.class_names or ())
    names = _named(spec, names)
    official = [0 if images is None else len(images)
                for images in (pool.test_images, pool.val_images)]
    validation, test = splits.sizes(spec, len(pool.images), *official)
    rows = splits.draw(pool.labels, validation, test, spec.seed, spec.split,
                       by_class=pool.by_class)
    train_rows, validation_rows, test_rows = rows
    if spec.max_train:
        train_rows = train_rows[:spec.max_train]

    def take(some: np.ndarray) -> Split:
        return _frozen(pool.images[some], table[pool.labels[some]])

    def held(
        images: np.ndarray | None, labels: np.ndarray | None, rows: np.ndarray,
    ) -> Split:
        """A part that the source keeps apart, else the rows."""
        return take(rows) if images is None else _frozen(images.copy(), table[labels])

    train = take(train_rows)
    drawn = held(pool.val_images, pool.val_labels, validation_rows)
    missing = [text for part, split in (('training', train), ('validation', drawn))
               if (text := missing_text(part, split.labels, names))]
    return _Parts(
        train, drawn, held(pool.test_images, pool.test_labels, test_rows), names,
        (*pool.notes, *missing),
        raw.resized_from if pool is raw else raw.images.shape[1:3])


def _named(spec: DataSpec, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that a person gave the classes, else their own.

    Raises:
      DataError: they are not one for each class.
    """
    given = spec.class_names
    if given and len(given) != len(names):
        shown = ', '.join(f'{name:.40}' for name in names[:_NAMED])
        more = ', ...' if len(names) > _NAMED else ''
        raise DataError(
            f'class_names={given!r:.100}: {len(given)} names; accepted: one for each '
            f'of the {len(names)} classes, in the order {shown}{more}')
    return given or names


def _frozen(images: np.ndarray, labels: np.ndarray) -> Split:
    # Copies, so that no part is a view into another; read-only, as they are cached.
    images.setflags(write=False)
    labels.setflags(write=False)
    return Split(images, labels)
