"""Random structures of the table, as wide as a budget allows.

Draws from the prior that are small enough for a microcontroller are mostly thin:
layers of one to three maps, which hardly train. Here a draw gives the structure
(depth, types, kernels, pools, input down-sampling, settings of training), and the
budget the widths: all of them grow in a random direction until nothing more fits.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax.host_random import generator, root_key
from sparse_jax.space import architecture, budget, encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.dimensions import Dimension, Value
from sparse_jax.space.layer_types import LAYER_TYPES
from sparse_jax.space.sparse_space import Space

Fits = Callable[[Graph], bool]
"""Whether an exact graph, before pruning, is within the budget."""

DESIGNS = ('prior', 'filled')
"""How random points of a search are drawn."""
MOST_UNITS = 1024
"""Of a fully connected branch."""
_UNITS = 'units-'
_HALVINGS = 7
_CHUNK = 64
"""Structures drawn at once."""
_SCREENED = 1024
"""Structures by which it is judged what the budget forces."""
_ENOUGH = 8
"""Of them, as many have to fit."""
_PATIENCE = 64
"""Structures drawn per row before the next weaker demand holds."""
_RARE = 16
"""Draws per structure that is a network, at most."""
_BLOCKS = 'num-conv-blocks'
_STRIDE = 'stride-block-1'


class Demand(NamedTuple):
    """What every structure has at least."""

    maps: int
    """Maps of every convolution (but of one that squeezes the image), and units of
    every fully connected branch if there are as many classes."""
    side: int
    """Pixels of the shorter side of every feature map that no global pool leaves."""


DEMANDS = (Demand(4, 2), Demand(3, 2), Demand(2, 2), Demand(2, 1), Demand(1, 1))
"""From what is wanted to what a tight budget may force."""


class _Knob(NamedTuple):
    """A size that grows: a row of widths, or the units of branches."""

    name: str
    low: int
    high: int


class _Structure(NamedTuple):
    """A point whose sizes are open."""

    space: Space
    row: np.ndarray
    point: dict
    knobs: tuple[_Knob, ...]
    maps: int
    """Of a convolution that squeezes another one's, at least."""

    def sized(self, sizes: dict[str, int]) -> dict:
        """The point with these widths and units, or where no step gives these the next
        larger ones."""
        return self._built(sizes)[0]

    def graph(self, sizes: dict[str, int]) -> Graph:
        """The exact network with these widths and units."""
        point, trunk = self._built(sizes)
        return architecture.headed(point, trunk, self.space.num_classes)

    def smallest(self) -> Graph:
        """The exact network with the least of them."""
        return self.graph({k.name: k.low for k in self.knobs})

    def _built(self, sizes: dict[str, int]) -> tuple[dict, Graph]:
        """`sized`, and the network before the branches, which have no part in it."""
        space, point = self.space, dict(self.point)
        before = ''
        for name in (k.name for k in self.knobs if not k.name.startswith(_UNITS)):
            point[name] = sizes[name]
            tag = name.removeprefix('num-filters-')
            if before and LAYER_TYPES[point[f'layer-type-{tag}']].reduces:
                share = space[f'downsample-{tag}']
                enough = max(point[share.name], self.maps / point[before])
                point[share.name] = min(enough, share.high)
            before = name
        trunk = architecture.trunk(
            point, space.input_shape, fold_binary=space.fold_binary)
        if heads := architecture.branches(point):
            units = {b: sizes.get(_UNITS + b, sizes[_UNITS + heads[0]]) for b in heads}
            fan_in = architecture.fan_ins(trunk, architecture.block_ends(point))
            if min(fan_in.values()) > 0:
                point |= budget.of_units(space, point, units, fan_in)
        return point, trunk


def demand(space: Space, fits: Fits) -> Demand | None:
    """The strongest of `DEMANDS` that about one in a hundred structures meets within
    the budget; of none as many, the strongest that one meets; None where none does."""
    count = lambda wanted, most: len(list(itertools.islice(
        _screened(space, fits, wanted), most)))
    # What meets no demand is found with the weakest alone.
    if not count(DEMANDS[-1], 1):
        return None
    counts = []
    for wanted in DEMANDS:
        counts.append(count(wanted, _ENOUGH))
        if counts[-1] == _ENOUGH:
            return wanted
    return next(wanted for wanted, n in zip(DEMANDS, counts) if n)


def smallest(space: Space) -> Iterator[Graph]:
    """The structures by which it is judged what a budget forces, each as small as its
    types allow; most of them once."""
    return (start.smallest() for start in _screened(
        space, lambda graph: True, DEMANDS[-1]))


def sample(
    key: jax.Array, space: Space, num: int, fits: Fits, wanted: Demand
) -> np.ndarray:
    """Random structures with widths and units grown until the budget is full.

    No draw reads the image by a fully connected branch of its own (right-branch), past
    all convolutions, where the table allows to leave it out. Networks of one block and
    of two, with and without a pool after each, each type of the last pool, and with
    and without a stride of the first layer come in turns, as far as they fit: of the
    prior's draws a budget hardly lets any through that has two blocks and pools.

    Args:
      key: consumed.
      space: the table; structures and all but widths and units are its prior's.
      num: N rows.
      fits: the budget.
      wanted: what `demand` gives for the same space and budget.

    Returns:
      [N, D] canonical rows within the budget, from none of which a single width or
      branch can be enlarged by one. Where too few structures meet what is wanted,
      weaker demands hold; where none fits at all, draws from the prior.
    """
    weaker = DEMANDS[DEMANDS.index(wanted):]
    key_rest, key_grow, *keys = jax.random.split(key, len(weaker) + 2)
    rng, found = generator(key_grow), np.empty((0, len(space.dimensions)))
    for key_draw, least in zip(keys, weaker):
        starts = _in_turns(key_draw, space, _PATIENCE * num, fits, least)
        rows = [_grown(rng, start, fits)
                for start in itertools.islice(starts, num - len(found))]
        found = np.concatenate([found, np.array(rows).reshape(-1, found.shape[1])])
    rest = encoding.sample(key_rest, space, num - len(found))
    return np.concatenate([encoding.canonical(space, found), rest])


def _in_turns(
    key: jax.Array, space: Space, most: int, fits: Fits, least: Demand
) -> Iterator[_Structure]:
    """Random structures that fit at their least sizes, of each of `_shapes` in turn, in
    random order; one that gives none among as many draws as it is due is left out."""
    shapes = _shapes(space)
    due = -(-most // len(shapes))
    key, key_order = jax.random.split(key)
    shapes = [shapes[i] for i in generator(key_order).permutation(len(shapes))]
    turns = [_starts(jax.random.fold_in(key, i), space, due, fits, least, shape)
             for i, shape in enumerate(shapes)]
    while turns:
        for starts in list(turns):
            start = next(starts, None)
            if start is None:
                turns.remove(starts)
            else:
                yield start


def _shapes(space: Space) -> list[dict[str, Value]]:
    """Numbers of blocks, with and without a pool after each, types of the last pool and
    strides of the first layer, that the table allows."""
    shapes: list[dict[str, Value]] = []
    for blocks in map(int, _values(space[_BLOCKS])):
        names = [f'pool-block-{k}' for k in range(1, blocks + 1)]
        last = f'pool-type-block-{blocks}'
        names += [name for name in (last, _STRIDE) if name in space]
        for chosen in itertools.product(*(_values(space[name]) for name in names)):
            shape = {_BLOCKS: blocks} | dict(zip(names, chosen))
            if not shape[f'pool-block-{blocks}']:
                # Without a pool its type is none.
                shape.pop(last, None)
            if shape not in shapes:
                shapes.append(shape)
    return shapes


def _values(row: Dimension) -> tuple[Value, ...]:
    return row.options or tuple(row.level(i) for i in range(row.levels))


def _screened(space: Space, fits: Fits, least: Demand) -> Iterator[_Structure]:
    """Of `_SCREENED` random structures those that fit at their least sizes."""
    return _starts(root_key(0), space, _SCREENED, fits, least, {})


def _starts(
    key: jax.Array, space: Space, most: int, fits: Fits, least: Demand,
    shape: dict[str, Value],
) -> Iterator[_Structure]:
    """Of about `most` random structures with the values of `shape` those that fit at
    their least sizes."""
    rng, seen = generator(key), 0
    # Few draws of the table may be networks at all.
    for _ in range(_RARE * -(-most // _CHUNK)):
        if seen >= most:
            break
        rows = rng.random((_CHUNK, len(space.dimensions)))
        for name, value in shape.items():
            rows[:, space.index(name)] = space[name].encode(value)
        rows = encoding.snap(space, rows)
        rows = _indirect(space, rows[encoding.feasible(space, rows)])
        seen += len(rows)
        for row, point in zip(rows, encoding.decode_rows(space, rows)):
            knobs = _knobs(space, point, least)
            structure = _Structure(space, row, point, knobs, least.maps)
            graph = structure.smallest()
            if _roomy(graph, least.side) and fits(graph):
                yield structure


def _indirect(space: Space, rows: np.ndarray) -> np.ndarray:
    """Rows without a branch past all convolutions, where the table allows it."""
    branch = space['right-branch']
    if False not in branch.options:
        return rows
    rows = rows.copy()
    rows[:, space.index(branch.name)] = branch.encode(False)
    return encoding.snap(space, rows)


def _knobs(space: Space, point: dict, least: Demand) -> tuple[_Knob, ...]:
    """What can grow, with the least and most of each; widths first, in order."""
    tags = [f'block-{k}-layer-{l}' for k in range(1, point['num-conv-blocks'] + 1)
            for l in range(1, point[f'num-conv-layers-block-{k}'] + 1)]
    squeezed = [LAYER_TYPES[point[f'layer-type-{tag}']].reduces for tag in tags]
    knobs = []
    for tag, after in zip(tags, [*squeezed[1:], False]):
        row = space[f'num-filters-{tag}']
        low, high = int(row.low), int(row.high)
        # Half of its maps, at most, are what a layer that squeezes them keeps.
        maps = 2 * least.maps if after else least.maps
        knobs.append(_Knob(row.name, max(low, min(maps, high)), high))
    units = min(least.maps, space.num_classes)
    heads = architecture.branches(point)
    if len(heads) > 1 and point['merge-type'] == 'Sum':
        # All have the same units.
        heads = heads[:1]
    return (*knobs, *(_Knob(_UNITS + b, units, MOST_UNITS) for b in heads))


def _roomy(graph: Graph, side: int) -> bool:
    """Whether every feature map has so many pixels on its shorter side, but for what a
    global pool leaves."""
    whole = {node.name for node in graph.nodes if node.kernel >= architecture.WHOLE}
    return graph.feasible() and all(
        min(shape[1:]) >= side for name, shape in graph.shapes().items()
        if len(shape) == 3 and name not in whole)


def _grown(rng: np.random.Generator, start: _Structure, fits: Fits) -> np.ndarray:
    """The row [D] with its sizes enlarged until none can grow by one.

    First all together: size k is low (high / low)^(s g_k), with random g_k up to 1 and
    the largest s that fits. Then each by itself, in random order, as far as it goes.
    """
    knobs, fine = start.knobs, lambda sizes: fits(start.graph(sizes))
    low, high = (np.array(ends, float) for ends in zip(*(k[1:] for k in knobs)))
    gain = rng.random(len(knobs))
    direction = np.log(high / low) * gain / gain.max()
    at = lambda s: {k.name: round(float(v)) for k, v in zip(
        knobs, low * np.exp(s * direction))}
    below, above = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (below + above) / 2
        below, above = (middle, above) if fine(at(middle)) else (below, middle)
    sizes = at(below)
    for i in rng.permutation(len(knobs)):
        sizes[knobs[i].name] = _largest(sizes, knobs[i], fine)
    point, row = start.sized(sizes), start.row.copy()
    for name, value in point.items():
        if value != start.point[name]:
            row[start.space.index(name)] = start.space[name].encode(value)
    return row


def _largest(
    sizes: dict[str, int], knob: _Knob, fine: Callable[[dict[str, int]], bool]
) -> int:
    """How large one size can be, all others held."""
    best, step = sizes[knob.name], 1
    while best + step <= knob.high and fine(sizes | {knob.name: best + step}):
        best, step = best + step, 2 * step
    while step > 1:
        step //= 2
        if best + step <= knob.high and fine(sizes | {knob.name: best + step}):
            best += step
    return best
