"""What the presets for two CPU cores have in common.

A preset takes an argument: how long the search lasts, and the name of the budgets that
it fills, as in `--config=experiments/mnist_cpu.py:minutes=60,row=small`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import ml_collections

from sparse_jax import default_config

MINUTES = 20
"""Of a search whose argument does not say."""
ANY = 0
"""No budget."""
LONG, LONGER = 4, 8
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
    """Of the working memory: (6) of the paper, or 'input+weights' for (5)."""


def options(argument: str | None, rows: Mapping[str, Row]) -> tuple[int, Row]:
    """Minutes and row of an argument such as 'minutes=60,row=small'.

    Args:
      argument: what follows the colon of --config; None or '' for 20 minutes and the
        first row.
      rows: those of the preset by name.

    Raises:
      ValueError: one line with the word and what is allowed.
    """
    found = {'minutes': str(MINUTES), 'row': next(iter(rows))}
    for word in filter(None, (argument or '').split(',')):
        name, _, value = word.partition('=')
        if name not in found:
            raise ValueError(f'{word!r}: allowed: minutes=..., row=...')
        found[name] = value
    minutes, row = found['minutes'], found['row']
    if not minutes.isdecimal() or not 1 <= int(minutes) <= 100_000:
        raise ValueError(f'minutes={minutes}: allowed: 1 to 100000')
    if row not in rows:
        raise ValueError(f'row={row}: allowed: {", ".join(rows)}')
    return int(minutes), rows[row]


def preset(
    argument: str | None, rows: Mapping[str, Row], *, data: str, epochs: int,
    error: float,
) -> ml_collections.ConfigDict:
    """A search by the clock: filled starts, rungs, and an end that can be trusted.

    Args:
      argument: what follows the colon of --config.
      rows: budgets by name, all hard.
      data: name of the data set.
      epochs: of a whole training; a rung is a share of it, a final `LONG` times it.
      error: soft bound of the error.

    Raises:
      ValueError: the argument, see `options`.
    """
    minutes, row = options(argument, rows)
    config = default_config()
    config.data.name = data
    config.objectives.error = error
    config.budgets.model_size = config.objectives.model_size = row.model_size
    config.budgets.working_memory = row.working_memory
    config.objectives.memory_model = row.memory_model
    # Costs are limits alone: what is below them is no use to anybody.
    config.objectives.names = ('error', 'model_size')
    config.search.focus = 'error'
    config.objectives.quantized = True
    config.pruning.method = row.method
    config.pruning.bisect = row.method != 'none'
    if row.method == 'none':
        config.pruning.cuts = ()
    config.space.prior = 'scaled'
    # All helped every training that was tried (docs/training.md); the norm is folded.
    config.space.rows = 'extended'
    config.space.restrict = ('batch-norm=true, learning-rate=0.007, '
                             'input-downsampling-type=average, residual-block-*=false')
    config.train.epochs = epochs
    config.train.warmup = 0.05
    config.train.decay = 1.0
    config.train.variational_travel = 30.0
    config.train.augment.shift = -1
    config.train.augment.flip = 'auto'
    config.search.initial_design = 'filled'
    config.search.batch = 16
    config.search.initial = 48
    config.search.initial_groups = 0
    config.search.max_groups = 0
    config.search.new_groups = 8
    config.search.rungs = (0.075, 0.25, 1.0)
    config.search.promote = 1 / 3
    # Small networks go on learning for long (docs/training.md): few of them are trained
    # to the end.
    config.search.final_share = 0.4
    config.search.final_epochs = (LONG if minutes < HOUR else LONGER) * epochs
    # What fits into the minutes that are left.
    config.search.finals = 16
    config.search.rounds = 1000
    config.search.max_minutes = minutes
    return config
