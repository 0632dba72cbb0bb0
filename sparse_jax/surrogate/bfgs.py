"""BFGS with one function evaluation per step, made for `vmap` and `scan`.

A rejected step is tried again shorter in the next iteration instead of in an inner
loop, so that every lane of a batch does the same work per iteration. The inverse
Hessian is dense: a few hundred parameters cost less than one factorisation.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from sparse_jax.types import Array

SUFFICIENT = 1e-4
"""Armijo's constant."""
BLOCK = 5
"""Evaluations after which a search that ends early asks whether it gains anything."""


class State(NamedTuple):
    """One iterate and its model of the curvature; d parameters."""

    x: Array
    """[d]"""
    value: Array
    grad: Array
    """[d]"""
    inverse: Array
    """[d, d] inverse Hessian."""
    fresh: Array
    """[] bool: the inverse Hessian is still the initial guess."""
    length: Array
    """[] step length to try next."""


class _Progress(NamedTuple):
    """A search that ends early, between two blocks."""

    state: State
    number: Array
    """[] evaluations so far."""
    before: Array
    """[] the value one block earlier."""


def _learn(state: State, move: Array, turn: Array, learn: Array) -> Array:
    """The inverse Hessian after a step (Nocedal and Wright 2006, eq. 6.17), where
    `learn`; the initial guess is scaled to the first curvature met (eq. 6.20)."""
    curvature = jnp.where(learn, move @ turn, 1.0)
    scale = curvature / jnp.where(learn, turn @ turn, 1.0)
    inverse = jnp.where(
        state.fresh, scale * jnp.eye(len(move), dtype=move.dtype), state.inverse)
    turned = inverse @ turn
    outer = turned[:, None] * move[None, :] / curvature
    grown = (1.0 + turn @ turned / curvature) / curvature
    updated = inverse + grown * move[:, None] * move[None, :] - outer - outer.T
    return jnp.where(learn, updated, state.inverse)


def _step(
    gradient: Callable[[Array], tuple[Array, Array]], state: State, first: Array
) -> State:
    """One evaluation: of the start at `first`, which is taken as it is, and then of
    one step from the best point so far."""
    direction = -state.inverse @ state.grad
    slope = state.grad @ direction
    t = state.length
    x = state.x + t * direction
    value, grad = gradient(x)
    enough = value <= state.value + SUFFICIENT * t * slope
    accept = first | (enough & jnp.isfinite(grad).all())
    grad = jnp.where(first, jnp.nan_to_num(grad), grad)

    move, turn = x - state.x, grad - state.grad
    # Pairs without positive curvature would spoil the Hessian.
    size = jnp.sqrt((move @ move) * (turn @ turn))
    learn = accept & ~first & (move @ turn > 1e-10 * size) & (size > 0)
    # Minimum of the parabola through the value, the slope and the rejected value.
    shorter = -slope * t**2 / (2 * (value - state.value - t * slope))
    shorter = jnp.where(jnp.isfinite(shorter), shorter, 0.2 * t)
    shorter = jnp.clip(shorter, 0.1 * t, 0.5 * t)
    keep = lambda new, old: jnp.where(accept, new, old)
    # The first step has length one at most: the parameters are of order one.
    guess = jnp.eye(len(x), dtype=x.dtype) / jnp.maximum(jnp.linalg.norm(grad), 1.0)
    return State(
        keep(x, state.x), keep(value, state.value), keep(grad, state.grad),
        jnp.where(first, guess, _learn(state, move, turn, learn)),
        state.fresh & ~learn, keep(jnp.ones_like(t), shorter))


def minimise(
    loss: Callable[[Any], Array], start: Any, *, steps: int, gain: float | None = None
) -> tuple[Any, Array]:
    """Minimises loss(params) from `start` by at most `steps` evaluations.

    Args:
      loss: of a pytree of parameters.
      start: the parameters to begin with. A start at which the loss is not a number
        stays there.
      steps: evaluations after that of the start; with `gain` all evaluations, in whole
        blocks.
      gain: end after `BLOCK` evaluations, not the first, in which the loss fell by no
        more than this; None for never. Under `vmap` every lane waits for the last one.

    Returns:
      (params, value); the value never rises.
    """
    x, unravel = ravel_pytree(start)
    gradient = jax.value_and_grad(lambda x: loss(unravel(x)))
    nothing = jnp.zeros_like(x)
    state = State(x, jnp.array(jnp.inf, x.dtype), nothing,
                  jnp.zeros((x.size, x.size), x.dtype), jnp.array(True),
                  jnp.ones((), x.dtype))

    # The start is evaluated by the code of the steps: a second copy of the gradient
    # would double what is compiled.
    def step(state: State, number: Array) -> tuple[State, None]:
        return _step(gradient, state, number == 0), None

    if gain is None:
        state, _ = jax.lax.scan(step, state, jnp.arange(steps + 1))
        return unravel(jnp.asarray(state.x)), state.value

    def block(carry: _Progress) -> _Progress:
        state, _ = jax.lax.scan(step, carry.state, carry.number + jnp.arange(BLOCK))
        return _Progress(state, carry.number + BLOCK, carry.state.value)

    def goes_on(carry: _Progress) -> Array:
        falls = carry.before - carry.state.value > gain
        return (carry.number == 0) | (carry.number < steps) & falls

    begun = _Progress(state, jnp.array(0), state.value)
    state = jax.lax.while_loop(goes_on, block, begun).state
    return unravel(jnp.asarray(state.x)), state.value
