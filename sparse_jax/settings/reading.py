"""A configuration, read once: checked settings, and what the library makes of them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import ml_collections

from sparse_jax import data, factories, pruning
from sparse_jax.export.chip import boards
from sparse_jax.export.errors import ExportError
from sparse_jax.model.skeleton import TierPolicy
from sparse_jax.objectives.goal import OnBoard
from sparse_jax.objectives.goals import Objectives, choose
from sparse_jax.paths import shown
from sparse_jax.settings import rules, tree
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.stored import check_known
from sparse_jax.space import sparse_space
from sparse_jax.space.dimensions import Role
from sparse_jax.space.restriction import hold, restrict
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.augment import suited

Config = Settings | ml_collections.ConfigDict | Mapping[str, Any]
"""Settings in any of the forms that a person has them in."""


def read(config: Config) -> Settings:
    """The settings of a configuration, checked.

    Args:
      config: what `default_config()` gave, changed; or its nested dict, in which
        absent settings have their defaults; or settings, which are only checked.

    Returns:
      Settings that a search can run with, as far as that can be known without its
      data and devices.

    Raises:
      ConfigError: one line with the name, the value and what is allowed.
    """
    if isinstance(config, Settings):
        found = tree.to_tree(config)
    elif isinstance(config, ml_collections.ConfigDict):
        found = config.copy_and_resolve_references().to_dict()
    else:
        found = config
    check_known('config', found)
    rules.check_kinds(found)
    settings = tree.from_tree(found)
    rules.check_values(settings)
    # The named things exist, and the restriction is one of the table.
    search_space(settings, (8, 8, 1), 2)
    board(settings)
    _check_end(settings)
    tier_policy(settings)
    objectives(settings, 2)
    return settings


def own_code(settings: Settings) -> dict[str, str]:
    """{setting: MODULE:FACTORY} of all settings that name a person's own code.

    Reading or building what they name runs that code.
    """
    named = {'pruning.method': settings.pruning.method,
             'search.algorithm': settings.search.algorithm,
             'objectives.names': ','.join(map(str, settings.objectives.names))}
    return {name: value for name, value in named.items() if factories.is_own(value)}


def search_space(
    settings: Settings, input_shape: tuple[int, int, int], num_classes: int
) -> sparse_space.Space:
    """The search space over images of this shape.

    A pruning method that learns its thresholds leaves none to search; one that prunes
    nothing, or as much as a target says, leaves no row on pruning.

    Raises:
      ConfigError: a restriction that does not fit the table, or no such pruning method.
    """
    whole = sparse_space.sparse_space(
        input_shape, num_classes, prior=settings.space.prior,
        rows=settings.space.rows, fold_binary=settings.objectives.fold_binary)
    method = pruning_method(settings)
    try:
        found = restrict(whole, settings.space.restrict)
        if method.press:
            # Nothing shifts the cut: the thresholds are where the target has them.
            found = restrict(found, 'log-alpha-offset=0')
    except ValueError as error:
        raise ConfigError(f'config.space.restrict: {error}') from None
    held = lambda row: row.role is Role.PRUNING and not method.chooses or (
        not method.thresholds and row.name.startswith('pruning-threshold-'))
    return hold(found, held)


def objectives(settings: Settings, num_classes: int) -> Objectives:
    """The objectives and hard budgets of a search over images of so many classes.

    Raises:
      ConfigError: MODULE:FACTORY of an objective gives none, or the board's file says
        too little for a goal.
    """
    o = settings.objectives
    try:
        found = choose(
            o.names, o.bounds, settings.budgets.most, chance=1.0 - 1.0 / num_classes,
            memory=rules.MEMORY_MODELS[o.memory_model])
    except ValueError as error:
        raise ConfigError(f'config.objectives.names: {error}') from None
    for goal in found.used:
        needs = goal.source.needs if isinstance(goal.source, OnBoard) else ''
        if needs and getattr(board(settings), needs) is None:
            raise ConfigError(
                f'config.objectives.board: {o.board!r} is not allowed with '
                f'{goal.name!r}, its file has no {needs}; allowed: a board file with '
                f'{needs}, or other objectives and budgets')
    return found


def board(settings: Settings) -> boards.Board:
    """The board that measured objectives and budgets are of.

    Raises:
      ConfigError: there is none of this name.
    """
    name = settings.objectives.board
    try:
        return boards.load(name)
    except ExportError as error:
        reason = f': {error}' if name.endswith('.json') else ''
        raise ConfigError(
            f'config.objectives.board: {shown(name)} is not allowed{reason}; allowed: '
            f'{", ".join(boards.names())}, or the path of a board file') from None


def tier_policy(settings: Settings) -> TierPolicy:
    """The tiers, checked.

    Raises:
      ConfigError: tiers that are not increasing, or kernel ranges out of 2 to 5.
    """
    t = settings.tiers
    kernels = _pairs(t.kernels)
    if not _is_rising(t.widths) or not t.widths or t.widths[-1] < 100:
        raise ConfigError(f'config.tiers.widths: {t.widths} is not allowed; allowed: '
                          'increasing whole numbers, the last at least 100')
    if not _is_rising(t.units):
        raise ConfigError(f'config.tiers.units: {t.units} is not allowed; allowed: '
                          'increasing whole numbers')
    if kernels is None or sorted(
            k for low, high in kernels for k in range(low, high + 1)) != [2, 3, 4, 5]:
        raise ConfigError(f'config.tiers.kernels: {t.kernels} is not allowed; allowed: '
                          '(low, high) ranges that together cover 2 to 5 once')
    return TierPolicy(t.widths, t.units, kernels)


def _is_rising(numbers: tuple[Any, ...]) -> bool:
    whole = all(isinstance(n, int) and n >= 1 for n in numbers)
    return whole and list(numbers) == sorted(set(numbers))


def _pairs(ranges: tuple[Any, ...]) -> tuple[tuple[int, int], ...] | None:
    """A tuple of (low, high) whole numbers, None if it is anything else."""
    try:
        pairs = tuple((low, high) for low, high in ranges)
    except (TypeError, ValueError):
        return None
    # Within small numbers, as whoever asks counts through the ranges.
    whole = all(isinstance(n, int) and 0 <= n <= 100 for p in pairs for n in p)
    return pairs if whole else None


def data_spec(settings: Settings) -> data.DataSpec:
    """The data settings."""
    d = settings.data
    size = lambda n: None if n < 0 else n
    return data.DataSpec(
        name=d.name, path=d.path, classes=d.classes, seed=d.seed,
        validation_size=size(d.validation_size), test_size=size(d.test_size),
        split=d.split, max_train=d.max_train, image_size=tuple(d.image_size),
        channels=d.channels, class_names=tuple(d.class_names))


def pruning_method(settings: Settings) -> pruning.PruningMethod:
    """The configured pruning method.

    Raises:
      ConfigError: there is none of this name.
    """
    try:
        return pruning.find(settings.pruning.method)
    except ValueError as error:
        raise ConfigError(f'config.pruning.method: {error}') from None


def prunes(settings: Settings) -> bool:
    """Whether the trainings of rounds prune, as far as the name of the method tells:
    one of a person's own does."""
    return settings.pruning.method != 'none' and not settings.pruning.at_end


def _check_end(settings: Settings) -> None:
    """Refuse a search that is to prune at its end, and cannot."""
    search, method = settings.search, pruning_method(settings)
    fine = (method.press and search.final_share and search.focus == 'error'
            and not search.patience)
    if settings.pruning.at_end and not fine:
        raise ConfigError(
            'config.pruning.at_end: True is not allowed here; allowed: False, or a '
            "method with a schedule (config.pruning.method='gradual_magnitude') with "
            "config.search.final_share above 0, config.search.focus='error' and "
            'config.search.patience=0')


def train_config(
    settings: Settings, input_shape: tuple[int, int, int]
) -> TrainConfig:
    """The training settings, with the augmentation that suits the data set where they
    have none of their own; none at all with the paper's prior."""
    train, name = settings.train, data_spec(settings).base_name
    if settings.space.prior == 'paper':
        name, input_shape = '', (0, 0, 0)
    return dataclasses.replace(
        train, augment=suited(train.augment, name, input_shape))
