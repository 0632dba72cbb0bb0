"""The table of goals: what can be an objective of a search, and have a hard budget.

Everything that knows a goal by name (configuration, study, tables, pictures, CSV,
verification, surrogate) reads its record here. Everything is minimised.
"""

import dataclasses
import math
import numbers
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sparse_jax import factories

if TYPE_CHECKING:
    # The configuration reads this table: it is to stay light to import.
    from sparse_jax.model.compact import CompactNet
    from sparse_jax.objectives.graph_costs import LayerRow
    from sparse_jax.quantize.quantized import QuantizedNet
    from sparse_jax.space.architecture import Graph

ERROR = 'error'
"""The goal that every search has, and names first."""
_NAME = re.compile('[a-z][a-z0-9_]{0,30}')


class Validation(NamedTuple):
    """The error on validation data, of the pruned network."""


class Counted(NamedTuple):
    """Counted on the pruned network; never more than before pruning."""

    rule: 'str | Callable[[Sequence[LayerRow]], float]'
    """A field of `graph_costs.Totals`, which the training program counts, or a
    function of the rows of the layers, called on the host."""


class OnBoard(NamedTuple):
    """Predicted for the int8 network on a board, and verified in emulation."""

    predicted: str
    """Field of `export.cost_model.measure.Measurement`."""
    verified: tuple[str, ...]
    """Where a verification (`export.project.verify`) has the same figure."""
    scale: float = 1.0
    """From the unit of both to the goal's."""
    needs: str = ''
    """Field of the board's file that may be null, and must not be for this goal."""


Measure: TypeAlias = 'Callable[[CompactNet, QuantizedNet | None, Any], float]'
"""(pruned network, its int8 network, `export` Board) -> the figure; the last two are
None unless they are asked for."""


class Own(NamedTuple):
    """A function of a person's own, called on the host."""

    measure: Measure
    on_board: bool = False
    """Whether it takes the int8 network and the board."""


@dataclasses.dataclass(frozen=True)
class Goal:
    """One thing to minimise: where it comes from and how it is shown.

    A goal may be an objective of a search, have a soft bound (its scale in random
    scalarizations and the end of the hypervolume) and a hard budget (the most that a
    network may have). Settings, the columns of the study, tables, pictures, CSV and
    verification all follow from this record. A goal of one's own comes from a function
    without arguments, named as MODULE:FACTORY in `objectives.names`; its source is
    `Counted` by a function of the pruned network's layers, or `Own`.

    Example:
      >>> def traffic():
      ...     return Goal('traffic', 'memory traffic', 'elements', Counted(
      ...         lambda rows: sum(r.inputs + r.outputs for r in rows)), bound=10_000)
      >>> traffic().text(4321.0), traffic().axis_label
      ('4321 elements', 'memory traffic (elements)')
    """

    name: str
    """In the configuration and the study."""
    title: str
    """In sentences and on axes."""
    unit: str
    """Behind a value; '' for none."""
    source: Validation | Counted | OnBoard | Own
    bound: float
    """Default soft bound, in its unit: what the scalarization and the hypervolume take
    as a large value."""
    budget: float = 0
    """Default hard budget, in its unit; 0 for none."""
    column: str = ''
    """Heading in tables; the title if empty."""
    form: str = '.0f'
    """Format of a value."""
    axis: str | None = None
    """Unit under a picture; `unit` if None."""
    floor: float = 1.0
    """Least value with a logarithm of its own, in its unit."""
    like: str = ''
    """Counted goal whose value before pruning it grows with; itself if empty."""
    least: 'str | Callable[[Graph], float]' = ''
    """Its lower bound before training: a field of `lower_bounds.Least`, or a function
    of the exact graph; '' for none."""
    whole: bool = False
    """Whether values are whole numbers."""

    def text(self, value: float) -> str:
        """The value with its unit."""
        return f'{self.digits(value)} {self.unit}'.rstrip()

    def digits(self, value: float) -> str:
        """The value alone."""
        return f'{value:{self.form}}'

    @property
    def heading(self) -> str:
        """Of its column in a table."""
        return self.column or self.title

    @property
    def axis_label(self) -> str:
        """Of its axis in a picture."""
        unit = self.unit if self.axis is None else self.axis
        return f'{self.title} ({unit})' if unit else self.title

    @property
    def is_own(self) -> bool:
        """Whether it is none of the table."""
        return GOALS.get(self.name) != self

    @property
    def in_program(self) -> bool:
        """Whether the training program gives it; all others are measured on the
        host, on the network of every cut."""
        return isinstance(self.source, Validation) or (
            isinstance(self.source, Counted) and isinstance(self.source.rule, str))

    @property
    def on_board(self) -> bool:
        """Whether it needs the int8 network and a board."""
        return isinstance(self.source, OnBoard) or (
            isinstance(self.source, Own) and self.source.on_board)


_TABLE = (
    Goal(ERROR, 'validation error', '', Validation(), 0.1, column='error', form='.2%'),
    Goal('model_size', 'model size', 'B', Counted('model_size'), 2048, column='size',
         axis='bytes, one per value', least='model_size', whole=True),
    # Which field of the totals it is depends on the memory model.
    Goal('working_memory', 'working memory', 'B', Counted('working_memory'), 2048,
         column='memory', axis='bytes, one per value', least='working_memory',
         whole=True),
    Goal('macs', 'multiply-accumulates', 'MACs', Counted('macs'), 50_000,
         column='MACs', axis='', least='macs', whole=True),
    Goal('flash', 'flash', 'B', OnBoard('flash', ('network', 'flash')), 4096,
         axis='bytes', like='model_size'),
    Goal('ram', 'RAM', 'B', OnBoard('ram', ('network', 'ram')), 2048, axis='bytes',
         like='working_memory', least='ram', whole=True),
    Goal('instructions', 'instructions', 'instructions',
         OnBoard('instructions', ('instructions', 'mean')), 500_000, column='instr.',
         axis='', like='macs'),
    Goal('latency', 'latency', 'ms',
         OnBoard('latency_s', ('estimates', 'latency_s'), 1e3), 50.0, column='ms',
         budget=0.0, form='.2f', floor=1e-3, like='macs'),
    Goal('energy', 'energy', 'uJ', OnBoard(
        'energy_j', ('estimates', 'energy_j'), 1e6, needs='amperes'), 700.0,
         budget=0.0, column='uJ', form='.1f', floor=1e-3, like='macs'),
)
GOALS: dict[str, Goal] = {goal.name: goal for goal in _TABLE}
"""The goals of the library by name; the error first."""
COSTS: tuple[str, ...] = tuple(name for name in GOALS if name != ERROR)
"""All of them that can be an objective beside the error, and have a hard budget."""
COUNTED: tuple[str, ...] = tuple(
    name for name, goal in GOALS.items() if isinstance(goal.source, Counted))
"""Those that pruning alone decides."""
BOARD: tuple[str, ...] = tuple(
    name for name, goal in GOALS.items() if isinstance(goal.source, OnBoard))
"""Those that are predicted for a board; one measurement gives all."""


def find_goal(name: str) -> Goal:
    """The goal of this name, or what a person's own MODULE:FACTORY gives.

    A factory takes no argument and returns a `Goal` whose source is `Own`, or
    `Counted` by a function.

    Raises:
      ValueError: there is none, or the factory gives something else; one line without
        the name of the setting.
    """
    factory = factories.find(name, {n: lambda n=n: GOALS[n] for n in GOALS})
    factories.check_arguments(
        name, factory, 'a function without arguments that gives a Goal')
    goal = factories.call(name, factory)
    if not isinstance(goal, Goal):
        raise ValueError(f'{name!r} gives {goal!r:.40}; allowed: a Goal')
    if name not in GOALS:
        _check_own(name, goal)
    return goal


def _check_own(name: str, goal: Goal) -> None:
    """Refuse a goal from outside that the table or the study could not hold."""
    gives = f'{name!r} gives a Goal'
    if not isinstance(goal.name, str) or goal.name in GOALS or (
            not _NAME.fullmatch(goal.name)):
        raise ValueError(
            f'{gives} of the name {goal.name!r:.40}; allowed: up to 31 '
            f'lower-case letters, digits and _, other than {", ".join(GOALS)}')
    source = goal.source
    function = source.rule if isinstance(source, Counted) else (
        source.measure if isinstance(source, Own) else None)
    if not callable(function):
        raise ValueError(f'{gives} whose source is {source!r:.60}; allowed: '
                         'Own(function) or Counted(function)')
    scales = (goal.bound, goal.budget, goal.floor)
    if not all(map(_is_number, scales)) or (
            goal.bound <= 0 or goal.budget < 0 or goal.floor <= 0):
        bound, budget, floor = (f'{value!r:.40}' for value in scales)
        raise ValueError(
            f'{gives} of bound {bound}, budget {budget} and floor {floor}; allowed: '
            'above 0, 0 (none) or more, above 0')
    if goal.like not in ('', *COUNTED):
        raise ValueError(f'{gives} like {goal.like!r:.40}; allowed: '
                         f'{", ".join(COUNTED)}')
    least = [row.least for row in _TABLE if row.least]
    if not callable(goal.least) and goal.least not in ('', *least):
        raise ValueError(f'{gives} whose least is {goal.least!r:.40}; allowed: a '
                         f'function of the graph, or {", ".join(map(str, least))}')
    _check_shown(gives, goal)


def _check_shown(gives: str, goal: Goal) -> None:
    """Refuse a goal that no table or picture could show."""
    texts = {'title': goal.title, 'unit': goal.unit, 'column': goal.column,
             'form': goal.form, 'axis': goal.axis or ''}
    for field, text in texts.items():
        if not isinstance(text, str):
            raise ValueError(f'{gives} whose {field} is {text!r:.40}; allowed: text')
    try:
        goal.text(float(goal.bound))
    except ValueError as error:
        raise ValueError(f'{gives} whose form is {goal.form!r:.40} ({error}); allowed: '
                         "a format of numbers, such as '.2f'") from None


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and math.isfinite(value)
