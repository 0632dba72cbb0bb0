"""The points of a search by gradient: a front of budgets below those of the search."""

import concurrent.futures
import functools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from sparse_jax import efforts
from sparse_jax.differentiable import choices
from sparse_jax.differentiable import search as relaxed
from sparse_jax.differentiable.boards import Figures
from sparse_jax.differentiable.costs import Budgets
from sparse_jax.differentiable.discretise import Network, discretise
from sparse_jax.differentiable.linear import Linear
from sparse_jax.differentiable.network import products
from sparse_jax.differentiable.search import Config
from sparse_jax.differentiable.template import Decisions
from sparse_jax.differentiable.weights import exact_weights
from sparse_jax.evaluation import machine
from sparse_jax.search import shares
from sparse_jax.search.known import Known
from sparse_jax.search.shares import Share
from sparse_jax.search.starts import estimates
from sparse_jax.settings import reading
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.dimensions import Role
from sparse_jax.space.sparse_space import Space
from sparse_jax.study.outcome import Weights
from sparse_jax.training.data import TrainData, train_data

if TYPE_CHECKING:
    from sparse_jax.search.setup import Setup

class Work(NamedTuple):
    """What a search by gradient takes, see `forecast`."""

    networks: int
    """At most."""
    programs: int
    products: float
    """Multiply-accumulates of all steps of all searches, forward."""


NOTHING = Work(0, 0, 0.0)
Searches = tuple[jax.Array, TrainData, Budgets, np.ndarray]
"""Key, images, budgets [B] and seeds [S], as `relaxed.front` takes them."""
_Trained = tuple[Decisions, tuple[Linear, ...]]
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
    all_shares = shares.shares(settings.budgets, focused)
    key_search, key_rows = jax.random.split(key)
    bases = _bases(key_rows, setup, work(setup).networks + 1)
    rows: dict[bytes, tuple[np.ndarray, Weights | None]] = {}
    seen: set[Graph] = set()
    excess = functools.partial(
        shares.excess, setup=setup, estimate=estimates(
            setup.settings, setup.objectives, setup.dataset))
    found = [_of_template(setup, (key_search, text), all_shares, excess)
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
    most = shares.budgets(setup, shares.shares(1)[0])
    counts_board = any(np.isfinite(getattr(most, name)) for name in Figures._fields)
    template = choices.of_space(setup.space, text, settings.widest, most)
    return Config(template, settings.steps, settings.batch_size,
                  conv=setup.lowering.conv,
                  core=reading.board(setup.settings).core if counts_board else '',
                  holds=setup.settings.search.inherit)


def _of_template(
    setup: 'Setup', search: tuple[jax.Array, str], parts: Sequence[Share],
    excess: Callable[..., float],
) -> list[_Made | None]:
    """What one template gives at every seed within every set of budgets.

    Args:
      setup: the objects of the search.
      search: the key, and the text of the template.
      parts: all sets of budgets.
      excess: `shares.excess` of a graph and its `most`.
    """
    key, text = search
    space, config = setup.space, _config(setup, text)
    trained = _trained(
        setup, key, [shares.budgets(setup, part) for part in parts], config)

    def made(at: tuple[int, int], part: Share) -> _Made | None:
        logits, params = jax.tree.map(lambda a: a[at], trained)
        network = discretise(
            logits, config.template, space,
            functools.partial(excess, most=shares.limits(setup, part)), _middle(setup))
        if network is None:
            return None
        own = exact_weights(params, network, config.template) if config.holds else None
        return network, None if own is None else Weights(own, {}, {}, {}, {})

    seeds = range(setup.settings.differentiable.seeds)
    return [made((seed, i), part) for seed in seeds for i, part in enumerate(parts)]


def _trained(
    setup: 'Setup', key: jax.Array, budgets: Sequence[Budgets], config: Config
) -> _Trained:
    """Logits and weights of all searches, [seeds, budgets, ...] on the host; on a CPU
    in as many threads as the machine lends, elsewhere on all of its devices; by one
    program."""
    runtime, number = setup.settings.runtime, len(budgets)
    seeds = np.arange(setup.settings.differentiable.seeds)
    allow = choices.allowed(config.template, setup.space)
    data = train_data(setup.dataset.train, setup.dataset)
    if jax.default_backend() != 'cpu':
        mesh = Mesh(np.array(jax.local_devices()[:runtime.devices or None]),
                    (machine.AXIS,))
        most = _filled(budgets, mesh.devices.size)
        found = over_devices(mesh, (key, data, most, seeds), config, allow)
        return jax.tree.map(lambda a: a[:, :number], found)
    workers = min(runtime.workers or os.cpu_count() or 1, number)
    most = _filled(budgets, workers)
    given = [(key, data, jax.tree.map(lambda a, i=i: a[i], jax.tree.map(
        lambda a: a.reshape(workers, -1), most)), seeds) for i in range(workers)]
    program = relaxed.front.lower(*given[0], config, allow).compile(
        compiler_options=machine.compiler_options(machine.make_mesh(1), efforts.QUICK))
    run = lambda part: jax.device_get(program(*part, allow)[:2])
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(run, given))
    return jax.tree.map(lambda *parts: np.concatenate(parts, 1)[:, :number], *parts)


def over_devices(
    mesh: Mesh, given: Searches, config: Config, allow: Decisions
) -> _Trained:
    """Logits and weights of searches that all run at the same time, on the host.

    Args:
      mesh: devices of this process; the budgets are split over them.
      given: as of `relaxed.front`; as many budgets as a multiple of these.
      config: static.
      allow: as of `relaxed.search`.
    """
    local = lambda key, data, budgets, seeds: relaxed.front(
        key, data, budgets, seeds, config, allow, True)[:2]
    whole, split = PartitionSpec(), PartitionSpec(machine.AXIS)
    spread = jax.jit(jax.shard_map(
        local, mesh=mesh, in_specs=(whole, whole, split, whole),
        out_specs=PartitionSpec(None, machine.AXIS), check_vma=False))
    program = spread.lower(*given).compile(
        compiler_options=machine.compiler_options(mesh, efforts.QUICK))
    return jax.device_get(program(*given))


def _filled(budgets: Sequence[Budgets], parts: int) -> Budgets:
    """Stacked, so many that they are split into equal parts; the last one repeats."""
    whole = -(-len(budgets) // parts) * parts
    return relaxed.stacked([
        budgets[min(i, len(budgets) - 1)] for i in range(whole)])


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
