"""What a search minimises and what it must not exceed, of any stored network.

The one place that knows objectives by name. Anything with `error`, `costs` (Totals)
and `on_board` (OnBoard) can be asked for its figures: rows of a study, outcomes of
trials, points of threshold curves. Everything is minimised.
"""

from typing import Any, NamedTuple

import numpy as np

from sparse_jax.objectives import pareto
from sparse_jax.objectives.graph_costs import Totals

DEFAULT = ('error', 'model_size', 'working_memory')
COUNTED = ('model_size', 'working_memory', 'macs')
"""Costs that `Totals` has; all others are measured on the int8 network."""
BOARD = ('flash', 'ram', 'instructions', 'latency')
COSTS = (*COUNTED, *BOARD)
"""Everything that can be an objective beside the error, and have a hard budget."""
_FLOOR = {'latency': 1e-3}
"""Least value with a logarithm of its own, in the cost's unit; 1 if not given."""
_SPAN = 16.0
"""The hypervolume is bounded at so many times the soft bound of a cost."""


class OnBoard(NamedTuple):
    """Costs of an int8 network on a board, see `export.measure`."""

    flash: float
    """Bytes: exact tables and predicted code of the network."""
    ram: int
    """Bytes, exact: every tensor of the buffer plan, image included; no stack."""
    instructions: float
    """Predicted, per inference."""
    latency: float
    """Predicted milliseconds per inference."""


class Objectives(NamedTuple):
    """The objectives of a search, K in all, and its hard budgets."""

    names: tuple[str, ...] = DEFAULT
    """[K]; the first is 'error', the others are of `COSTS`."""
    bounds: tuple[float, ...] = (0.1, 2048.0, 2048.0)
    """[K] soft bounds of the scalarization, in the unit of each."""
    chance: float = 1.0
    """Error of guessing: where the hypervolume is bounded."""
    memory: str = 'working_memory'
    """Field of `Totals` that the cost 'working_memory' is."""
    budgets: tuple[tuple[str, float], ...] = ()
    """(cost, the most that a network may have): hard."""

    @property
    def log(self) -> tuple[bool, ...]:
        """[K] which enter the hypervolume as their logarithm: all costs."""
        return tuple(name != 'error' for name in self.names)

    @property
    def reference(self) -> np.ndarray:
        """[K] reference point of the hypervolume: error, log10 of each cost."""
        costs = np.log10([_SPAN * bound for bound in self.bounds[1:]])
        return np.array([self.chance, *costs])

    @property
    def on_board(self) -> bool:
        """Whether an objective or a budget needs the network's costs on a board."""
        used = (*self.names, *(name for name, _ in self.budgets))
        return any(name in BOARD for name in used)


def figure(item: Any, name: str, objectives: Objectives) -> float | None:
    """One figure of a network, None if it was not measured."""
    if name == 'error':
        return item.error
    if name in BOARD:
        return None if item.on_board is None else getattr(item.on_board, name)
    return counted(item.costs, name, objectives)


def counted(totals: Totals, name: str, objectives: Objectives) -> int:
    """A cost of `COUNTED`, of any totals."""
    return getattr(totals, objectives.memory if name == 'working_memory' else name)


def objectives_of(row: Any, objectives: Objectives) -> np.ndarray:
    """[K] objectives of a stored network; NaN if it failed or is over a budget."""
    if not row.ok:
        return np.full(len(objectives.names), np.nan)
    return np.array([figure(row, name, objectives) for name in objectives.names],
                    float)


def matrix(rows: list, objectives: Objectives) -> np.ndarray:
    """[N, K] objectives of rows."""
    values = [objectives_of(row, objectives) for row in rows]
    return np.array(values).reshape(len(rows), len(objectives.names))


def front_of(rows: list, objectives: Objectives) -> list:
    """Non-dominated networks, sorted by the first cost; of equal ones the first."""
    good = [row for row in rows if row.ok]
    if not good:
        return []
    values = matrix(good, objectives)
    keep = pareto.non_dominated(values)
    # A cut that prunes nothing more gives its trial's own network again.
    _, first = np.unique(values, axis=0, return_index=True)
    order = np.lexsort((*values.T[:1:-1], values[:, 0], values[:, 1]))
    return [good[i] for i in order if keep[i] and i in set(first)]


def hypervolume_of(rows: list, objectives: Objectives) -> float:
    """Hypervolume of (error, log10 costs) below a fixed reference.

    Rows may include points of threshold curves; the surrogate sees only trials.
    """
    good = [row for row in rows if row.ok]
    if not good:
        return 0.0
    values = matrix(good, objectives)
    floor = [_FLOOR.get(name, 1.0) for name in objectives.names[1:]]
    values[:, 1:] = np.log10(np.maximum(values[:, 1:], floor))
    return float(pareto.hypervolume(values, objectives.reference))


def ranked_under(rows: list, objectives: Objectives) -> list:
    """The networks within the soft bounds of all costs, of least error first; smaller
    costs, in their order, win a tie."""
    good = [row for row in rows if row.ok]
    values = matrix(good, objectives)
    fits = (values[:, 1:] <= np.array(objectives.bounds)[1:]).all(axis=1)
    return [good[i] for i in np.lexsort(values.T[::-1]) if fits[i]]


def best_under(rows: list, objectives: Objectives) -> Any | None:
    """The first of `ranked_under`; None if no network is within the bounds."""
    return next(iter(ranked_under(rows, objectives)), None)


def exceeded(item: Any, objectives: Objectives) -> tuple[str, ...]:
    """The hard budgets that a network exceeds, as far as it was measured."""
    figures = [(name, figure(item, name, objectives), most)
               for name, most in objectives.budgets]
    return tuple(name for name, value, most in figures
                 if value is not None and value > most)
