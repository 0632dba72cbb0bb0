"""What the presets for two CPU cores have in common.

A preset takes an argument: how long the search lasts, and the name of the budgets that
it fills, as in `--config=experiments/mnist_cpu.py:minutes=60,row=small`. Images and
budgets of one's own: `experiments/own_cpu.py`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import ml_collections

from sparse_jax import default_config

MINUTES = 20
"""Of a search whose argument does not say."""
ANY = 0
"""No budget."""
LONG, LONGER = 2, 4
"""Times the epochs of the search, of every training of the end; the second one where
there are at least `HOUR` minutes."""
HOUR = 45


class Row(NamedTuple):
    """Budgets, and how networks are brought below them."""

    model_size: int
    """Most weights and biases, bytes in int8."""
    working_memory: int = ANY
    """Most bytes in int8, under the model of memory."""
    method: str = 'none'
    """Of pruning. Filled structures need none, and plain steps take a third of the
    time of variational ones."""
    memory_model: str = 'input+output'
    """Of the working memory: (6) of the paper, 'input+weights' for (5), or
    'without-image'."""
    max_macs: int = ANY
    """Products of an image, at most: without a budget of memory the networks that fill
    a model size are those that train for hours."""


def options(argument: str | None, rows: Mapping[str, Row]) -> tuple[int, Row]:
    """Minutes and row of an argument such as 'minutes=60,row=small'.

    Args:
      argument: what follows the colon of --config; None or '' for 20 minutes and the
        first row.
      rows: those of the preset by name.

    Raises:
      ValueError: one line with the word and what is allowed.
    """
    found = words(argument, {'minutes': str(MINUTES), 'row': next(iter(rows))})
    row = found['row']
    if row not in rows:
        raise ValueError(f'row={row}: allowed: {", ".join(rows)}')
    return whole('minutes', found['minutes']), rows[row]


def words(argument: str | None, known: Mapping[str, str]) -> dict[str, str]:
    """{name: value} of an argument such as 'minutes=60,row=small'.

    Args:
      argument: what follows the colon of --config, if anything does.
      known: the names that it may have, with the values of those that it lacks.

    Raises:
      ValueError: one line with the word and what is allowed.
    """
    found: dict[str, str] = {}
    for word in filter(None, (argument or '').split(',')):
        name, _, value = word.partition('=')
        if name not in known or not value:
            allowed = ', '.join(f'{name}=...' for name in known)
            raise ValueError(f'{word!r}: allowed: {allowed}')
        if name in found:
            raise ValueError(f'{word!r} after {name}={found[name]}: allowed: {name} '
                             'once')
        found[name] = value
    return {**known, **found}


def whole(name: str, value: str, most: int = 100_000) -> int:
    """A whole number from 1 to `most`.

    Raises:
      ValueError: one line with the name, the value and what is allowed.
    """
    if not value.isdecimal() or not 1 <= int(value) <= most:
        raise ValueError(f'{name}={value}: allowed: a whole number from 1 to {most}')
    return int(value)


def preset(
    argument: str | None, rows: Mapping[str, Row], *, data: str, epochs: int,
    error: float,
) -> ml_collections.ConfigDict:
    """A search for a row of budgets.

    Args:
      argument: what follows the colon of --config.
      rows: budgets by name, all hard.
      data: name of the data set.
      epochs: of a whole training.
      error: soft bound of the error.

    Raises:
      ValueError: the argument, see `options`.
    """
    minutes, row = options(argument, rows)
    config = by_the_clock(
        minutes, epochs=epochs, method=row.method,
        budgets={'model_size': row.model_size, 'working_memory': row.working_memory})
    config.data.name = data
    config.objectives.error = error
    config.objectives.memory_model = row.memory_model
    if row.max_macs:
        config.limits.max_macs = row.max_macs
    return config


def by_the_clock(
    minutes: int, *, budgets: Mapping[str, float], epochs: int, method: str = 'none',
) -> ml_collections.ConfigDict:
    """A search by the clock: filled starts, rungs, and an end that can be trusted.

    Args:
      minutes: of wall-clock, the end included.
      budgets: {cost: most}, all hard; 0 for none. The first is the search's objective
        beside the error.
      epochs: of a whole training; a rung is a share of it, a final `LONG` times it.
      method: of pruning, see `Row`.
    """
    config = default_config()
    for name, most in budgets.items():
        config.budgets[name] = most
    # Costs are limits alone: what is below them is no use to anybody.
    first = next(iter(budgets))
    config.objectives[first] = budgets[first]
    config.objectives.names = ('error', first)
    config.objectives.quantized = True
    config.pruning.method = method
    config.pruning.bisect = method != 'none'
    plain = method in ('none', 'gradual_magnitude')
    if plain:
        config.pruning.cuts = ()
    _set_training(config, epochs)
    _set_rounds(config, minutes, plain)
    _set_end(config, (LONG if minutes < HOUR else LONGER) * epochs)
    return config


def _set_training(config: ml_collections.ConfigDict, epochs: int) -> None:
    """What helped every training that was tried (docs/training.md); the norm is
    folded."""
    config.space.prior = 'scaled'
    config.space.rows = 'extended'
    config.space.restrict = ('batch-norm=true, learning-rate=0.007, '
                             'input-downsampling-type=average, residual-block-*=false')
    config.train.epochs = epochs
    config.train.optimizer = 'muon'
    config.train.warmup = 0.05
    config.train.decay = 1.0
    config.train.variational_travel = 30.0
    config.train.augment.shift = -1
    config.train.augment.flip = 'auto'


def _set_rounds(config: ml_collections.ConfigDict, minutes: int, plain: bool) -> None:
    """Rounds of filled starts and suggestions, by the clock.

    plain: whether no penalty prunes.
    """
    search = config.search
    search.focus = 'error'
    search.initial_design = 'filled'
    search.batch = 16
    search.initial = 48
    if plain:
        # With slopes of other searches the surrogate is of use after few trainings; of
        # networks that a penalty prunes they say nothing. Short trainings are noisy:
        # draws of the surrogate find more good networks than improvements over the
        # luckiest (docs/searching.md).
        search.trend = 'structure'
        search.algorithm = 'sparse'
        search.initial = 16
    search.initial_groups = 0
    search.max_groups = 0
    search.new_groups = 8
    search.rungs = (0.075, 0.25, 1.0)
    search.promote = 1 / 3
    search.rounds = 1000
    search.max_minutes = minutes


def _set_end(config: ml_collections.ConfigDict, epochs: int) -> None:
    """Small networks go on learning for long (docs/training.md): few of them are
    trained to the end. What fits into the minutes that are left: rather more networks
    than more starts."""
    config.search.final_share = 0.4
    config.search.final_epochs = epochs
    config.search.finals = 16
    config.search.final_starts = 2
