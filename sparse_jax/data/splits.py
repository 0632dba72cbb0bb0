"""Fixed splits: which rows of a pool are train, validation and test.

Rows are drawn by one permutation from `numpy.random.default_rng(seed)`: its first rows
are the test part (where there is no official one), the next the validation part, the
rest the train part. So the test part does not depend on the size of the validation
part, and the order of the train part is random already: its first rows are a random
subset. A stratified draw takes the first rows of every class of the same permutation,
as many as its share of all.
"""

import numpy as np

from sparse_jax.data.errors import DataError
from sparse_jax.data.known import PUBLISHED
from sparse_jax.data.spec import DataSpec


def sizes(
    spec: DataSpec, count: int, official_test: int, official_validation: int = 0
) -> tuple[int, int]:
    """Returns the number of (validation, test) rows to draw from `count` pool rows.

    Defaults are the paper's where the pool has exactly the published size, otherwise
    10 % validation and, without an official test set, 20 % test.

    Args:
      spec: may ask for other sizes.
      count: rows of the pool.
      official_test: rows of the official test set, 0 = none; then no row is drawn.
      official_validation: the same of a validation set of the source's own.

    Raises `DataError` where a part would be empty, or an official set is resized.
    """
    for name, asked, official in (
            ('test', spec.test_size, official_test),
            ('validation', spec.validation_size, official_validation)):
        if official and asked not in (None, official):
            raise DataError(
                f'{name}_size={asked}: {spec.name!r} has an official {name} set '
                f'of {official} images; accepted: None')
    published = PUBLISHED.get(spec.base_name)
    if published is None or published.images != count:
        validation, test = count // 10, count // 5
    else:
        validation, test = published.validation, published.test or count // 5
    if spec.validation_size is not None:
        validation = spec.validation_size
    if spec.test_size is not None:
        test = spec.test_size
    validation = 0 if official_validation else validation
    test = 0 if official_test else test
    train = count - validation - test
    parts = (train, validation + official_validation, test + official_test)
    if min(parts) < 1:
        shown = '/'.join(map(str, parts))
        raise DataError(
            f'{spec.name!r}: {count} images split as {shown} train/validation/test; '
            'accepted: no empty part')
    return validation, test


def draw(
    labels: np.ndarray, validation: int, test: int, seed: int, how: str, *,
    by_class: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws the parts of a pool.

    Args:
      labels: [N] classes of its rows.
      validation: rows to draw.
      test: rows to draw.
      seed: of the permutation.
      how: one of `SPLITS`: `stratified`, `random`; `auto` is stratified where
        `by_class` says so, or a random draw would leave a part without a class that has
        images for all parts.
      by_class: whether the source's parts are stratified if nobody says otherwise.

    Returns:
      Disjoint (train, validation, test) rows of 0..N-1; together all.
    """
    if how == 'stratified' or how == 'auto' and by_class:
        return stratified(labels, validation, test, seed)
    rows = indices(len(labels), validation, test, seed)
    if how == 'auto':
        drawn = [part for part in rows if len(part)]
        classes, counts = np.unique(labels, return_counts=True)
        enough = set(classes[counts >= len(drawn)].tolist())
        if any(enough - set(labels[part].tolist()) for part in drawn):
            return stratified(labels, validation, test, seed)
    return rows


def stratified(
    labels: np.ndarray, validation: int, test: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws parts with the shares that classes have of all rows.

    A class that has images for all parts is in all, as far as they have room; one with
    fewer is in the train part first, then in the validation part.

    Args, Returns: as of `draw`.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    _, classes = np.unique(labels[order], return_inverse=True)
    left = np.bincount(classes)
    # Place of every row among those of its class, in the order of the permutation.
    place = np.empty(len(order), int)
    for number in range(len(left)):
        where = np.flatnonzero(classes == number)
        place[where] = np.arange(len(where))
    taken, parts = np.zeros_like(left), []
    for size, later in ((test, 1 + (validation > 0)), (validation, 1)):
        share = _shares(left, size, later)
        chosen = (place >= taken[classes]) & (place < (taken + share)[classes])
        parts.append(order[chosen])
        taken, left = taken + share, left - share
    return order[place >= taken[classes]], parts[1], parts[0]


def _shares(counts: np.ndarray, size: int, later: int) -> np.ndarray:
    """How many rows of every class a part of `size` takes, by the largest remainder.

    counts: [K] rows that are left of every class; `size` at most in all.
    later: parts that are drawn after this one; a class keeps a row for each of them,
      unless this leaves the part with too few.
    """
    exact = size * counts / max(counts.sum(), 1)
    spare = np.maximum(counts - later, 0)
    # One at least of every class that can give it.
    found = np.minimum(np.maximum(np.floor(exact).astype(int), 1), spare)
    while found.sum() > size:
        found[np.lexsort((counts, -found))[0]] -= 1
    while (missing := size - found.sum()) > 0:
        room = (spare if (spare > found).any() else counts) - found
        open_ = np.flatnonzero(room > 0)
        wanted = open_[np.argsort(-(exact - found)[open_], kind='stable')][:missing]
        found[wanted] += 1
    return found


def indices(count: int, validation: int, test: int, seed: int) -> tuple[
        np.ndarray, np.ndarray, np.ndarray]:
    """Returns disjoint (train, validation, test) rows of 0..count-1; together all."""
    order = np.random.default_rng(seed).permutation(count)
    held = validation + test
    return order[held:], order[test:held], order[:test]
