"""Confusion matrices of a study's networks, kept beside their figures.

They are of validation images. Whoever reads the study where these are not still sees
which classes are taken for which.
"""

import contextlib
import json
from collections.abc import Mapping

import numpy as np

from sparse_jax.study.errors import StudyError
from sparse_jax.study.records import Study

CONFUSIONS = 'confusions'
"""Entry of the database: {row name: [[true class, taken for, images], ...]}."""


def stored(records: Study, classes: int) -> dict[str, np.ndarray]:
    """{row name: [K, K] validation images of class i that are taken for class j} of the
    networks that somebody has looked at; without what is no such matrix."""
    try:
        found = json.loads(records.meta(CONFUSIONS) or '{}')
        entries = dict(found).items()
    except (ValueError, TypeError, RecursionError):
        return {}
    matrices = {name: _matrix(triples, classes) for name, triples in entries}
    return {name: matrix for name, matrix in matrices.items() if matrix is not None}


def keep(records: Study, matrices: Mapping[str, np.ndarray]) -> None:
    """Store matrices beside those that are there; where nothing can be written they are
    measured again next time."""
    classes = len(next(iter(matrices.values()))) if matrices else 0
    known = stored(records, classes)
    if matrices.keys() <= known.keys():
        return
    texts = {name: [[int(i), int(j), int(matrix[i, j])]
                    for i, j in np.argwhere(matrix)]
             for name, matrix in (known | dict(matrices)).items()}
    with contextlib.suppress(StudyError):
        records.set_meta(CONFUSIONS, json.dumps(texts))


def _matrix(triples: object, classes: int) -> np.ndarray | None:
    """The matrix of its entries; None if they are none."""
    try:
        entries = np.array(triples, np.int64).reshape(-1, 3)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    if not len(entries) or entries.min() < 0 or entries[:, :2].max() >= classes:
        return None
    matrix = np.zeros((classes, classes), np.int64)
    matrix[entries[:, 0], entries[:, 1]] = entries[:, 2]
    return matrix
