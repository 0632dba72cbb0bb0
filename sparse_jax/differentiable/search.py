"""A search by gradient: one pure function of a key, images and budgets.

Weights and decisions are trained together, one Adam each, on the same batches
(single-level, as MicroNets, Banbury et al., 2021): cross-entropy plus a hinge on the
logarithm of every expected cost over its budget. Budgets are data: a whole front of
them is one compiled program.
"""

import dataclasses
import functools
import math
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
from sparse_jax.differentiable.linear import Linear
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
      core: of the board whose budgets count, '' for none.
      holds: whether the last steps are taken, which train weights at the likeliest
        choices and change no decision.
    """

    template: Template
    steps: int = 200
    batch_size: int = 32
    learning_rate: float = 3e-3
    schedule: Schedule = Schedule()
    conv: str = 'patches'
    core: str = ''
    holds: bool = True

    def __post_init__(self) -> None:
        """Refuses runs without a step or an image.

        Raises:
          ValueError: one line.
        """
        if self.steps < 1 or self.batch_size < 1:
            raise ValueError(f'steps {self.steps}, batch_size {self.batch_size}: '
                             'allowed: 1 or more')

    @property
    def warmup(self) -> int:
        """Steps that train weights alone, the same ones for all budgets."""
        return math.ceil(self.schedule.warmup * self.steps)

    @property
    def last(self) -> int:
        """Steps that are taken."""
        return self.steps if self.holds else math.ceil(
            (1.0 - self.schedule.fixed) * self.steps)


class Found(NamedTuple):
    """What one search ends with; a leading axis for each that it is mapped over."""

    logits: Decisions
    """Of every choice; what the space does not have is far below all others."""
    params: tuple[Linear, ...]
    """Weights of the relaxed network, trained at the likeliest choices in the end."""
    entropy: jax.Array
    """[] cross-entropy of training batches, the mean over the steps at those; 0 where
    there are none."""


class _State(NamedTuple):
    """Flat: few large operations compile, and run, faster than many small ones."""

    params: jax.Array
    logits: jax.Array
    optimisers: tuple[Any, Any]
    entropy: jax.Array
    """[2] the sum over the steps at held choices, and their number."""


class _Draws(NamedTuple):
    """All that is random in the steps of a search, the same for all budgets: drawn at
    once, which compiles and runs faster than step by step."""

    rows: jax.Array
    """[steps, batch_size] the images of every step."""
    noise: jax.Array
    """[steps, choices] of the Gumbel-softmax."""


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
    begin, trees = _begin(key, config)
    step = _stepping(key, data, trees, config, allow)
    state = jax.lax.fori_loop(0, config.last, functools.partial(step, budgets), begin)
    return _found(state, trees, allow)


@functools.partial(jax.jit, static_argnames=('config', 'at_once'))
def front(
    key: jax.Array, data: TrainData, budgets: Budgets, seeds: jax.Array | np.ndarray,
    config: Config, allow: Decisions, at_once: bool = False,
) -> Found:
    """Searches for many budgets, by one program.

    Args:
      key: consumed; the searches of a seed use the same numbers at every budget, so
        what is found for budgets does not depend on which others there are.
      data: as of `search`.
      budgets: [B] each.
      seeds: [S] int; every one searches for all budgets.
      config: static.
      allow: as of `search`.
      at_once: whether all run at the same time, static. One after another, which is
        faster on a CPU, the searches of a seed share their warm-up.

    Returns:
      `Found` with leading axes [S, B].
    """
    keys = jax.vmap(functools.partial(jax.random.fold_in, key))(jnp.asarray(seeds))
    if at_once:
        one = lambda key, most: search(key, data, most, config, allow)
        each = jax.vmap(one, in_axes=(None, 0))
        return jax.vmap(each, in_axes=(0, None))(keys, budgets)
    return jax.lax.map(
        lambda key: _one_after_another(key, data, budgets, config, allow), keys)


def _one_after_another(
    key: jax.Array, data: TrainData, budgets: Budgets, config: Config, allow: Decisions,
) -> Found:
    """The searches of a seed, [B]: the warm-up as a run of its own, then every other
    one from its end; all by one loop, as compiling its step takes seconds."""
    begin, trees = _begin(key, config)
    step = _stepping(key, data, trees, config, allow)
    warmup = min(config.warmup, config.last)

    def run(start: _State, number: jax.Array) -> tuple[_State, _State]:
        is_warmup = number == 0
        # No budget weighs anything in the warm-up.
        place = jnp.maximum(number - 1, 0)
        most = jax.tree.map(lambda a: jnp.asarray(a)[place], budgets)
        end = jax.lax.fori_loop(
            jnp.where(is_warmup, 0, warmup), jnp.where(is_warmup, warmup, config.last),
            functools.partial(step, most), start)
        return jax.tree.map(functools.partial(jnp.where, is_warmup), end, start), end

    runs = jnp.arange(1 + np.shape(budgets.model_size)[0])
    _, states = jax.lax.scan(run, begin, runs)
    return jax.vmap(lambda state: _found(state, trees, allow))(
        jax.tree.map(lambda a: a[1:], states))


def _begin(key: jax.Array, config: Config) -> tuple[_State, _Trees]:
    """Fresh weights, every choice as likely."""
    params = network.init(jax.random.fold_in(key, SEED_STREAM), config.template)
    logits = choices.initial(config.template)
    (params, to_params), (logits, to_logits) = map(ravel_pytree, (params, logits))
    return _State(params, logits, (_WEIGHTS.init(params), _LOGITS.init(logits)),
                  jnp.zeros(2)), _Trees(to_params, to_logits)


def _found(state: _State, trees: _Trees, allow: Decisions) -> Found:
    total, number = state.entropy
    return Found(template.masked(trees.logits(state.logits), allow),
                 trees.params(state.params), total / jnp.maximum(number, 1))


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
    spent = costs.expected(sizes, choice, config.template, config.core)
    over = jnp.maximum(costs.excess(spent, budgets), 0.0).sum()
    # Networks without a pixel left cost nothing, and are nothing.
    return entropy + weight * over - jnp.log(spent.feasible + 1e-6), entropy


def _stepping(
    key: jax.Array, data: TrainData, trees: _Trees, config: Config, allow: Decisions
) -> Callable[[Budgets, jax.Array, _State], _State]:
    """(budgets, number, state) -> state after one step of both optimisers."""
    draws, schedule = _drawn(key, data, config, allow), config.schedule

    def step(budgets: Budgets, number: jax.Array, state: _State) -> _State:
        share = number / config.steps
        rows = draws.rows[number]
        batch = (jnp.moveaxis(data.images[rows], 0, -1).transpose(2, 0, 1, 3),
                 data.labels[rows])
        fixed = schedules.is_fixed(share, schedule)

        def loss(params: jax.Array, flat: jax.Array) -> tuple[jax.Array, jax.Array]:
            logits = template.masked(trees.logits(flat), allow)
            drawn = template.relaxed(
                draws.noise[number], logits, schedules.temperature(share, schedule))
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
        return _State(
            state.params - rates[0] * weights, state.logits - rates[1] * moves,
            (weight_state, logit_state),
            state.entropy + jnp.where(fixed, jnp.stack([entropy, jnp.ones(())]), 0))

    return step


def _drawn(
    key: jax.Array, data: TrainData, config: Config, allow: Decisions
) -> _Draws:
    """What is random in all steps; each has keys of its own."""
    all_choices = sum(np.size(mask) for mask in allow)

    def one(number: jax.Array) -> _Draws:
        key_batch, key_draw = (
            jax.random.fold_in(jax.random.fold_in(key, stream), number)
            for stream in (BATCH_STREAM, DRAW_STREAM))
        return _Draws(
            jax.random.randint(key_batch, (config.batch_size,), 0, len(data.labels)),
            jax.random.gumbel(key_draw, (all_choices,)))

    return jax.vmap(one)(jnp.arange(config.steps))
