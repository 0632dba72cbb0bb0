"""From trained decisions to networks of the table within their budgets.

The likeliest choices are taken first. While a budget is exceeded, the one other choice
that costs least in logits, per nat of the excess that it saves, is taken in place of
one; at the end the thinnest networks are tried. Costs are those of the exact network
that a row of the table builds: what is returned is within the budgets.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from sparse_jax.differentiable.costs import COUNTED, Budgets
from sparse_jax.differentiable.template import (
    KERNELS,
    MOST_REDUCED,
    NEVER,
    Decisions,
    Template,
    type_of,
)
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.space import architecture, budget, encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.dimensions import Value
from sparse_jax.space.layer_types import LAYER_TYPES
from sparse_jax.space.sparse_space import Space

Excess = Callable[[Graph], float]
"""How far an exact network is over its budgets, in nats; 0 within, infinite for what is
no network."""
_THINNEST = 4096
"""Networks that are tried at the end, at most."""


class Network(NamedTuple):
    """Decisions as they were made."""

    choice: Decisions
    """Index of every choice: int, the last axis of the logits gone."""
    point: dict[str, Value]
    """Of the table, by name."""
    graph: Graph
    loss: float
    """How much less likely it is than the likeliest: the sum of differences of
    logits."""

    def row(self, space: Space) -> np.ndarray:
        """[D] canonical row of the table."""
        return encoding.canonical(space, encoding.encode(space, self.point)[None])[0]


class _Family(NamedTuple):
    """What the networks of one search have in common."""

    logits: Decisions
    """float64, on the host."""
    template: Template
    space: Space
    base: dict[str, Value]
    """Point with the settings of training and pruning."""
    excess: Excess

    def network(self, choice: Decisions) -> Network:
        """The network of a choice."""
        point = point_of(choice, self.template, self.space, self.base)
        space = self.space
        graph = architecture.resolve(point, space.input_shape, space.num_classes,
                                     fold_binary=space.fold_binary)
        loss = sum(
            float((a.max(-1) - np.take_along_axis(
                a, np.asarray(i)[..., None], -1)[..., 0]).sum())
            for a, i in zip(self.logits, choice))
        return Network(choice, point, graph, loss)


def excess_of(budgets: Budgets) -> Excess:
    """Over the counted costs before pruning, the sum of log(cost / budget) of those
    above."""
    def excess(graph: Graph) -> float:
        if not graph.feasible():
            return math.inf
        spent = ((getattr(graph_totals(graph), name), float(getattr(budgets, name)))
                 for name in COUNTED)
        return sum(math.log(cost / most) for cost, most in spent if cost > most)
    return excess


def discretise(
    logits: Decisions, template: Template, space: Space, excess: Excess,
    base: dict[str, Value],
) -> Network | None:
    """The network of trained decisions, repaired until it is within its budgets.

    Args:
      logits: of `search.search`, of one search.
      template: the family.
      space: the table.
      excess: over the budgets, of exact networks.
      base: point whose settings of training and pruning the network has.

    Returns:
      The network; None where no network of the template that was tried is within.
    """
    logits = Decisions(*(np.asarray(a, np.float64) for a in logits))
    family = _Family(logits, template, space, base, excess)
    network = family.network(Decisions(*(a.argmax(-1) for a in logits)))
    over = excess(network.graph)
    while over > 0:
        better = _repaired(network, over, family)
        if better is None:
            break
        network, over = better
    if over <= 0:
        return network
    thin = map(family.network, itertools.islice(_thinnest(logits), _THINNEST))
    likeliest = sorted(thin, key=lambda network: network.loss)
    return next((n for n in likeliest if excess(n.graph) <= 0), None)


def point_of(
    choice: Decisions, template: Template, space: Space, base: dict[str, Value]
) -> dict[str, Value]:
    """The point of the table that decisions stand for, by name.

    Args:
      choice: index of every choice.
      template: the family.
      space: the table; where a restriction leaves out a value the nearest is taken.
      base: point with the settings of training and pruning.
    """
    wanted: dict[str, Value] = {
        'downsample-input': template.rates[choice.rate] > 1,
        'input-downsampling-rate': template.rates[choice.rate],
        'input-downsampling-type': 'average' if template.averaged else 'max',
        'downsample-input-in-depth': bool(choice.squeeze),
        'num-conv-blocks': len(template.blocks),
        'num-fc-layers': int('main' in template.branches),
        'left-branch': 'left' in template.branches,
        'right-branch': 'right' in template.branches, 'merge-type': template.merge}
    maps = entering = 1 if choice.squeeze else template.input_shape[2]
    adds = lambda k: bool(template.residual and choice.residual[k - 1])
    for k, (first, end) in enumerate(zip(template.firsts, template.ends), 1):
        layers = [i for i in range(first, end) if choice.exists[i]]
        wanted |= {f'num-conv-layers-block-{k}': len(layers),
                   f'pool-block-{k}': bool(template.pools[choice.pool[k - 1]]),
                   f'pool-type-block-{k}': template.pools[choice.pool[k - 1]] or 'max',
                   f'stride-block-{k}': template.strides[choice.stride[k - 1]],
                   f'residual-block-{k}': adds(k)}
        for l, i in enumerate(layers, 1):
            tag = f'block-{k}-layer-{l}'
            kind = type_of(choice, i, template)
            wanted |= {f'layer-type-{tag}': kind,
                       f'kernel-size-{tag}': KERNELS[choice.kernel[i]],
                       f'num-filters-{tag}': template.widths[choice.width[i]]}
            if LAYER_TYPES[kind].reduces:
                left = choice.reduced[template.reducing.index(i)]
                wanted[f'downsample-{tag}'] = min(
                    template.reduced[left] / maps, MOST_REDUCED)
            maps = int(_nearest(space, f'num-filters-{tag}',
                                template.widths[choice.width[i]]))
        maps = entering = max(maps, entering) if adds(k) else maps
    point = base | {name: _nearest(space, name, value)
                    for name, value in wanted.items() if name in space}
    units = [template.units[i] for i in choice.units]
    return point | _units(space, point, {
        branch: units[i % template.sizings]
        for i, branch in enumerate(template.branches)})


def _repaired(
    network: Network, over: float, family: _Family
) -> tuple[Network, float] | None:
    """The best network that differs in one choice and exceeds less, with its excess."""
    best, least = None, math.inf
    for choice in _neighbours(network.choice, family.logits):
        other = family.network(choice)
        left = family.excess(other.graph)
        if left >= over:
            continue
        # What is no network at all has an infinite excess: any other is better.
        saved = over - left if math.isfinite(over) else 1.0
        price = max(other.loss - network.loss, 0.0) / saved
        if (price, left) < (least, best[1] if best else math.inf):
            best, least = (other, left), price
    return best


def _neighbours(choice: Decisions, logits: Decisions) -> Iterator[Decisions]:
    """All that differ in one choice which there is."""
    for field, a in zip(Decisions._fields, logits):
        chosen = np.asarray(getattr(choice, field))
        for place in np.ndindex(chosen.shape):
            for i in np.flatnonzero(_possible(np.asarray(a)[place])):
                if i != chosen[place]:
                    other = chosen.copy()
                    other[place] = i
                    yield choice._replace(**{field: other})


def _thinnest(logits: Decisions) -> Iterator[Decisions]:
    """The fewest maps in every layer and the fewest units, with all windows, pools,
    rates and layers that there can be; few layers first."""
    least = lambda a: np.array(
        [np.flatnonzero(_possible(row))[0] for row in a.reshape(-1, a.shape[-1])]
    ).reshape(a.shape[:-1]).astype(int)
    thin = {'width': least(logits.width), 'units': least(logits.units),
            'reduced': least(logits.reduced), 'residual': least(logits.residual)}
    open_ = ('exists', 'squeeze', 'rate', 'pool', 'kernel', 'stride', 'kind')
    places = [(name, place) for name in open_
              for place in np.ndindex(getattr(logits, name).shape[:-1])]
    options = [np.flatnonzero(_possible(np.asarray(getattr(logits, name))[place]))
               for name, place in places]
    start = Decisions(*(np.zeros(a.shape[:-1], int) for a in logits))._replace(**thin)
    for chosen in itertools.product(*options):
        arrays = {name: getattr(start, name).copy() for name in open_}
        for (name, place), i in zip(places, chosen):
            arrays[name][place] = i
        yield start._replace(**arrays)


def _possible(logits: np.ndarray) -> np.ndarray:
    """[choices] bool: those that there are."""
    return logits > NEVER / 2


def _nearest(space: Space, name: str, wanted: Value) -> Value:
    """A value of a row of the space: what is wanted, or the nearest that it has."""
    row = space[name]
    if row.options:
        return wanted if wanted in row.options else row.options[0]
    return wanted if row.problem(wanted) is None else row.decode(row.encode(wanted))


def _units(
    space: Space, point: dict, units: dict[str, int]
) -> dict[str, Value]:
    """The rows that give the fully connected layers of branches their units."""
    names = architecture.branches(point)
    net = architecture.resolve(point, space.input_shape, space.num_classes)
    if not names or not net.feasible():
        return {}
    fan_in = architecture.fan_ins(net, architecture.block_ends(point))
    # A restriction can ask for branches that the template does not have.
    wanted = dict.fromkeys(names, 1) | units
    return dict(budget.of_units(space, point, wanted, fan_in))
