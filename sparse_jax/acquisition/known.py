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
        self._places: dict[bytes, int] = {}
        self._columns: list[np.ndarray] = []
        self._treedef: Any = None

    def learn(self, x: np.ndarray) -> np.ndarray:
        """Compute what is not known yet of candidates x [Q, D] -> their places [Q]."""
        names, places = identity(x), self._places
        new = {name: i for i, name in enumerate(names) if name not in places}
        if new:
            leaves, self._treedef = jax.tree.flatten(self._of(x[list(new.values())]))
            self._keep(leaves)
            places.update(zip(new, range(len(places), len(places) + len(new))))
        return np.array([places[name] for name in names], int)

    def __call__(self, x: np.ndarray) -> tuple[Points, np.ndarray]:
        """Candidates x [Q, D], Q > 0, and the chances [Q] that they are feasible."""
        return self.at(self.learn(x))

    def at(self, places: np.ndarray) -> tuple[Points, np.ndarray]:
        """The candidates at places [Q], Q > 0, that `learn` gave, and their chances."""
        return self._treedef.unflatten([column[places] for column in self._columns])

    def _keep(self, leaves: list[Any]) -> None:
        """Put rows behind those that are known, where there is room for them."""
        count, more = len(self._places), len(leaves[0])
        for i, leaf in enumerate(map(np.asarray, leaves)):
            if not count:
                self._columns.append(leaf)
                continue
            column = self._columns[i]
            if count + more > len(column):
                room = max(more, len(column) // 4)
                column = np.concatenate([column[:count], np.empty(
                    (room, *leaf.shape[1:]), leaf.dtype)])
                self._columns[i] = column
            column[count:count + more] = leaf

    def _of(self, x: np.ndarray) -> tuple[Points, np.ndarray]:
        x, active, facts = self._admission.inputs(x)
        points = scoring.points_of(
            self._criterion, x, active, facts, chunk=self._chunk)
        return points, np.asarray(self._admission.feasible(x, active))
