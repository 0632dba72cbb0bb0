"""The points of a search by gradient: a front of budgets below those of the search."""

import concurrent.futures
import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from sparse_jax import compiler, efforts
from sparse_jax.differentiable import choices
from sparse_jax.differentiable import search as relaxed
from sparse_jax.differentiable.costs import Budgets
from sparse_jax.differentiable.discretise import Network, discretise
from sparse_jax.differentiable.network import products
from sparse_jax.differentiable.search import Config
from sparse_jax.differentiable.template import Decisions
from sparse_jax.objectives.goal import Goal
from sparse_jax.search.starts import SPARE, WHOLE_MAPS, known_cost, targets
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.dimensions import Role
from sparse_jax.space.sparse_space import Space
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


def points(setup: 'Setup', key: jax.Array) -> np.ndarray:
    """Networks found by gradient, one for every template, budget and seed that gives
    another one.

    Budgets are shares of what random structures are filled up to (`starts.targets`).
    The first training of a network has the middle of every row of the table that the
    search by gradient does not decide, further ones draw these rows from the prior.

    Args:
      setup: the objects of the search.
      key: consumed.

    Returns:
      [N, D] canonical rows, different ones, the largest budget first; none where no
      template has a network within the budgets.
    """
    settings, space = setup.settings.differentiable, setup.space
    focused = setup.settings.search.focus == 'error'
    shares = _shares(settings.budgets, focused) * settings.seeds
    seeds = np.repeat(np.arange(settings.seeds), settings.budgets)
    key_search, key_rows = jax.random.split(key)
    bases = _bases(key_rows, setup, len(shares) * len(settings.templates) + 1)
    rows: dict[bytes, np.ndarray] = {}
    seen: set[Graph] = set()
    found = [_of_template(setup, key_search, text, shares, seeds)
             for text in settings.templates]
    for i, network in enumerate(n for at_share in zip(*found) for n in at_share):
        if network is None:
            continue
        base = bases[i + 1] if network.graph in seen else bases[0]
        seen.add(network.graph)
        # What the network is decided by is the same for all bases.
        row = network._replace(point=_joined(space, base, network.point)).row(space)
        rows.setdefault(row.tobytes(), row)
    return np.array(list(rows.values())).reshape(-1, len(space.dimensions))


def work(setup: 'Setup') -> Work:
    """What `points` will take."""
    settings = setup.settings.differentiable
    searches = settings.budgets * settings.seeds
    # The first set has all of the memory.
    most = _most_memory([_budgets(setup, share) for share in _shares(1)])
    each = [products(choices.of_space(setup.space, text, settings.widest, most))
            for text in settings.templates]
    images = settings.steps * settings.batch_size * searches
    return Work(searches * len(each), len(each), float(images * sum(each)))


def _of_template(
    setup: 'Setup', key: jax.Array, text: str, shares: Sequence[_Share],
    seeds: np.ndarray,
) -> list[Network | None]:
    """What one template gives within every set of budgets."""
    settings, space = setup.settings.differentiable, setup.space
    budgets = [_budgets(setup, share) for share in shares]
    template = choices.of_space(space, text, settings.widest, _most_memory(budgets))
    config = Config(template, settings.steps, settings.batch_size,
                    conv=setup.lowering.conv)
    allow = choices.allowed(template, space)
    base = _middle(setup)
    logits = _trained(setup, key, (budgets, seeds), config, allow)
    return [discretise(jax.tree.map(lambda a, i=i: a[i], logits), template, space,
                       functools.partial(_excess, setup=setup, share=share), base)
            for i, share in enumerate(shares)]


def _trained(
    setup: 'Setup', key: jax.Array, searches: tuple[Sequence[Budgets], np.ndarray],
    config: Config, allow: Decisions,
) -> Decisions:
    """Logits of all searches, [B, ...] on the host; on a CPU in as many threads as the
    machine lends, all by one program."""
    budgets, seeds = searches
    on_cpu, runtime = jax.default_backend() == 'cpu', setup.settings.runtime
    workers = min(runtime.workers or os.cpu_count() or 1, len(seeds)) if on_cpu else 1
    each = -(-len(seeds) // workers)
    # Slices of one length; the last one repeats what it lacks.
    slices = np.minimum(np.arange(workers * each), len(seeds) - 1).reshape(workers, -1)
    data = train_data(setup.dataset.train, setup.dataset)
    given = [(key, data, relaxed.stacked([budgets[i] for i in part]), seeds[part])
             for part in slices]
    chunk = 1 if on_cpu else None
    program = relaxed.front.lower(*given[0], config, allow, chunk).compile(
        compiler_options=compiler.known(efforts.PLAIN) if on_cpu else None)
    run = lambda part: jax.device_get(program(*part, allow).logits)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(run, given))
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:len(seeds)], *found)


def _most_memory(budgets: Sequence[Budgets]) -> float:
    return max(float(most.working_memory) for most in budgets)


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


def _excess(graph: Graph, *, setup: 'Setup', share: _Share) -> float:
    """How far an exact network is over the budgets, in nats."""
    if not graph.feasible():
        return float('inf')
    over = _REFUSED if setup.evaluator.refuses(graph) else 0.0
    for goal, limit in _limits(setup, share):
        cost = known_cost(graph, goal, setup.objectives)
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
