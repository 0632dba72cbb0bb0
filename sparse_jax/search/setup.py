"""Configuration -> the objects of a search. The only reader of the config tree."""

import functools
import math
import os
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from sparse_jax import data, pruning
from sparse_jax.acquisition.maximize import MaximizeConfig
from sparse_jax.acquisition.propose import random_and_morphs
from sparse_jax.config import flatten
from sparse_jax.model.lowering import Lowering, default_lowering
from sparse_jax.model.skeleton import TierPolicy
from sparse_jax.objectives import graph_costs
from sparse_jax.search import algorithms
from sparse_jax.search.algorithms import Rules
from sparse_jax.search.domain import sparse_domain
from sparse_jax.search.evaluate import Evaluator
from sparse_jax.search.programs import Programs, Recipe, make_mesh, share
from sparse_jax.search.stages import staged
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import PRIORS, Space, sparse_space
from sparse_jax.surrogate.embedding import Layout
from sparse_jax.training.config import TrainConfig
from sparse_jax.training.train import TrainData
from sparse_jax.types import Domain, SearchAlgorithm

ALGORITHMS = ('sparse', 'sparse_ucb', 'qnparego', 'ehvi', 'aging_evolution', 'nsga2',
              'random')
MEMORY_MODELS = {'input+output': 'working_memory',
                 'input+weights': 'working_memory_weights'}
OBJECTIVES = ('error', 'model_size', 'working_memory')


EFFORT = MaximizeConfig(chunk=128, rounds=2, elite=8)
"""Candidates are costly to describe here: a small pool, refined twice."""


class ConfigError(ValueError):
    """A setting that is not allowed; the message is one line."""


class Setup(NamedTuple):
    """Everything a search runs on."""

    config: ml_collections.ConfigDict
    dataset: data.Dataset
    space: Space
    domain: Domain
    algorithm: SearchAlgorithm
    evaluator: Evaluator
    programs: Programs
    root_key: jax.Array
    memory: str
    """Field of `Totals` that is the third objective."""
    reference: np.ndarray
    """[3] reference point of the hypervolume: error, log10 sizes."""


def check(config: ml_collections.ConfigDict) -> None:
    """Refuse settings that no search can run with.

    Raises:
      ConfigError: one line with the name, the value and what is allowed.
    """
    d, s, o = config.data, config.search, config.objectives
    limits = config.limits
    for name, value in flatten(config.to_dict()).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f'config.{name}: {value!r} is not allowed; '
                              'allowed: finite numbers')
    at_least = lambda value, low: isinstance(value, int) and value >= low
    cuts = config.pruning.cuts
    rules = [
        ('seed', config.seed, at_least(config.seed, 0) and config.seed < 2**32,
         '0 to 4294967295'),
        *((f'data.{name}', d[name], d[name] == -1 or at_least(d[name], 1),
           '-1 (as the data set has it), or 1 or more')
          for name in ('validation_size', 'test_size')),
        ('data.max_train', d.max_train, at_least(d.max_train, 0), '0 (all) or more'),
        ('data.seed', d.seed, at_least(d.seed, 0), '0 or more'),
        ('space.prior', config.space.prior, config.space.prior in PRIORS,
         ', '.join(PRIORS)),
        ('pruning.method', config.pruning.method,
         config.pruning.method in pruning.METHODS, ', '.join(pruning.METHODS)),
        ('pruning.cuts', cuts, all(isinstance(c, int | float) for c in cuts),
         'a tuple of numbers, or () for none'),
        ('objectives.memory_model', o.memory_model, o.memory_model in MEMORY_MODELS,
         ', '.join(MEMORY_MODELS)),
        ('search.algorithm', s.algorithm, s.algorithm in ALGORITHMS,
         ', '.join(ALGORITHMS)),
        ('search.rounds', s.rounds, at_least(s.rounds, 1), '1 or more'),
        ('search.batch', s.batch, at_least(s.batch, 1), '1 or more'),
        ('search.initial', s.initial, at_least(s.initial, 0), '0 or more'),
        ('search.max_groups', s.max_groups, at_least(s.max_groups, 0), '0 or more'),
        ('search.rho', s.rho, 0 <= s.rho <= 1, '0 to 1'),
        ('search.stages', s.stages, _is_stages(s.stages),
         'none, or the rounds (from 1, increasing) at which stages 2 and 3 start'),
        ('search.min_overlap', s.min_overlap, 0 <= s.min_overlap <= 1, '0 to 1'),
        ('search.child_epochs', s.child_epochs, 0 < s.child_epochs <= 1,
         'above 0, up to 1'),
        ('runtime.mapping', config.runtime.mapping,
         config.runtime.mapping in ('auto', 'map', 'vmap'), 'auto, map, vmap'),
        ('runtime.conv', config.runtime.conv,
         config.runtime.conv in ('auto', 'patches', 'native'),
         'auto, patches, native'),
        ('runtime.devices', config.runtime.devices,
         0 <= config.runtime.devices <= jax.local_device_count(),
         f'0 (all) to {jax.local_device_count()}'),
        ('runtime.workers', config.runtime.workers,
         at_least(config.runtime.workers, 0), '0 (one per core) or more'),
        ('limits.max_weights', limits.max_weights, at_least(limits.max_weights, 0),
         '0 (no limit) or more'),
        ('limits.max_macs', limits.max_macs, at_least(limits.max_macs, 0),
         '0 (no limit) or more'),
    ]
    rules += [(f'objectives.{name}', o[name], o[name] > 0, 'above 0')
              for name in OBJECTIVES]
    for name, value, fine, allowed in rules:
        if not fine:
            raise ConfigError(f'config.{name}: {value!r} is not allowed; '
                              f'allowed: {allowed}')


def _is_stages(starts):
    whole = all(isinstance(r, int) and r >= 1 for r in starts)
    return whole and len(starts) <= 2 and list(starts) == sorted(set(starts))


def train_config(config: ml_collections.ConfigDict) -> TrainConfig:
    """The training settings.

    Raises:
      ConfigError: a value out of range.
    """
    try:
        return TrainConfig(**config.train.to_dict())
    except ValueError as error:
        raise ConfigError(f'config.{error}') from None


def tier_policy(config: ml_collections.ConfigDict) -> TierPolicy:
    """The tiers, checked.

    Raises:
      ConfigError: tiers that are not increasing, or kernel ranges out of 2 to 5.
    """
    t = config.tiers
    widths, units, kernels = tuple(t.widths), tuple(t.units), _pairs(t.kernels)
    if not _is_rising(widths) or not widths or widths[-1] < 100:
        raise ConfigError(f'config.tiers.widths: {widths} is not allowed; allowed: '
                          'increasing whole numbers, the last at least 100')
    if not _is_rising(units):
        raise ConfigError(f'config.tiers.units: {units} is not allowed; allowed: '
                          'increasing whole numbers')
    if kernels is None or sorted(
            k for low, high in kernels for k in range(low, high + 1)) != [2, 3, 4, 5]:
        raise ConfigError(f'config.tiers.kernels: {t.kernels} is not allowed; allowed: '
                          '(low, high) ranges that together cover 2 to 5 once')
    return TierPolicy(widths, units, kernels)


def _is_rising(numbers):
    whole = all(isinstance(n, int) and n >= 1 for n in numbers)
    return whole and list(numbers) == sorted(set(numbers))


def _pairs(ranges):
    """A tuple of (low, high) whole numbers, None if it is anything else."""
    try:
        pairs = tuple((low, high) for low, high in ranges)
    except (TypeError, ValueError):
        return None
    return pairs if all(isinstance(n, int) for p in pairs for n in p) else None


def data_spec(config: ml_collections.ConfigDict) -> data.DataSpec:
    """The data settings."""
    d = config.data
    size = lambda n: None if n < 0 else n
    return data.DataSpec(
        name=d.name, path=d.path, classes=d.classes, seed=d.seed,
        validation_size=size(d.validation_size), test_size=size(d.test_size),
        max_train=d.max_train)


def pruning_method(config: ml_collections.ConfigDict) -> pruning.PruningMethod:
    """The configured pruning method."""
    return pruning.METHODS[config.pruning.method]()


def build(config: ml_collections.ConfigDict) -> Setup:
    """Load the data and assemble a search.

    Raises:
      ConfigError, data.DataError: a setting or the data cannot be used.
    """
    check(config)
    policy, training = tier_policy(config), train_config(config)
    dataset = data.load(data_spec(config))
    space = sparse_space(
        dataset.input_shape, dataset.num_classes, prior=config.space.prior)
    domain = sparse_domain(space, policy)
    root = jax.random.key(config.seed)
    order_key, trial_key = (jax.random.fold_in(root, i) for i in (1, 2))
    recipe = _recipe(config, training)
    shared = share(recipe.mesh, _on_device(dataset.train, dataset),
                   _on_device(dataset.validation, dataset), order_key)
    programs = Programs(recipe, shared)
    evaluator = Evaluator(
        space, policy, programs, trial_key, max_weights=config.limits.max_weights,
        max_macs=config.limits.max_macs)
    make = functools.partial(
        make_algorithm, config, space=space, evaluator=evaluator,
        layout=algorithms.layout_of(domain))
    algorithm = staged(make, domain, space, batch=config.search.batch,
                       starts=tuple(config.search.stages))
    chance = 1.0 - 1.0 / dataset.num_classes
    sizes = (config.objectives.model_size, config.objectives.working_memory)
    reference = np.array([chance, *np.log10([16.0 * size for size in sizes])])
    return Setup(config, dataset, space, domain, algorithm, evaluator, programs, root,
                 MEMORY_MODELS[config.objectives.memory_model], reference)


def make_algorithm(
    config, domain: Domain, *, space: Space, evaluator: Evaluator, layout: Layout
) -> SearchAlgorithm:
    """The configured search algorithm over a domain, which a stage may restrict.

    `layout` is the surrogate's view of the whole domain: one for all stages, so that
    the surrogate is compiled once.
    """
    s, batch = config.search, config.search.batch
    bounds = np.array([config.objectives[name] for name in OBJECTIVES], float)
    memory = MEMORY_MODELS[config.objectives.memory_model]
    known = _known(space, memory) if config.pruning.method == 'none' else None
    rules = Rules(s.initial, s.max_groups or None, known, evaluator.refuse)
    model = algorithms.Model(
        log_objectives=(False, True, True), rho=s.rho, maximize=EFFORT,
        layout=layout,
        propose=random_and_morphs(domain, num_random=256, num_morphs=256))
    common = dict(batch=batch, rules=rules)
    if s.algorithm == 'random':
        return algorithms.random_search(domain, num_objectives=3, **common)
    if s.algorithm in ('sparse', 'sparse_ucb'):
        make = {'sparse': algorithms.mobo, 'sparse_ucb': algorithms.sparse_ucb}
        return make[s.algorithm](domain, bounds=bounds, model=model, **common)
    if s.algorithm == 'qnparego':
        return algorithms.qnparego(domain, num_objectives=3, model=model, **common)
    if s.algorithm == 'ehvi':
        reference = bounds * np.array([1.0, 4.0, 4.0])
        return algorithms.ehvi(domain, reference=reference, model=model, **common)
    if s.algorithm == 'aging_evolution':
        return algorithms.aging_evolution(domain, bounds=bounds, **common)
    return algorithms.nsga2(domain, num_objectives=3, **common)


def _known(space, memory):
    """Sizes are exact functions of the point where nothing is pruned."""
    def known(rows):
        values = np.full((len(rows), 3), np.nan)
        for i, graph in enumerate(encoding.graphs(space, rows)):
            total = graph_costs.graph_totals(graph)
            values[i, 1:] = total.model_size, getattr(total, memory)
        return values
    return known


def _recipe(config, training):
    chosen = default_lowering()
    runtime = config.runtime
    pick = lambda name, default: default if runtime[name] == 'auto' else runtime[name]
    lowering = Lowering(pick('conv', chosen.conv), pick('mapping', chosen.mapping))
    mesh = make_mesh(runtime.devices)
    devices = mesh.devices.size
    if lowering.mapping == 'map':
        slots, workers = devices, runtime.workers or os.cpu_count() or 1
    else:
        slots, workers = -(-config.search.batch // devices) * devices, 1
    method = pruning_method(config)
    return Recipe(method, training, lowering, mesh, slots, workers,
                  tuple(float(c) for c in config.pruning.cuts))


def _on_device(split, dataset):
    images = data.normalise(split.images, dataset.mean, dataset.std)
    return TrainData(jnp.asarray(images), jnp.asarray(split.labels, jnp.int32))
