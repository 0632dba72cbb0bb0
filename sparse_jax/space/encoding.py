"""Points in the unit cube: activity, canonical form, values, random draws.

A *row* is a point of [0, 1]^D; a *point* is a dict from the table's names to values
and always has every name. `canonical` maps rows that describe the same network and
the same training to the same coordinates.
"""

import functools
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax.host_random import generator
from sparse_jax.space import architecture, budget, representative, sides
from sparse_jax.space.dimensions import Dimension, Role
from sparse_jax.space.sparse_space import MAX_BLOCKS, MAX_LAYERS, Space

MAX_REMEMBERED = 100_000
MANY = 4096
"""Rows drawn at once after a draw without a feasible one."""


class _Rule(NamedTuple):
    """A dimension with its clauses resolved to columns and allowed levels."""

    column: int
    clauses: tuple[tuple[tuple[int, np.ndarray], ...], ...]
    """Disjunction of conjunctions of (column, [levels] bool)."""


def activity(space: Space, rows: np.ndarray) -> np.ndarray:
    """[N, D] coordinates -> [N, D] bool: which dimensions matter."""
    rows = np.asarray(rows)
    active = np.zeros(rows.shape, bool)
    rules, deciding = _rules(space)
    index = {c: space.dimensions[c].index(rows[:, c]) for c in deciding}
    for rule in rules:
        for clause in rule.clauses:
            holds = np.ones(len(rows), bool)
            for column, allowed in clause:
                holds &= active[:, column] & allowed[index[column]]
            active[:, rule.column] |= holds
    return active


def snap(space: Space, rows: np.ndarray) -> np.ndarray:
    """Coordinates on the grid with inactive dimensions at their neutral value."""
    rows = np.asarray(rows, np.float64)
    snapped = np.stack(
        [d.snap(rows[:, i]) for i, d in enumerate(space.dimensions)], axis=1)
    return np.where(activity(space, snapped), snapped, _neutral(space))


def canonical(space: Space, rows: np.ndarray) -> np.ndarray:
    """`snap`, then one representative for settings that build the same network.

    Idempotent. Two redundancies of the table are removed: the FC budget and fractions
    act only through the units they give, and a downsample fraction only through the
    number of maps it gives.
    """
    rows = snap(space, rows)
    budgeted = activity(space, rows)[:, space.index('total-fc-layer-weights')]
    reduce = space.having(Role.REDUCTION)
    reduced = activity(space, rows)[:, reduce].any(axis=1)
    redundant = np.flatnonzero(budgeted | reduced)
    for i, point in zip(redundant, decode_rows(space, rows[redundant])):
        before = dict(point)
        representative.choose(space, point)
        for name, value in point.items():
            if value != before[name]:
                rows[i, space.index(name)] = space[name].encode(value)
    return rows


def decode_rows(space: Space, rows: np.ndarray) -> list[dict]:
    """Rows [N, D] -> points; inactive dimensions take the value of their coordinate."""
    columns = []
    for i, dimension in enumerate(space.dimensions):
        if dimension.levels:
            values = _level_values(dimension)
            columns.append([values[j] for j in dimension.index(rows[:, i])])
        else:
            columns.append([dimension.decode(u) for u in rows[:, i]])
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
    names = [row.tobytes() for row in rows]
    new = [i for i, name in enumerate(names) if name not in memory]
    for i, point in zip(new, decode_rows(space, rows[new])):
        memory[names[i]] = architecture.resolve(
            point, space.input_shape, space.num_classes,
            fold_binary=space.fold_binary)
    return [memory[name] for name in names]


def graph(space: Space, row: np.ndarray) -> architecture.Graph:
    """One canonical row [D] -> its exact graph."""
    return graphs(space, row)[0]


@functools.lru_cache(maxsize=16)
def _memory(space: Space) -> dict[bytes, architecture.Graph]:
    del space
    return {}


def feasible(space: Space, rows: np.ndarray) -> np.ndarray:
    """[N, D] -> [N] bool: every feature map has at least one pixel.

    The same answer as `graph(...).feasible()`, for many rows at once.
    """
    rows = np.atleast_2d(rows)
    value = lambda name: _numbers(space, rows, name)
    level = lambda name: space[name].index(rows[:, space.index(name)])
    rate = np.where(value('downsample-input') > 0,
                    value('input-downsampling-rate'), 1)
    size = np.stack([n // rate for n in space.input_shape[:2]])
    fine = (size >= 1).all(axis=0)
    for k in range(1, MAX_BLOCKS + 1):
        exists = value('num-conv-blocks') >= k
        layers = value(f'num-conv-layers-block-{k}')
        for l in range(1, MAX_LAYERS + 1):
            tag = f'block-{k}-layer-{l}'
            after = _layer_sides(space, tag)[
                level(f'layer-type-{tag}'), level(f'kernel-size-{tag}'), size]
            size = np.where(exists & (layers >= l), after, size)
            fine &= (size >= 1).all(axis=0)
        pooled = exists & (value(f'pool-block-{k}') > 0)
        name = f'pool-type-block-{k}'
        after = _pool_sides(space, k)[level(name) if name in space else 0, size]
        size = np.where(pooled, after, size)
        fine &= (size >= 1).all(axis=0)
    return np.asarray(fine)


def _layer_sides(space: Space, tag: str) -> np.ndarray:
    """[layer types, kernels, sides] by the levels of a layer's rows."""
    return sides.after_layers(
        _level_values(space[f'layer-type-{tag}']),
        _level_values(space[f'kernel-size-{tag}']), max(space.input_shape[:2]))


def _pool_sides(space: Space, k: int) -> np.ndarray:
    """[pool types, sides] by the levels of a block's row, where the space has it."""
    name = f'pool-type-block-{k}'
    kinds = _level_values(space[name]) if name in space else ('max',)
    return sides.after_pools(kinds, max(space.input_shape[:2]))


@functools.lru_cache(maxsize=64)
def fits(space: Space) -> bool:
    """Whether any network of the space is feasible: the first levels of all rows have
    the fewest layers, the smallest windows, and no pooling where that is allowed; of
    the types of layers and pools the one that leaves most is taken."""
    row = np.zeros((1, len(space.dimensions)))
    for k in range(1, MAX_BLOCKS + 1):
        for l in range(1, MAX_LAYERS + 1):
            column = space.index(f'layer-type-block-{k}-layer-{l}')
            left = _layer_sides(space, f'block-{k}-layer-{l}')[:, 0, -1]
            row[0, column] = space.dimensions[column].centre(int(left.argmax()))
        if f'pool-type-block-{k}' in space:
            column = space.index(f'pool-type-block-{k}')
            left = _pool_sides(space, k)[:, 1]
            row[0, column] = space.dimensions[column].centre(int(left.argmax()))
    return bool(feasible(space, row)[0])


def _numbers(space: Space, rows: np.ndarray, name: str) -> np.ndarray:
    """[N] integer values of a discrete numeric or boolean dimension."""
    column = space.index(name)
    dimension = space.dimensions[column]
    values = np.array(_level_values(dimension), int)
    return values[dimension.index(rows[:, column])]


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


@functools.lru_cache(maxsize=4096)
def _level_values(dimension: Dimension) -> tuple:
    return tuple(dimension.level(i) for i in range(dimension.levels))


@functools.lru_cache(maxsize=64)
def _rules(space: Space) -> tuple[tuple[_Rule, ...], tuple[int, ...]]:
    """The table's conditions in evaluation order, and the columns they look at."""
    rules, deciding = [], set()
    for column in _evaluation_order(space):
        clauses = []
        for clause in space.dimensions[column].when:
            resolved = []
            for condition in clause:
                source = space.index(condition.name)
                values = _level_values(space.dimensions[source])
                allowed = np.array([v in condition.values for v in values])
                resolved.append((source, allowed))
                deciding.add(source)
            clauses.append(tuple(resolved))
        rules.append(_Rule(column, tuple(clauses)))
    return tuple(rules), tuple(sorted(deciding))


def _evaluation_order(space: Space) -> list[int]:
    """Columns with every dimension after those its condition names."""
    order, done = [], set()
    while len(order) < len(space.dimensions):
        before = len(order)
        for i, d in enumerate(space.dimensions):
            needs = {c.name for clause in d.when for c in clause}
            if i not in done and all(space.index(n) in done for n in needs):
                order.append(i)
                done.add(i)
        if len(order) == before:
            raise ValueError('the conditions of the search space form a circle')
    return order


def keep_units(space: Space, row: np.ndarray, like: architecture.Graph) -> np.ndarray:
    """A feasible row [D] whose FC branches have the units that they have in `like`.

    The budget and its fractions follow; where no step of the table gives these units
    the branches have the next larger ones, or what the largest budget gives. A row
    with other branches than `like` is returned as it is.
    """
    point = decode(space, row)
    names = architecture.branches(point)
    theirs = {n.name: n.channels for n in like.nodes if n.name.endswith('-fc')}
    if set(theirs) != {f'{b}-fc' for b in names} or not names:
        return row
    net = architecture.resolve(point, space.input_shape, space.num_classes)
    fan_in = architecture.fan_ins(net, architecture.block_ends(point))
    units = {b: theirs[f'{b}-fc'] for b in names}
    point |= budget.of_units(space, point, units, fan_in)
    return encode(space, point)
