"""What goes into an evaluation and what comes out of it."""

from typing import NamedTuple

import numpy as np

from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.space.architecture import Graph

FINAL = 1000
"""Rung of a training at the end of a search; above all others."""

PRESSURE = 'pressure'
"""Log multiplier of the penalty, of a training that aims at limits."""


class Trial(NamedTuple):
    """One training of a point."""

    number: int
    """Position in the study; with the seed it fixes all randomness of the trial."""
    row: np.ndarray
    """[D] canonical coordinates."""
    epochs: int
    parent: int | None = None
    """Trial whose weights it inherits; below 0 a network from `outside`."""
    rung: int = 0
    """How often its point had been promoted; `FINAL` for one of the end."""
    origin: int | None = None
    """First trial of its point, None if it is that itself."""

    @property
    def first(self) -> int:
        """Number of the first trial of its point: what trials of one point share."""
        return self.number if self.origin is None else self.origin

    @property
    def continues(self) -> bool:
        """Whether it goes on from an earlier trial of its point."""
        return self.origin is not None and self.parent is not None

    @property
    def is_heir(self) -> bool:
        """Whether its point began with weights of another one of the study; for first
        trials, see `inherits`."""
        return inherits(self.parent)

    @property
    def same_point(self) -> bool:
        """Whether its parent is a training of the same point, here or elsewhere."""
        return self.continues or self.parent is not None and self.parent < 0


def inherits(parent: int | None) -> bool:
    """Whether a point with this parent begins with weights of another one of the study.
    What is known before any training is trained as if afresh."""
    return parent is not None and parent >= 0


def outside(index: int) -> int:
    """The parent that stands for network `index` of those a study is given from
    elsewhere, or of those it knows before any training: -1, -2, ...; and back."""
    return -1 - index


class Weights(NamedTuple):
    """Exact host trees of a trained candidate."""

    params: dict
    aux: dict
    stats: dict
    folded: dict
    units: dict
    training: dict = {}
    """What a training that goes on needs beside the posterior: {PRESSURE: []} of one
    that aims at limits."""


class Parent(NamedTuple):
    """What a trial may inherit from."""

    graph: Graph
    """Its exact graph."""
    weights: Weights
    """Exact host trees."""


class Pruned(NamedTuple):
    """The deterministic network that one cut leaves, exact host trees."""

    folded: dict
    units: dict


class CurvePoint(NamedTuple):
    """A training measured at another cut than its own."""

    offset: float
    """Shift of the log alpha cut from the method's default."""
    error: float
    costs: Totals
    measured: dict[str, float] | None = None
    """{goal: figure}; None if nothing was measured on the host."""
    fits: bool = True
    """Within the hard budgets."""
    pruned: Pruned | None = None
    """Its network, until it has been measured; never stored."""


class Outcome(NamedTuple):
    """What became of a trial."""

    trial: Trial
    status: int
    error: float = float('nan')
    costs: Totals | None = None
    """After pruning; None if it was not trained."""
    unpruned: Totals | None = None
    weights: Weights | None = None
    accuracy: tuple[float, ...] = ()
    """Training accuracy per epoch."""
    train_seconds: float = 0.0
    """Wall-clock of its call divided by the members of the call."""
    curve: tuple[CurvePoint, ...] = ()
    float_error: float = float('nan')
    """Error before quantisation; the same as `error` unless that is of int8."""
    measured: dict[str, float] | None = None
    """{goal: figure} of those measured on the host; None unless an objective or a
    budget needs it."""
    measure_seconds: float = 0.0
    """Processor seconds that the int8 networks took, within `train_seconds`."""
    loss: tuple[float, ...] = ()
    """Training cross-entropy per epoch, as many as accuracies."""
