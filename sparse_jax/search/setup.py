"""Configuration -> the objects of a search; with `settings`, its only reader."""

import functools
import json
import os
from typing import NamedTuple

import jax
import ml_collections

from sparse_jax import data
from sparse_jax.acquisition.maximize import MaximizeConfig
from sparse_jax.acquisition.propose import Parents, random_and_morphs
from sparse_jax.evaluation import device_memory, hosts
from sparse_jax.evaluation.chip import judge, on_chip
from sparse_jax.evaluation.evaluator import Evaluator
from sparse_jax.evaluation.programs import Programs
from sparse_jax.evaluation.recipe import Recipe, make_mesh, share
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.lower_bounds import not_worth_training
from sparse_jax.ops.lowering import Lowering, default_lowering
from sparse_jax.search import algorithms
from sparse_jax.search.algorithms import Rules
from sparse_jax.search.domain import sparse_domain
from sparse_jax.search.facts import facts_of
from sparse_jax.search.problem import problem_of
from sparse_jax.search.stages import staged
from sparse_jax.settings.config import locked
from sparse_jax.settings.reading import (
    ConfigError,
    board,
    check,
    data_spec,
    objectives,
    pruning_method,
    search_space,
    tier_policy,
    train_config,
)
from sparse_jax.space import encoding
from sparse_jax.space.dimensions import Role
from sparse_jax.space.sparse_space import Space
from sparse_jax.surrogate.embedding import Layout
from sparse_jax.training.data import train_data
from sparse_jax.types import Domain, SearchAlgorithm

EFFORT = MaximizeConfig(chunk=128, rounds=2, elite=8)
"""Candidates are costly to describe here: a small pool, refined twice."""

SCREENED = 256
"""Random points of which one at least must be able to meet the hard budgets."""


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
    objectives: Objectives


def build(config: ml_collections.ConfigDict) -> Setup:
    """Load the data and assemble a search.

    Raises:
      ConfigError, data.DataError: a setting or the data cannot be used.
    """
    check(config)
    _check_algorithm(config)
    policy, training = tier_policy(config), train_config(config)
    dataset = data.load(data_spec(config))
    space = search_space(config, dataset.input_shape, dataset.num_classes)
    _check_restricted(config, space)
    domain = sparse_domain(space, policy)
    root = jax.random.key(config.seed)
    order_key, trial_key = (jax.random.fold_in(root, i) for i in (1, 2))
    aims = objectives(config, dataset.num_classes)
    measured = aims.on_board or config.objectives.quantized
    recipe = _recipe(config, training, measured)
    shared = share(recipe.mesh, train_data(dataset.train, dataset),
                   train_data(dataset.validation, dataset), order_key)
    programs = Programs(recipe, shared, device_memory.limit(config.runtime.memory))
    chip = on_chip(dataset, board(config) if aims.on_board else None,
                   quantized=config.objectives.quantized) if measured else None
    evaluator = Evaluator(
        space, policy, programs, trial_key,
        refuses=functools.partial(
            not_worth_training, max_weights=config.limits.max_weights,
            max_macs=config.limits.max_macs, objectives=aims,
            prunes=config.pruning.method != 'none'),
        judge=functools.partial(judge, objectives=aims, chip=chip))
    _check_reachable(config, aims, domain, evaluator)
    make = functools.partial(
        make_algorithm, config, aims, space=space, evaluator=evaluator,
        layout=algorithms.layout_of(domain))
    algorithm = staged(make, domain, space, starts=tuple(config.search.stages))
    return Setup(config, dataset, space, domain, algorithm, evaluator, programs, root,
                 aims)


def _check_algorithm(config):
    """Refuse a search algorithm that nobody has."""
    try:
        algorithms.find(config.search.algorithm)
    except ValueError as error:
        raise ConfigError(f'config.search.algorithm: {error}') from None


def _check_restricted(config, space):
    """Refuse restrictions that leave nothing to search."""
    refuse = lambda reason: ConfigError(
        f'config.space.restrict: {config.space.restrict!r} is not allowed {reason}')
    if not encoding.fits(space):
        raise refuse(f'here: no network fits {space.input_shape} images; allowed: '
                     'smaller kernels, fewer layers or pools')
    if config.search.stages and all(
            row.levels == 1 for row in space.dimensions
            if row.role is Role.PRUNING):
        raise refuse('with config.search.stages: stage 2 varies pruning parameters '
                     'alone; allowed: some of them free, or no stages')


def _check_reachable(config, aims, domain, evaluator):
    """Refuse limits and budgets that no network meets, rather than search for one."""
    rows = domain.sample(jax.random.key(0), SCREENED)
    if not evaluator.refuse(rows).all():
        return
    given = [f'limits.{name} {most}' for name, most in config.limits.items() if most]
    given += [f'budgets.{name} {most:g}' for name, most in aims.budgets]
    raise ConfigError(
        f'config: {", ".join(given)}: not allowed together with this space; allowed: '
        f'limits that one of {len(rows)} random networks is within before pruning, and '
        'budgets that it might meet after it')


def fingerprint(built: Setup) -> str:
    """Changes with everything that several hosts must have in common."""
    chosen = locked(built.config.to_dict())
    return json.dumps([chosen, data.digest(built.dataset), jax.__version__],
                      sort_keys=True)


def make_algorithm(
    config, aims: Objectives, domain: Domain, references: Parents, *, space: Space,
    evaluator: Evaluator, layout: Layout,
) -> SearchAlgorithm:
    """The configured search algorithm over a domain, which a stage may restrict, with
    morphs of `references`.

    `layout` is the surrogate's view of the whole domain: one for all stages, so that
    the surrogate is compiled once.

    Raises:
      ConfigError: a factory of one's own gives something else.
    """
    s = config.search
    rules = Rules(
        s.initial, max_groups=s.max_groups or None, new_groups=s.new_groups or None,
        initial_groups=s.initial_groups or None, refuse=evaluator.refuse,
        facts=functools.partial(
            facts_of, space, aims, prunes=config.pruning.method != 'none'))
    model = algorithms.Model(
        log_objectives=(True,) * len(aims.names), rho=s.rho, maximize=EFFORT,
        layout=layout, propose=random_and_morphs(
            domain, num_random=256, num_morphs=256, parents=references))
    try:
        return algorithms.make(s.algorithm, domain, problem_of(aims), batch=s.batch,
                               rules=rules, model=model)
    except ValueError as error:
        raise ConfigError(f'config.search.algorithm: {error}') from None


def _recipe(config, training, networks):
    chosen = default_lowering()
    runtime = config.runtime
    pick = lambda name, default: default if runtime[name] == 'auto' else runtime[name]
    lowering = Lowering(pick('conv', chosen.conv), pick('mapping', chosen.mapping))
    mesh = make_mesh(runtime.devices if hosts.alone() else 0)
    devices = mesh.devices.size
    if lowering.mapping == 'map':
        slots, workers = devices, runtime.workers or os.cpu_count() or 1
        workers = workers if hosts.alone() else 1  # calls in the same order everywhere
    else:
        slots, workers = -(-config.search.batch // devices) * devices, 1
    method = pruning_method(config)
    return Recipe(method, training, lowering, mesh, slots, workers,
                  tuple(float(c) for c in config.pruning.cuts),
                  config.pruning.finetune_epochs, networks)
