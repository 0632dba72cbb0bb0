"""A search by gradient: one pure function of a key, images and budgets.

Weights and decisions are trained together, one Adam each, on the same batches
(single-level, as MicroNets, Banbury et al., 2021): cross-entropy plus a hinge on the
logarithm of every expected cost over its budget. Budgets are data: a whole front of
them is one compiled program.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from sparse_jax.differentiable import choices, costs, network, schedules, template
from sparse_jax.differentiable.costs import Budgets
from sparse_jax.differentiable.geometry import geometry
from sparse_jax.differentiable.network import Linear
from sparse_jax.differentiable.schedules import Schedule
from sparse_jax.differentiable.template import Decisions, Template
from sparse_jax.training.data import TrainData

SEED_STREAM, BATCH_STREAM, DRAW_STREAM = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Config:
    """What decides the program of a search by gradient; hashable.

    Attributes:
      template: the family of networks.
      steps: gradient steps of one search.
      batch_size: images of a step, drawn with replacement.
      learning_rate: of the weights.
      schedule: of temperature, penalty and phases.
      conv: lowering of convolutions, see `ops.lowering`.
    """

    template: Template
    steps: int = 200
    batch_size: int = 64
    learning_rate: float = 3e-3
    schedule: Schedule = Schedule()
    conv: str = 'patches'

    def __post_init__(self) -> None:
        """Refuses runs without a step or an image.

        Raises:
          ValueError: one line.
        """
        if self.steps < 1 or self.batch_size < 1:
            raise ValueError(f'steps {self.steps}, batch_size {self.batch_size}: '
                             'allowed: 1 or more')


class Found(NamedTuple):
    """What one search ends with; a leading axis for each that it is mapped over."""

    logits: Decisions
    """Of every choice; what the space does not have is far below all others."""
    params: tuple[Linear, ...]
    """Weights of the relaxed network, trained at the likeliest choices in the end."""
    entropy: jax.Array
    """[] cross-entropy of training batches, the mean over the steps at those."""


class _State(NamedTuple):
    """Flat: few large operations compile, and run, faster than many small ones."""

    params: jax.Array
    logits: jax.Array
    optimisers: tuple[Any, Any]


class _Trees(NamedTuple):
    """What the flat arrays of a state stand for."""

    params: Callable[[jax.Array], tuple[Linear, ...]]
    logits: Callable[[jax.Array], Decisions]


_WEIGHTS: Any = optax.scale_by_adam()
_LOGITS: Any = optax.scale_by_adam(b1=0.5)


def search(
    key: jax.Array, data: TrainData, budgets: Budgets, config: Config,
    allow: Decisions | None = None,
) -> Found:
    """Train weights and decisions of one relaxed network for one set of budgets.

    Pure; the caller maps it over keys and budgets, which are data of the program.

    Args:
      key: consumed.
      data: training images [N, H, W, C], normalised, and labels [N].
      budgets: [] each.
      config: static.
      allow: bool, the choices that there are; by default all of the template's.

    Returns:
      The trained decisions and weights. Nothing here is within the budgets for sure:
      `discretise` makes networks of it that are.
    """
    if allow is None:
        allow = choices.allowed(config.template, None)
    params = network.init(jax.random.fold_in(key, SEED_STREAM), config.template)
    logits = choices.initial(config.template)
    (params, to_params), (logits, to_logits) = map(ravel_pytree, (params, logits))
    trees = _Trees(to_params, to_logits)
    state = _State(params, logits, (_WEIGHTS.init(params), _LOGITS.init(logits)))
    step = functools.partial(_step, trees=trees, key=key, data=data, budgets=budgets,
                             config=config, allow=allow)
    state, (entropy, fixed) = jax.lax.scan(step, state, jnp.arange(config.steps))
    at_end = (entropy * fixed).sum() / jnp.maximum(fixed.sum(), 1)
    return Found(template.masked(trees.logits(state.logits), allow),
                 trees.params(state.params), at_end)


@functools.partial(jax.jit, static_argnames=('config', 'chunk'))
def front(
    key: jax.Array, data: TrainData, budgets: Budgets, seeds: jax.Array,
    config: Config, allow: Decisions, chunk: int | None = 1,
) -> Found:
    """Searches for many budgets, by one program.

    Args:
      key: consumed; the search of a seed uses the same numbers at every budget, so what
        is found for budgets does not depend on which others there are.
      data: as of `search`.
      budgets: [B] each.
      seeds: [B] int, which of a budget's searches each one is.
      config: static.
      allow: as of `search`.
      chunk: how many run at the same time, static; None for all. On a CPU 1 is
        fastest.

    Returns:
      `Found` with a leading axis [B].
    """
    one = lambda item: search(
        jax.random.fold_in(key, item[1]), data, item[0], config, allow)
    if chunk is None:
        return jax.vmap(one)((budgets, seeds))
    return jax.lax.map(one, (budgets, seeds), batch_size=chunk if chunk > 1 else None)


def stacked(budgets: Sequence[Budgets]) -> Budgets:
    """Budgets with a leading axis, as `front` takes them."""
    return Budgets(*(np.array(most, np.float32) for most in zip(*budgets)))


def loss_of(
    params: tuple[Linear, ...], choice: Decisions, batch: tuple[jax.Array, jax.Array],
    budgets: Budgets, weight: jax.Array | float, config: Config,
) -> tuple[jax.Array, jax.Array]:
    """(loss, cross-entropy) of shares of every decision.

    Args:
      params: weights of the relaxed network.
      choice: shares.
      batch: images [C, H, W, B] and labels [B].
      budgets: [] each.
      weight: of log(cost / budget), where that is above 0.
      config: static.
    """
    images, labels = batch
    sizes = geometry(choice, config.template)
    logits = network.apply(params, choice, sizes, images, template=config.template,
                           conv=config.conv)
    entropy = optax.softmax_cross_entropy_with_integer_labels(logits.T, labels).mean()
    spent = costs.expected(sizes, choice, config.template)
    over = jnp.maximum(costs.excess(spent, budgets), 0.0).sum()
    # Networks without a pixel left cost nothing, and are nothing.
    return entropy + weight * over - jnp.log(spent.feasible + 1e-6), entropy


def _step(
    state: _State, number: jax.Array, *, trees: _Trees, key: jax.Array,
    data: TrainData, budgets: Budgets, config: Config, allow: Decisions,
) -> tuple[_State, tuple[jax.Array, jax.Array]]:
    """One step of both optimisers; (cross-entropy, whether choices are held) too."""
    schedule, share = config.schedule, number / config.steps
    key_batch, key_draw = (jax.random.fold_in(jax.random.fold_in(key, stream), number)
                           for stream in (BATCH_STREAM, DRAW_STREAM))
    rows = jax.random.randint(key_batch, (config.batch_size,), 0, len(data.labels))
    batch = (jnp.moveaxis(data.images[rows], 0, -1).transpose(2, 0, 1, 3),
             data.labels[rows])
    fixed = schedules.is_fixed(share, schedule)

    def loss(params: jax.Array, flat: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = template.masked(trees.logits(flat), allow)
        drawn = template.relaxed(
            key_draw, logits, schedules.temperature(share, schedule))
        choice = jax.tree.map(functools.partial(jnp.where, fixed),
                              template.hard(logits), drawn)
        return loss_of(trees.params(params), choice, batch, budgets,
                       schedules.penalty(share, schedule), config)

    (_, entropy), grads = jax.value_and_grad(loss, (0, 1), has_aux=True)(
        state.params, state.logits)
    weights, weight_state = _WEIGHTS.update(grads[0], state.optimisers[0])
    moves, logit_state = _LOGITS.update(grads[1], state.optimisers[1])
    rates = (config.learning_rate * schedules.weight_factor(share),
             schedules.logit_rate(share, schedule, config.steps))
    return _State(state.params - rates[0] * weights, state.logits - rates[1] * moves,
                  (weight_state, logit_state)), (entropy, fixed)
