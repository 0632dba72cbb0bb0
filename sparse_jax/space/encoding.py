"""Points in the unit cube: activity, canonical form, values, random draws.

A *row* is a point of [0, 1]^D; a *point* is a dict from the table's names to values
and always has every name. `canonical` maps rows that describe the same network and
the same training to the same coordinates.
"""

import functools
from collections.abc import Sequence

import jax
import numpy as np

from sparse_jax.host_random import generator
from sparse_jax.space import (
    architecture,
    budget,
    conditions,
    levels,
    representative,
    trunks,
)
from sparse_jax.space.dimensions import Role
from sparse_jax.space.sparse_space import Space
from sparse_jax.space.trunks import feasible as feasible
from sparse_jax.space.trunks import fits as fits

MAX_REMEMBERED = 100_000
MANY = 4096
"""Rows drawn at once after a draw without a feasible one."""


def activity(space: Space, rows: np.ndarray) -> np.ndarray:
    """[N, D] coordinates -> [N, D] bool: which dimensions matter."""
    return conditions.activity(space, levels.numbers(space, rows))


def snap(space: Space, rows: np.ndarray) -> np.ndarray:
    """Coordinates on the grid with inactive dimensions at their neutral value."""
    return _snapped(space, rows)[0]


def _snapped(space: Space, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Snapped rows, and which of their dimensions matter: those of the rows, for what
    is inactive switches nothing."""
    numbers = levels.numbers(space, rows)
    active = conditions.activity(space, numbers)
    return np.where(
        active, levels.centres(space, rows, numbers), _neutral(space)), active


def canonical(space: Space, rows: np.ndarray) -> np.ndarray:
    """`snap`, then one representative for settings that build the same network.

    Idempotent. Two redundancies of the table are removed: the FC budget and fractions
    act only through the units they give, and a downsample fraction only through the
    number of maps it gives.
    """
    rows, active = _snapped(space, rows)
    budgeted = active[:, space.index('total-fc-layer-weights')]
    reduced = active[:, space.having(Role.REDUCTION)].any(axis=1)
    redundant = np.flatnonzero(budgeted | reduced)
    fine, fan_ins = trunks.measured(space, rows[redundant])
    for i, point, fits_, fan_in in zip(
            redundant, decode_rows(space, rows[redundant]), fine, fan_ins):
        before = dict(point)
        representative.choose(space, point, fan_in if fits_ else None)
        _write(space, rows[i], before, point)
    return rows


def _write(space: Space, row: np.ndarray, before: dict, after: dict) -> None:
    """Put the values after a change that differ from those before into the row [D]."""
    for name, value in after.items():
        if value != before[name]:
            row[space.index(name)] = space[name].encode(value)


def decode_rows(space: Space, rows: np.ndarray) -> list[dict]:
    """Rows [N, D] -> points; inactive dimensions take the value of their coordinate."""
    rows, columns = np.asarray(rows, np.float64), []
    index = levels.numbers(space, rows).T.tolist()
    for i, (values, dimension) in enumerate(
            zip(levels.values(space), space.dimensions)):
        columns.append([values[j] for j in index[i]] if values
                       else dimension.stretched(rows[:, i]))
    return [dict(zip(space.names, values)) for values in zip(*columns)]


def decode(space: Space, row: np.ndarray) -> dict:
    """One row [D] -> point."""
    return decode_rows(space, np.asarray(row)[None])[0]


def encode(space: Space, point: dict) -> np.ndarray:
    """Point -> row [D]; a missing name takes its neutral value. Not snapped."""
    return np.array([
        d.encode(point.get(d.name, d.neutral_value())) for d in space.dimensions])


def active_point(space: Space, row: np.ndarray) -> dict:
    """One row [D] -> the part of its point that matters, in the table's order."""
    active = activity(space, row[None])[0]
    return {n: v for (n, v), on in zip(decode(space, row).items(), active) if on}


def graphs(space: Space, rows: np.ndarray) -> list[architecture.Graph]:
    """Canonical rows [N, D] -> their exact graphs; remembered, searches ask often."""
    rows = np.atleast_2d(np.asarray(rows, np.float64))
    memory = _memory(space)
    if len(memory) > MAX_REMEMBERED:
        memory.clear()
    # Of points that differ in their training alone there is one graph.
    names = [row.tobytes() for row in rows[:, _describes(space)]]
    new = list({name: i for i, name in enumerate(names) if name not in memory}.values())
    for i, point in zip(new, decode_rows(space, rows[new])):
        memory[names[i]] = architecture.resolve(
            point, space.input_shape, space.num_classes,
            fold_binary=space.fold_binary)
    return [memory[name] for name in names]


def graph(space: Space, row: np.ndarray) -> architecture.Graph:
    """One canonical row [D] -> its exact graph."""
    return graphs(space, row)[0]


@functools.lru_cache(maxsize=64)
def _describes(space: Space) -> np.ndarray:
    """[D] bool: the dimensions that a network follows from."""
    return ~space.having(Role.TRAINING, Role.PRUNING)


@functools.lru_cache(maxsize=16)
def _memory(space: Space) -> dict[bytes, architecture.Graph]:
    del space
    return {}


def sample(key: jax.Array, space: Space, num: int) -> np.ndarray:
    """Draw feasible networks, with their training settings, from the prior.

    Args:
      key: consumed.
      space: the table; `prior` says how widths and weight budgets are spread.
      num: how many rows; they need not be distinct.

    Returns:
      [num, D] float64 canonical rows of the unit cube: `decode` gives the values of
      one by name, `graph` its network.

    Raises:
      ValueError: no row of the space is feasible.

    Example:
      >>> rows = sample(jax.random.key(0), sparse_space((8, 8, 1), 10), 4)
      >>> rows.shape, bool(((rows >= 0) & (rows <= 1)).all())
      ((4, 53), True)
    """
    if not fits(space):
        raise ValueError(f'no network of this space fits {space.input_shape} images')
    rng, found, at_once = generator(key), 0, 2 * num + 8
    kept = [np.empty((0, len(space.dimensions)))]
    while found < num:
        rows = snap(space, rng.random((at_once, len(space.dimensions))))
        kept.append(rows[feasible(space, rows)])
        found += len(kept[-1])
        # In a restricted space one draw of ten thousand may be feasible.
        at_once = at_once if len(kept[-1]) else max(at_once, MANY)
    return canonical(space, np.concatenate(kept)[:num])


@functools.lru_cache(maxsize=64)
def _neutral(space: Space) -> np.ndarray:
    return np.array([d.encode(d.neutral_value()) for d in space.dimensions])


def keep_units(
    space: Space, rows: np.ndarray, like: Sequence[architecture.Graph]
) -> np.ndarray:
    """Feasible rows [N, D] whose FC branches have the units that they have in N other
    networks.

    The budget and its fractions follow; where no step of the table gives these units
    the branches have the next larger ones, or what the largest budget gives. A row
    with other branches than its other network is returned as it is.
    """
    rows = np.array(rows)
    _, fan_ins = trunks.measured(space, rows)
    for row, point, fan_in, net in zip(
            rows, decode_rows(space, rows), fan_ins, like):
        names = architecture.branches(point)
        theirs = {n.name: n.channels for n in net.nodes if n.name.endswith('-fc')}
        if names and set(theirs) == {f'{b}-fc' for b in names}:
            units = {b: theirs[f'{b}-fc'] for b in names}
            _write(space, row, point, budget.of_units(space, point, units, fan_in))
    return rows
