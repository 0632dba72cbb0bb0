"""The points of a search by gradient: a front of budgets below those of the search."""

import concurrent.futures
import functools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from sparse_jax import efforts
from sparse_jax.differentiable import choices
from sparse_jax.differentiable import search as relaxed
from sparse_jax.differentiable.costs import Budgets
from sparse_jax.differentiable.discretise import Network, discretise
from sparse_jax.differentiable.linear import Linear
from sparse_jax.differentiable.network import products
from sparse_jax.differentiable.search import Config
from sparse_jax.differentiable.template import Decisions
from sparse_jax.differentiable.weights import exact_weights
from sparse_jax.evaluation import machine
from sparse_jax.evaluation.estimates import Estimate
from sparse_jax.objectives.goal import Goal
from sparse_jax.search.known import Known
from sparse_jax.search.starts import (
    SPARE,
    WHOLE_MAPS,
    estimates,
    known_cost,
    targets,
)
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.dimensions import Role
from sparse_jax.space.sparse_space import Space
from sparse_jax.study.outcome import Weights
from sparse_jax.training.data import train_data

if TYPE_CHECKING:
    from sparse_jax.search.setup import Setup

SMALLEST, NARROWEST = 1 / 16, 1 / 16
"""Shares of their targets that model sizes go down to, and working memories: fronts
span decades of both."""
LEAST = 1 / 2
"""The same where costs are limits alone (`search.focus`)."""
_REFUSED = 10.0
"""Excess of what is not worth training, in nats."""


class _Share(NamedTuple):
    """One set of budgets, relative to the targets of the search."""

    size: float
    memory: float


class Work(NamedTuple):
    """What a search by gradient takes, see `forecast`."""

    networks: int
    """At most."""
    programs: int
    products: float
    """Multiply-accumulates of all steps of all searches, forward."""


NOTHING = Work(0, 0, 0.0)
_Made = tuple[Network, Weights | None]
"""A network, and its weights where it inherits them."""


def points(setup: 'Setup', key: jax.Array) -> Known:
    """Networks found by gradient, one for every template, budget and seed that gives
    another one.

    Budgets are shares of what random structures are filled up to (`starts.targets`).
    The first training of a network has the middle of every row of the table that the
    search by gradient does not decide, further ones draw these rows from the prior.

    Args:
      setup: the objects of the search.
      key: consumed.

    Returns:
      Different networks, the largest budget first, with the weights that they had when
      they were found, where the search inherits weights; none where no template has a
      network within the budgets.
    """
    settings, space = setup.settings.differentiable, setup.space
    focused = setup.settings.search.focus == 'error'
    shares = _shares(settings.budgets, focused)
    key_search, key_rows = jax.random.split(key)
    bases = _bases(key_rows, setup, work(setup).networks + 1)
    rows: dict[bytes, tuple[np.ndarray, Weights | None]] = {}
    seen: set[Graph] = set()
    excess = functools.partial(
        _excess, setup=setup, estimate=estimates(
            setup.settings, setup.objectives, setup.dataset))
    found = [_of_template(setup, (key_search, text), shares, excess)
             for text in settings.templates]
    for i, made in enumerate(n for at_share in zip(*found) for n in at_share):
        if made is None:
            continue
        network, weights = made
        base = bases[i + 1] if network.graph in seen else bases[0]
        seen.add(network.graph)
        # What the network is decided by is the same for all bases.
        row = network._replace(point=_joined(space, base, network.point)).row(space)
        rows.setdefault(row.tobytes(), (row, weights))
    kept = list(rows.values())
    return Known(np.array([row for row, _ in kept]).reshape(-1, len(space.dimensions)),
                 tuple(weights for _, weights in kept))


def work(setup: 'Setup') -> Work:
    """What `points` will take."""
    settings = setup.settings.differentiable
    configs = [_config(setup, text) for text in settings.templates]
    networks = settings.budgets * settings.seeds * len(configs)
    return Work(networks, len(configs), sum(map(
        functools.partial(_products, searches=(settings.seeds, settings.budgets)),
        configs)))


def _products(config: Config, searches: tuple[int, int]) -> float:
    """Of all steps: the searches of a seed share their warm-up."""
    seeds, budgets = searches
    steps = seeds * (config.warmup + budgets * (config.last - config.warmup))
    return float(steps * config.batch_size * products(config.template))


def _config(setup: 'Setup', text: str) -> Config:
    """Of the searches of a template."""
    settings = setup.settings.differentiable
    # The first set of budgets has all of the memory.
    most = _budgets(setup, _shares(1)[0])
    template = choices.of_space(setup.space, text, settings.widest, most)
    return Config(template, settings.steps, settings.batch_size,
                  conv=setup.lowering.conv,
                  holds=setup.settings.search.inherit)


def _of_template(
    setup: 'Setup', search: tuple[jax.Array, str], shares: Sequence[_Share],
    excess: Callable[..., float],
) -> list[_Made | None]:
    """What one template gives at every seed within every set of budgets.

    Args:
      setup: the objects of the search.
      search: the key, and the text of the template.
      shares: all sets of budgets.
      excess: `_excess` of a graph and a `share`.
    """
    key, text = search
    space, config = setup.space, _config(setup, text)
    trained = _trained(
        setup, key, [_budgets(setup, share) for share in shares], config)

    def made(at: tuple[int, int], share: _Share) -> _Made | None:
        logits, params = jax.tree.map(lambda a: a[at], trained)
        network = discretise(
            logits, config.template, space,
            functools.partial(excess, share=share), _middle(setup))
        if network is None:
            return None
        own = exact_weights(params, network, config.template) if config.holds else None
        return network, None if own is None else Weights(own, {}, {}, {}, {})

    seeds = range(setup.settings.differentiable.seeds)
    return [made((seed, i), share) for seed in seeds for i, share in enumerate(shares)]


def _trained(
    setup: 'Setup', key: jax.Array, budgets: Sequence[Budgets], config: Config
) -> tuple[Decisions, tuple[Linear, ...]]:
    """Logits and weights of all searches, [seeds, budgets, ...] on the host; on a CPU
    in as many threads as the machine lends, all by one program."""
    on_cpu, runtime = jax.default_backend() == 'cpu', setup.settings.runtime
    workers = min(runtime.workers or os.cpu_count() or 1, len(budgets)) if on_cpu else 1
    each = -(-len(budgets) // workers)
    # Slices of one length; the last one repeats what it lacks.
    slices = np.minimum(np.arange(workers * each), len(budgets) - 1)
    seeds = np.arange(setup.settings.differentiable.seeds)
    allow = choices.allowed(config.template, setup.space)
    data = train_data(setup.dataset.train, setup.dataset)
    given = [(key, data, relaxed.stacked([budgets[i] for i in part]), seeds)
             for part in slices.reshape(workers, -1)]
    program = relaxed.front.lower(*given[0], config, allow, not on_cpu).compile(
        compiler_options=machine.compiler_options(machine.make_mesh(1), efforts.PLAIN))
    run = lambda part: jax.device_get(program(*part, allow)[:2])
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(run, given))
    return jax.tree.map(
        lambda *parts: np.concatenate(parts, 1)[:, :len(budgets)], *found)


def _shares(number: int, focused: bool = False) -> list[_Share]:
    """So many sets of budgets: geometric in the model size, every other one with less
    working memory, geometric too.

    focused: whether costs are limits alone; all sets are near to them then.
    """
    smallest, narrowest = (LEAST, LEAST) if focused else (SMALLEST, NARROWEST)
    last, pairs = max(1, number - 1), max(1, number // 2)
    return [_Share(smallest ** (i / last),
                   narrowest ** ((i // 2 + 1) / pairs) if i % 2 else 1.0)
            for i in range(number)]


def _limits(setup: 'Setup', share: _Share) -> list[tuple[Goal, float]]:
    """Costs before pruning and the most that they may be; pruning has its spare."""
    prunes = setup.settings.pruning.method != 'none'
    found = []
    for goal, most in targets(setup.objectives):
        names = {goal.name, goal.like}
        if names & set(WHOLE_MAPS):
            most *= share.memory
        else:
            most *= share.size if 'model_size' in names else 1.0
            most *= SPARE if prunes else 1.0
        found.append((goal, most))
    return found


def _budgets(setup: 'Setup', share: _Share) -> Budgets:
    """The same of the costs that have expectations, infinite for others."""
    most = dict.fromkeys(Budgets._fields, np.inf)
    for goal, limit in _limits(setup, share):
        like = setup.objectives.goal(goal.like) if goal.like else goal
        name = setup.objectives.field(like) if like.unit == goal.unit else ''
        if name in most:
            most[name] = min(most[name], limit)
    return Budgets(**most)


def _excess(
    graph: Graph, *, setup: 'Setup', share: _Share,
    estimate: Estimate = lambda graph: {},
) -> float:
    """How far an exact network is over the budgets, in nats.

    estimate: costs on a board of networks that nothing prunes.
    """
    if not graph.feasible():
        return float('inf')
    over = _REFUSED if setup.evaluator.refuses(graph) else 0.0
    for goal, limit in _limits(setup, share):
        cost = known_cost(graph, goal, setup.objectives, estimate)
        over += float(np.log(cost / limit)) if cost is not None and cost > limit else 0
    return over


def _middle(setup: 'Setup') -> dict:
    """The middle of every row, without batch norm where the space allows that."""
    space = setup.space
    point = encoding.decode(space, np.full(len(space.dimensions), 0.5))
    return point | _plain(setup)


def _plain(setup: 'Setup') -> dict:
    return {'batch-norm': setup.space['batch-norm'].options[0]}


def _bases(key: jax.Array, setup: 'Setup', number: int) -> list[dict]:
    """The middle, then draws of the prior."""
    drawn = encoding.sample(key, setup.space, max(number - 1, 1))
    return [_middle(setup), *(point | _plain(setup)
                              for point in encoding.decode_rows(setup.space, drawn))]


def _joined(space: Space, base: dict, network: dict) -> dict:
    """A network with the settings of training and pruning of a base."""
    return network | {row.name: base[row.name] for row in space.dimensions
                      if row.role in (Role.TRAINING, Role.PRUNING)}
