"""Fixed splits: which rows of a pool are train, validation and test.

Rows are drawn without stratification, by one permutation from
`numpy.random.default_rng(seed)`: its first rows are the test part (where there is no
official one), the next the validation part, the rest the train part. So the test part
does not depend on the size of the validation part, and the order of the train part is
random already: its first rows are a random subset.
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


def indices(count: int, validation: int, test: int, seed: int) -> tuple[
        np.ndarray, np.ndarray, np.ndarray]:
    """Returns disjoint (train, validation, test) rows of 0..count-1; together all."""
    order = np.random.default_rng(seed).permutation(count)
    held = validation + test
    return order[held:], order[test:held], order[:test]
