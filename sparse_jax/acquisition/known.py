"""Candidates of a batch, and what no pick changes of them."""

from typing import Any

import jax
import numpy as np

from sparse_jax.acquisition import scoring
from sparse_jax.acquisition.admission import Admission, identity
from sparse_jax.acquisition.scoring import Criterion, Points


class Known:
    """What a criterion needs to know of candidates, computed once for each.

    A candidate that loses to one pick is a candidate of the next ones. Only what the
    earlier picks change is computed again: their solutions for the data stay.
    """

    def __init__(self, criterion: Criterion, admission: Admission, chunk: int):
        """Nothing known yet; `chunk` candidates are solved at once, by one program."""
        self._criterion, self._admission, self._chunk = criterion, admission, chunk
        self._rows: dict[bytes, tuple[np.ndarray, ...]] = {}
        self._treedef: Any = None

    def learn(self, x: np.ndarray) -> None:
        """Compute what is not known yet of candidates x [Q, D]."""
        names = identity(x)
        new = {name: i for i, name in enumerate(names) if name not in self._rows}
        if new:
            leaves, self._treedef = jax.tree.flatten(self._of(x[list(new.values())]))
            self._rows.update(zip(new, zip(*leaves)))

    def __call__(self, x: np.ndarray) -> tuple[Points, np.ndarray]:
        """Candidates x [Q, D], Q > 0, and the chances [Q] that they are feasible."""
        self.learn(x)
        columns = zip(*(self._rows[name] for name in identity(x)))
        return self._treedef.unflatten([np.stack(column) for column in columns])

    def _of(self, x: np.ndarray) -> tuple[Points, np.ndarray]:
        x, active, facts = self._admission.inputs(x)
        points = scoring.points_of(
            self._criterion, x, active, facts, chunk=self._chunk)
        return points, np.asarray(self._admission.feasible(x, active))
