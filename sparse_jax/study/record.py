"""What a study holds, as typed values: trials, points of their curves, rounds."""

from typing import NamedTuple

from sparse_jax import status
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.study.errors import StudyError, StudyWarning
from sparse_jax.study.names import FINALS
from sparse_jax.study.outcome import Trial

__all__ = ['PENDING', 'STATUSES', 'Record', 'RoundRecord', 'StudyError',
           'StudyWarning']
PENDING = 'pending'
STATUSES = (PENDING, *status.NAMES)


class Record(NamedTuple):
    """A stored trial, or one of its networks at another cut."""

    trial: Trial
    round: int
    status: str
    """'pending' or a name of `sparse_jax.status`."""
    point: dict
    """Active rows of the table by name, as in a network file."""
    error: float | None
    costs: Totals | None
    unpruned: Totals | None
    train_seconds: float | None
    offset: float | None = None
    """Shift of the cut, for a point of a trial's threshold curve; None for its own."""
    measured: dict[str, float] | None = None
    """{goal: figure}; None unless an objective or a budget needed one."""
    float_error: float | None = None
    """Error before quantisation, where `error` is that of the int8 network; None for
    points of threshold curves."""
    predicted: tuple[float, ...] | None = None
    """What the search expected of its objectives when it suggested the point, in their
    order; None if it had no model, or the study is older."""

    @property
    def name(self) -> str:
        """'12', or '12@-1' for trial 12 pruned at another cut."""
        cut = '' if self.offset is None else f'@{self.offset:g}'
        return f'{self.trial.number}{cut}'

    @property
    def nth_round(self) -> int:
        """Its round as people count them, from 1; stored ones begin with 0."""
        return self.round + 1

    @property
    def ok(self) -> bool:
        """Whether it was trained, pruned, measured and found within the budgets."""
        return self.status == status.NAMES[status.OK]

    @property
    def figures(self) -> tuple[float, Totals, Totals]:
        """(validation error, costs, costs before pruning) of a network that has them.

        Raises:
          ValueError: it was not trained.
        """
        if self.error is None or self.costs is None or self.unpruned is None:
            raise ValueError(f'trial {self.name} was not measured')
        return self.error, self.costs, self.unpruned

    @property
    def empty(self) -> bool:
        """Whether pruning left nothing of it at this cut."""
        return self.status == status.NAMES[status.EMPTY]

    @property
    def trained(self) -> bool:
        """Whether it has weights: also if it then was over a budget."""
        return self.error is not None


class RoundRecord(NamedTuple):
    """A round of suggestions; what is None is not known before it has finished."""

    round: int
    suggest_seconds: float | None
    compile_seconds: float | None
    train_seconds: float | None
    programs: int | None
    """Compiled in this round."""
    hypervolume: float | None
    """Of the study after this round."""
    info: dict
    """Diagnostics by name; never needed to continue."""

    @property
    def nth(self) -> int:
        """The round as people count them, from 1; stored ones begin with 0."""
        return self.round + 1

    @property
    def is_end(self) -> bool:
        """Whether it trained the finals: none of the rounds that settings count."""
        return FINALS in self.info
