"""Networks that are known before any training, as a strategy gives them and a study
keeps them: what was found by gradient is not found again.

Where a network comes with weights its first training starts from them, as an heir does
from those of its parent. They are text in the study, with the rows that they are of.
"""

import base64
import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sparse_jax.space import encoding
from sparse_jax.study.names import PLANNED
from sparse_jax.study.outcome import Parent, Weights, outside
from sparse_jax.study.records import Study
from sparse_jax.study.stored_weights import NO_WEIGHTS
from sparse_jax.study.weights_file import pack, unpack

if TYPE_CHECKING:
    from sparse_jax.search.setup import Setup

_ROWS, _WEIGHTS = 'rows', 'weights'


class Known(NamedTuple):
    """What a strategy finds."""

    rows: np.ndarray
    """[N, D] canonical rows, in the order in which they are trained."""
    weights: tuple[Weights | None, ...] = ()
    """Of every one, None for fresh ones; () for none at all."""

    def parents(self, start: int, stop: int) -> list[int | None]:
        """What the first trainings of some rows start from, as `Trial.parent` has it;
        beyond the last row nothing."""
        given = self.weights or (None,) * len(self.rows)
        return [None if weights is None else outside(start + i)
                for i, weights in enumerate(given[start:stop])]


def store(study: Study, known: Known) -> None:
    """Keep them, all or nothing."""
    texts = [None if weights is None else base64.b64encode(pack(weights)).decode()
             for weights in known.weights]
    study.set_meta(PLANNED, json.dumps({_ROWS: known.rows.tolist(), _WEIGHTS: texts}))


def stored(study: Study, dim: int) -> Known | None:
    """As the study has them; None where it has none, or they are damaged.

    dim: length of a row.
    """
    try:
        found = json.loads(study.meta(PLANNED) or '')
        # Studies that began without weights have the rows alone.
        found = found if isinstance(found, dict) else {_ROWS: found, _WEIGHTS: []}
        rows = np.array(found[_ROWS], float).reshape(-1, dim)
        weights = tuple(None if text is None else unpack(base64.b64decode(text))
                        for text in found[_WEIGHTS])
    except NO_WEIGHTS:
        return None
    fine = ((rows >= 0) & (rows <= 1)).all() and len(weights) in (0, len(rows))
    return Known(rows, weights) if fine else None


def parent(setup: 'Setup', study: Study, number: int) -> Parent | None:
    """The network and the weights behind a `Trial.parent` below 0; None where the study
    knows none."""
    known, place = stored(study, setup.domain.dim), outside(number)
    if known is None or place >= len(known.weights):
        return None
    if (weights := known.weights[place]) is None:
        return None
    return Parent(encoding.graph(setup.space, known.rows[place]), weights)
