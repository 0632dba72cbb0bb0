"""Settings -> the objects of a search."""

import dataclasses
import functools
import json
import math
import os
from collections.abc import Callable
from typing import NamedTuple

import jax

from sparse_jax import data, factories, host_random
from sparse_jax.acquisition.maximize import MaximizeConfig
from sparse_jax.acquisition.propose import Parents, random_and_morphs
from sparse_jax.data import soft_labels
from sparse_jax.evaluation import device_memory, hosts, own_goals
from sparse_jax.evaluation.chip import judge, on_chip
from sparse_jax.evaluation.ending import EndExecutor
from sparse_jax.evaluation.evaluator import Evaluator
from sparse_jax.evaluation.executor import Executor, ExecutorFactory
from sparse_jax.evaluation.machine import Machine, make_mesh
from sparse_jax.evaluation.recipe import Recipe, Shared
from sparse_jax.objectives.goals import Objectives, counted_limits
from sparse_jax.objectives.lower_bounds import not_worth_training
from sparse_jax.objectives.target import Target
from sparse_jax.ops import lowering as lowerings
from sparse_jax.ops.lowering import Lowering, chosen
from sparse_jax.pruning import no_pruning
from sparse_jax.search import ahead, algorithms, reachable, starts, strategies, trend
from sparse_jax.search.algorithms import Rules
from sparse_jax.search.domain import sparse_domain
from sparse_jax.search.facts import facts_of
from sparse_jax.search.finals import most_epochs
from sparse_jax.search.problem import error_alone, problem_of
from sparse_jax.search.stages import staged
from sparse_jax.settings import reading
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.stored import locked
from sparse_jax.space.sparse_space import Space
from sparse_jax.surrogate.embedding import Layout
from sparse_jax.training.data import train_data
from sparse_jax.types import Domain, SearchAlgorithm

EFFORT = MaximizeConfig(chunk=128, rounds=2, elite=8)
"""Candidates are costly to describe here: a small pool, refined twice."""


class Setup(NamedTuple):
    """Everything a search runs on."""

    settings: Settings
    dataset: data.Dataset
    space: Space
    domain: Domain
    algorithm: SearchAlgorithm
    evaluator: Evaluator
    root_key: jax.Array
    objectives: Objectives
    sought: Objectives
    """What the algorithm is told, see `search.focus`."""
    notes: tuple[str, ...] = ()
    """What a person should know before it starts, one line each."""
    lowering: Lowering = Lowering()
    """How its programs are made; a study goes on with what it began with."""

    @property
    def screened(self) -> Objectives | None:
        """See `starts.screened`."""
        return starts.screened(self.settings, self.objectives)


def check(settings: Settings) -> None:
    """Refuse settings that need more than this machine and its modules have.

    Raises:
      ConfigError: too many devices, or no such search algorithm or strategy.
    """
    devices, most = settings.runtime.devices, jax.local_device_count()
    if devices > most:
        raise ConfigError(f'config.runtime.devices: {devices} is not allowed; '
                          f'allowed: 0 (all) to {most}')
    try:
        algorithms.find(settings.search.algorithm)
    except ValueError as error:
        raise ConfigError(f'config.search.algorithm: {error}') from None
    strategies.check(settings)


def build(
    settings: Settings, dataset: data.Dataset | None = None,
    make_executor: ExecutorFactory = hosts.make_executor,
    lowering: Lowering | None = None,
) -> Setup:
    """Load the data and assemble a search.

    Args:
      settings: checked ones, of `settings.reading.read`.
      dataset: in place of the data that the settings name.
      make_executor: what runs the trainings, see `evaluation.executor`.
      lowering: of a study that is continued, see `study.numerics`; by default what the
        settings of the machine ask for.

    Raises:
      ConfigError, data.DataError: a setting or the data cannot be used.
    """
    check(settings)
    policy = reading.tier_policy(settings)
    dataset = soft_labels.attached(
        dataset or data.load(reading.data_spec(settings)), settings.data.soft_labels)
    space = reading.search_space(settings, dataset.input_shape, dataset.num_classes)
    reachable.check_restricted(settings, space)
    root = host_random.root_key(settings.seed)
    aims = reading.objectives(settings, dataset.num_classes)
    judged = starts.screened(settings, aims) or aims
    sought = judged if settings.search.focus == 'front' else error_alone(judged)
    _check_goals(settings, aims, dataset)
    lowering = lowering or chosen(settings.runtime.conv, settings.runtime.mapping,
                                  prunes=reading.prunes(settings))
    recipe = _recipe(settings, dataset, aims)
    order_key, trial_key = (jax.random.fold_in(root, i) for i in (1, 2))
    shared = Shared(train_data(dataset.train, dataset, dataset.soft_labels),
                    train_data(dataset.validation, dataset), order_key)
    evaluator = Evaluator(
        space, policy, recipe,
        _executor(settings, recipe, shared, machine_of(settings, lowering),
                  make_executor), trial_key,
        refuses=functools.partial(
            not_worth_training, max_weights=settings.limits.max_weights,
            max_macs=settings.limits.max_macs, objectives=judged,
            prunes=reading.prunes(settings)),
        judge=_judge(settings, dataset, aims))
    prior = sparse_domain(space, policy)
    domain = prior
    estimate = starts.estimates(settings, aims, dataset)
    if not reading.prunes(settings):
        reachable.check_unpruned(judged, space, estimate)
    if settings.search.initial_design == 'filled':
        domain = prior._replace(sample=starts.design(
            settings, space, aims, evaluator.refuses, estimate))
    reachable.check_budgets(settings, aims, space, domain.sample, evaluator.refuses)
    make = functools.partial(
        make_algorithm, settings, sought, space=space, evaluator=evaluator,
        layout=algorithms.layout_of(prior))
    algorithm = ahead.prepared(
        staged(make, domain, space, starts=settings.search.stages), settings.search)
    notes = (reachable.size_note(space, judged), lowerings.precision_note(
        lowering, settings.train.precision), starts.screening_note(settings))
    return Setup(settings, dataset, space, domain, algorithm, evaluator, root, aims,
                 sought, tuple(filter(None, notes)), lowering)


def fingerprint(built: Setup) -> str:
    """Changes with everything that several hosts must have in common."""
    soft = built.dataset.soft_labels
    return json.dumps(
        [locked(built.settings, built.dataset.num_classes), data.digest(built.dataset),
         '' if soft is None else soft_labels.digest(soft),
         host_random.digest(), jax.__version__, dataclasses.astuple(built.lowering)],
        sort_keys=True)


def _judge(
    settings: Settings, dataset: data.Dataset, aims: Objectives
) -> Callable:
    """What holds trained networks to the budgets, measured where that is wanted."""
    chip = None
    if _is_measured(settings, aims):
        chip = on_chip(dataset, reading.board(settings) if aims.on_board else None,
                       quantized=settings.objectives.quantized, goals=aims.used,
                       balanced=settings.objectives.balanced)
    return functools.partial(judge, objectives=aims, chip=chip)


def _is_measured(settings: Settings, aims: Objectives) -> bool:
    """Whether the networks of trainings are needed on the host."""
    return aims.on_host or settings.objectives.quantized


def _check_goals(settings: Settings, aims: Objectives, dataset: data.Dataset) -> None:
    """Refuse goals of a person's own that give no figures."""
    own = {name: aims.goal(goal)
           for name, goal in zip(settings.objectives.names, aims.names)
           if factories.is_own(name)}
    try:
        own_goals.check(own, dataset, reading.board(settings))
    except ValueError as error:
        raise ConfigError(f'config.objectives.names: {error}') from error


def make_algorithm(
    settings: Settings, aims: Objectives, domain: Domain, references: Parents, *,
    space: Space, evaluator: Evaluator, layout: Layout,
) -> SearchAlgorithm:
    """The configured search algorithm over a domain, which a stage may restrict, with
    morphs of `references`.

    `layout` is the surrogate's view of the whole domain: one for all stages, so that
    the surrogate is compiled once.

    Raises:
      ConfigError: a factory of one's own gives something else.
    """
    s = settings.search
    rules = Rules(
        # After a front that was found by other means the surrogate takes over at once.
        min(s.initial, 1) if s.initial_from else s.initial,
        max_groups=s.max_groups or None, new_groups=s.new_groups or None,
        initial_groups=s.initial_groups or None, refuse=evaluator.refuse,
        pending=s.lag * s.batch,
        facts=functools.partial(
            facts_of, space, aims, prunes=reading.prunes(settings)),
        learned=None if s.trend == 'none' else (
            lambda archive, facts: trend.following(archive, space, facts)))
    model = algorithms.Model(
        log_objectives=(True,) * len(aims.names), rho=s.rho, maximize=EFFORT,
        layout=layout, most_rows=s.model_rows or None, propose=random_and_morphs(
            domain, num_random=256, num_morphs=256, parents=references))
    try:
        return algorithms.make(
            strategies.algorithm_of(settings), domain, problem_of(aims), batch=s.batch,
            rules=rules, model=model)
    except ValueError as error:
        raise ConfigError(f'config.search.algorithm: {error}') from None


def _recipe(settings: Settings, dataset: data.Dataset, aims: Objectives) -> Recipe:
    """What a training of a search means."""
    config = reading.train_config(settings, dataset.input_shape)
    method, limits = reading.pruning_method(settings), counted_limits(aims)
    if method.press and not limits:
        raise ConfigError(
            f'config.pruning.method: {settings.pruning.method!r} is not allowed '
            'without a limit to prune to; allowed: others, or one of model_size, '
            'working_memory and macs in config.objectives.names or config.budgets')
    return Recipe(
        method,
        dataclasses.replace(config, epochs=most_epochs(settings)),
        tuple(float(c) for c in settings.pruning.cuts),
        settings.pruning.finetune_epochs, _is_measured(settings, aims),
        settings.objectives.balanced,
        limits if settings.pruning.bisect else (),
        Target(limits) if limits and (settings.pruning.aim or method.press) else None)


def _executor(
    settings: Settings, recipe: Recipe, shared: Shared, machine: Machine,
    make: ExecutorFactory,
) -> Executor:
    """What trains; where only the end prunes it has the recipe, and rounds a plain one.
    """
    if not settings.pruning.at_end:
        return make(recipe, shared, machine)
    if not hosts.alone():
        raise ConfigError('config.pruning.at_end: True is not allowed on several '
                          'hosts; allowed: False')
    plain = recipe._replace(method=no_pruning(), cuts=(), limits=(), target=None)
    return EndExecutor(make(plain, shared, machine),
                       lambda: make(recipe, shared, machine))


def machine_of(settings: Settings, lowering: Lowering) -> Machine:
    """What the settings say of the machine."""
    runtime, search = settings.runtime, settings.search
    mesh = make_mesh(runtime.devices if hosts.alone() else 0)
    devices, workers = mesh.devices.size, 1
    if lowering.mapping == 'map':
        slots, workers = devices, runtime.workers or os.cpu_count() or 1
    else:
        # A group of average size: empty slots cost as much as full ones.
        groups = min(search.max_groups or 1, search.batch)
        slots = runtime.slots or math.ceil(search.batch / groups)
        slots = math.ceil(slots / devices) * devices
    return Machine(lowering, mesh, slots, workers, device_memory.limit(runtime.memory))
