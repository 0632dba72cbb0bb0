"""Points in the unit cube: activity, canonical form, values, random draws.

A *row* is a point of [0, 1]^D; a *point* is a dict from the table's names to values
and always has every name. `canonical` maps rows that describe the same network and
the same training to the same coordinates.
"""

import jax
import numpy as np

from sparse_jax.space import architecture
from sparse_jax.space.sparse_space import Space


def generator(key: jax.Array) -> np.random.Generator:
    """Host random numbers from a JAX key, which is consumed."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())


def activity(space: Space, rows: np.ndarray) -> np.ndarray:
    """[N, D] coordinates -> [N, D] bool: which dimensions matter."""
    rows = np.asarray(rows)
    active = np.zeros(rows.shape, bool)
    for column in _evaluation_order(space):
        dimension = space.dimensions[column]
        for clause in dimension.when:
            holds = np.ones(len(rows), bool)
            for condition in clause:
                holds &= _holds(space, rows, active, condition)
            active[:, column] |= holds
    return active


def snap(space: Space, rows: np.ndarray) -> np.ndarray:
    """Coordinates on the grid with inactive dimensions at their neutral value."""
    rows = np.asarray(rows, np.float64)
    snapped = np.stack(
        [d.snap(rows[:, i]) for i, d in enumerate(space.dimensions)], axis=1)
    neutral = np.array([d.encode(d.neutral_value()) for d in space.dimensions])
    return np.where(activity(space, snapped), snapped, neutral)


def canonical(space: Space, rows: np.ndarray) -> np.ndarray:
    """`snap`, then one representative for settings that build the same network.

    Idempotent. Two redundancies of the table are removed: the FC budget and fractions
    act only through the units they give, and a downsample fraction only through the
    number of maps it gives.
    """
    rows = snap(space, rows)
    budget = activity(space, rows)[:, space.index('total-fc-layer-weights')]
    reduce = _columns(space, 'downsample-block')
    reduced = activity(space, rows)[:, reduce].any(axis=1)
    for i in np.flatnonzero(budget | reduced):
        point = decode(space, rows[i])
        _canonical_reductions(space, point)
        _canonical_budget(space, point)
        rows[i] = encode(space, point)
    return rows


def decode(space: Space, row: np.ndarray) -> dict:
    """One row [D] -> point; inactive dimensions take the value of their coordinate."""
    return {d.name: d.decode(u) for d, u in zip(space.dimensions, row)}


def encode(space: Space, point: dict) -> np.ndarray:
    """Point -> row [D]; a missing name takes its neutral value. Not snapped."""
    return np.array([
        d.encode(point.get(d.name, d.neutral_value())) for d in space.dimensions])


def active_point(space: Space, row: np.ndarray) -> dict:
    """One row [D] -> the part of its point that matters, in the table's order."""
    active = activity(space, row[None])[0]
    return {n: v for (n, v), on in zip(decode(space, row).items(), active) if on}


def graph(space: Space, row: np.ndarray) -> architecture.Graph:
    """One canonical row [D] -> its exact graph."""
    point = decode(space, row)
    return architecture.resolve(point, space.input_shape, space.num_classes)


def feasible(space: Space, rows: np.ndarray) -> np.ndarray:
    """[N, D] -> [N] bool: every feature map has at least one pixel."""
    return np.array([graph(space, row).feasible() for row in rows], bool)


def sample(key: jax.Array, space: Space, num: int) -> np.ndarray:
    """`num` canonical feasible rows drawn from the prior, [num, D]."""
    rng, kept, found = generator(key), [], 0
    while found < num:
        rows = snap(space, rng.random((2 * num + 8, len(space.dimensions))))
        kept.append(rows[feasible(space, rows)])
        found += len(kept[-1])
    return canonical(space, np.concatenate(kept)[:num])


def _columns(space, prefix):
    return [i for i, n in enumerate(space.names) if n.startswith(prefix)]


def _holds(space, rows, active, condition):
    column = space.index(condition.name)
    dimension = space.dimensions[column]
    index = dimension.index(rows[:, column])
    wanted = [v for v in condition.values if dimension.problem(v) is None]
    levels = [int(dimension.index(dimension.encode(v))) for v in wanted]
    return active[:, column] & np.isin(index, levels)


def _evaluation_order(space):
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


def _canonical_reductions(space, point):
    """Replace each downsample fraction by the one its number of maps stands for."""
    shape = space.input_shape
    channels = 1 if point['downsample-input-in-depth'] else shape[2]
    for k in range(1, point['num-conv-blocks'] + 1):
        for l in range(1, point[f'num-conv-layers-block-{k}'] + 1):
            tag = f'block-{k}-layer-{l}'
            if point[f'layer-type-{tag}'] == 'DownsampledConv2D':
                name = f'downsample-{tag}'
                maps = architecture.reduced_channels(point[name], channels)
                point[name] = min(maps / channels, 0.5)
            channels = point[f'num-filters-{tag}']


def _canonical_budget(space, point):
    """Replace total and fractions by the midpoint of those that give these units."""
    net = architecture.resolve(point, space.input_shape, space.num_classes)
    names = architecture.branches(point)
    if not names or not net.feasible():
        return
    fan_in = architecture.fan_ins(net, architecture.block_ends(point))
    units = architecture.fc_units(point, fan_in)
    share = {b: (units[b] + 0.5) * fan_in[b] for b in names}
    total = space['total-fc-layer-weights']
    budget = total.step * round(sum(share.values()) / total.step)
    changed = {'total-fc-layer-weights': int(min(max(budget, total.low), total.high))}
    if len(names) > 1:
        changed |= {f'weight-fraction-{b}-branch': share[b] / sum(share.values())
                    for b in names}
    if architecture.fc_units(point | changed, fan_in) == units:
        point.update(changed)
