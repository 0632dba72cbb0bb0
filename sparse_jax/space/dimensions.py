"""Dimensions of a conditional search space, as data."""

import dataclasses
import enum
import functools
import math
from typing import Literal

import numpy as np

from sparse_jax.hashing import remembers_hash

Kind = Literal['integer', 'real', 'boolean', 'categorical']
Value = bool | int | float | str


class Role(enum.Enum):
    """What a row of the table is about: whoever treats rows unlike asks this."""

    STRUCTURE = enum.auto()
    """Which layers the feature maps pass: image, blocks, layers, pools."""
    NORMALISATION = enum.auto()
    """Whether layers are normalised."""
    HEAD = enum.auto()
    """Which fully connected layers there are, and how they are merged."""
    WIDTH = enum.auto()
    """Number of maps of a layer."""
    KERNEL = enum.auto()
    """Side of a window."""
    REDUCTION = enum.auto()
    """Share of its input's maps that a layer reads; a value of the network's."""
    UNITS = enum.auto()
    """Weights, and so units, of the fully connected layers."""
    SHARE = enum.auto()
    """How these weights are divided; a value of the network's."""
    TRAINING = enum.auto()
    """How the weights are trained."""
    PRUNING = enum.auto()
    """How they are pruned; all that stage 2 of a search may change."""

    @property
    def static(self) -> bool:
        """Whether another value is another compiled program, whatever the tiers."""
        return self in (Role.STRUCTURE, Role.NORMALISATION, Role.HEAD)

    @property
    def derived(self) -> bool:
        """Whether the canonical value follows from the network, wherever it came
        from."""
        return self in (Role.REDUCTION, Role.SHARE)

    @property
    def before_head(self) -> bool:
        """Whether an edit may change what the fully connected layers read."""
        return self in (Role.STRUCTURE, Role.WIDTH, Role.KERNEL, Role.REDUCTION)


@dataclasses.dataclass(frozen=True)
class Condition:
    """True when the dimension `name` is active and has one of `values`."""

    name: str
    values: tuple[Value, ...]


@remembers_hash
@dataclasses.dataclass(frozen=True)
class Dimension:
    """One row of the search-space table.

    `when` is a disjunction of conjunctions: the dimension is active if all
    conditions of one of its members hold; `((),)` is always, `()` is never.
    `log` spaces the unit interval logarithmically between `low` and `high`.
    """

    name: str
    kind: Kind
    role: Role
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    choices: tuple[Value, ...] = ()
    log: bool = False
    when: tuple[tuple[Condition, ...], ...] = ((),)
    neutral: Value | None = None
    """Value of an inactive dimension; the middle of the range by default."""
    optional: bool = False
    """A network file may leave it out: it does not change the network, or the paper
    does not have it."""

    def __post_init__(self) -> None:
        """Refuses a row without a role.

        Raises:
          TypeError: `role` is something else.
        """
        if not isinstance(self.role, Role):
            raise TypeError(f'{self.name}: role {self.role!r}: allowed: a Role')

    @property
    def options(self) -> tuple[Value, ...]:
        """Values without an order, of a boolean or categorical dimension."""
        both = (False, True) if self.kind == 'boolean' else ()
        return self.choices or both

    @functools.cached_property
    def levels(self) -> int:
        """Number of values of a discrete dimension; 0 for a continuous one."""
        if self.options:
            return len(self.options)
        if self.kind == 'real' and not self.step:
            return 0
        return int(round((self.high - self.low) / self.step)) + 1

    def index(self, u: np.ndarray | float) -> np.ndarray:
        """Unit-interval coordinates -> level numbers, for a discrete dimension."""
        u = np.clip(u, 0.0, 1.0)
        if not self.log:
            return np.minimum((u * self.levels).astype(int), self.levels - 1)
        # Each grid value owns the log interval up to the next one.
        raw = self.low * ((self.high + self.step) / self.low) ** u
        index = np.floor((raw - self.low) / self.step + 1e-9).astype(int)
        return np.clip(index, 0, self.levels - 1)

    def centre(self, index: np.ndarray | np.integer | int) -> np.ndarray:
        """Level numbers -> coordinates at the centres of their cells."""
        if not self.log:
            return (np.asarray(index) + 0.5) / self.levels
        value = self.low + np.asarray(index) * self.step
        middle = np.sqrt(value * (value + self.step))
        return np.log(middle / self.low) / np.log(
            (self.high + self.step) / self.low)

    def snap(self, u: np.ndarray) -> np.ndarray:
        """Coordinates [N] -> coordinates of the values they decode to."""
        if self.levels == 0:
            return np.clip(u, 0.0, 1.0)
        return self.centre(self.index(u))

    def decode(self, u: float) -> Value:
        """Unit-interval coordinate -> value on the dimension's grid."""
        if self.levels == 0:
            return self._stretch(min(max(float(u), 0.0), 1.0))
        return self.level(int(self.index(np.float64(u))))

    def stretched(self, u: np.ndarray) -> list[float]:
        """`decode` of coordinates [N] of a continuous dimension."""
        if self.log:  # powers of whole arrays may differ in the last bit
            return [self._stretch(min(max(x, 0.0), 1.0)) for x in u.tolist()]
        return (self.low + np.clip(u, 0.0, 1.0) * (self.high - self.low)).tolist()

    def level(self, index: int) -> Value:
        """The value of a level number."""
        if self.options:
            return self.options[index]
        if self.levels == 1:
            return self.low
        value = self.low + index * self.step
        # Round away the binary noise of steps like 0.01.
        return int(round(value)) if self.kind == 'integer' else round(value, 10)

    def encode(self, value: Value) -> float:
        """Value -> the coordinate at the centre of its cell; inverse of `decode`."""
        if self.levels == 0:
            return float(self._squash(float(value)))
        if self.options:
            return float(self.centre(self.options.index(value)))
        index = round((float(value) - self.low) / self.step)
        return float(self.centre(min(max(index, 0), self.levels - 1)))

    def problem(self, value: object) -> str | None:
        """What is wrong with `value`, or None; the text names what is allowed."""
        if self.kind == 'boolean':
            names = ('true' if v else 'false' for v in reversed(self.options))
            fine = isinstance(value, bool) and value in self.options
            return None if fine else 'allowed: ' + ', '.join(names)
        if self.kind == 'categorical':
            allowed = 'allowed: ' + ', '.join(map(str, self.choices))
            return None if value in self.choices else allowed
        whole = f'{self.low:g} to {self.high:g}'
        if self.levels == 1:
            whole = f'{self.low:g}'
        elif self.levels:
            whole += f' in steps of {self.step:g}'
        allowed = f'allowed: {whole}'
        if not isinstance(value, int | float) or isinstance(value, bool):
            return allowed
        slack = 1e-9 * max(abs(self.high), 1.0)
        if not self.low - slack <= value <= self.high + slack:
            return allowed
        steps = (value - self.low) / self.step if self.levels else 0.0
        if abs(steps - round(steps)) > 1e-6:
            return allowed
        return None

    def neutral_value(self) -> Value:
        """The value an inactive dimension takes."""
        return self.decode(0.5) if self.neutral is None else self.neutral

    def _stretch(self, u: float) -> float:
        if self.log:
            return self.low * (self.high / self.low) ** u
        return self.low + u * (self.high - self.low)

    def _squash(self, value: float) -> float:
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)
