"""The configuration tree, checked and turned into typed settings."""

import math

import ml_collections

from sparse_jax import data, pruning
from sparse_jax.export.chip import boards
from sparse_jax.export.errors import ExportError
from sparse_jax.model.skeleton import TierPolicy
from sparse_jax.objectives.goals import COSTS, Objectives
from sparse_jax.paths import shown
from sparse_jax.settings.config import flatten
from sparse_jax.settings.rules import MEMORY_MODELS, rules_of
from sparse_jax.space.restriction import restrict
from sparse_jax.space.sparse_space import Space, sparse_space
from sparse_jax.training.config import TrainConfig


class ConfigError(ValueError):
    """A setting that is not allowed; the message is one line."""


def check(config: ml_collections.ConfigDict) -> None:
    """Refuse settings that no search can run with.

    Raises:
      ConfigError: one line with the name, the value and what is allowed.
    """
    for name, value in flatten(config.to_dict()).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f'config.{name}: {value!r} is not allowed; '
                              'allowed: finite numbers')
    for name, value, fine, allowed in rules_of(config):
        if not fine:
            raise ConfigError(f'config.{name}: {value!r} is not allowed; '
                              f'allowed: {allowed}')
    search_space(config, (8, 8, 1), 2)
    board(config)
    pruning_method(config)


def search_space(
    config: ml_collections.ConfigDict, input_shape: tuple, num_classes: int
) -> Space:
    """The search space over images of this shape.

    Raises:
      ConfigError: a restriction that does not fit the table.
    """
    whole = sparse_space(input_shape, num_classes, prior=config.space.prior)
    try:
        return restrict(whole, config.space.restrict)
    except ValueError as error:
        raise ConfigError(f'config.space.restrict: {error}') from None


def objectives(config: ml_collections.ConfigDict, num_classes: int) -> Objectives:
    """The objectives and hard budgets of a search over images of so many classes."""
    o, names = config.objectives, tuple(config.objectives.names)
    return Objectives(
        names, tuple(float(o[name]) for name in names), 1.0 - 1.0 / num_classes,
        MEMORY_MODELS[o.memory_model],
        tuple((name, float(config.budgets[name])) for name in COSTS
              if config.budgets[name]))


def board(config: ml_collections.ConfigDict) -> boards.Board:
    """The board that measured objectives and budgets are of.

    Raises:
      ConfigError: there is none of this name.
    """
    try:
        return boards.load(config.objectives.board)
    except ExportError as error:
        name = config.objectives.board
        reason = f': {error}' if name.endswith('.json') else ''
        raise ConfigError(
            f'config.objectives.board: {shown(name)} is not allowed{reason}; allowed: '
            f'{", ".join(boards.names())}, or the path of a board file') from None


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
    """The configured pruning method.

    Raises:
      ConfigError: there is none of this name.
    """
    try:
        return pruning.find(config.pruning.method)
    except ValueError as error:
        raise ConfigError(f'config.pruning.method: {error}') from None
