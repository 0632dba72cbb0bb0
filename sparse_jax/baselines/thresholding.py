"""Training under a budget of non-zeros: iterative hard thresholding in three phases.

The first third of all steps is dense. In the second, every `period` steps the largest
weights of each matrix become its support, and other weights are zero. In the last the
support stays (Kumar, Goyal and Varma, ICML 2017, section 4 and their code). Adam takes
the steps, as in the authors' port to PyTorch; unlike there its rate falls to zero over
the last phase and the order of the examples is drawn anew in every epoch.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from sparse_jax.baselines.features import Labelled
from sparse_jax.types import PRNGKey

Matrices = dict[str, jax.Array]
PHASES = 3


@dataclasses.dataclass(frozen=True)
class Plan:
    """Static: decides the compiled program."""

    epochs: int = 60
    batch_size: int = 0
    """0: the root of the number of examples, and at least 100."""
    period: int = 15
    """Steps between two choices of the support."""

    def __post_init__(self) -> None:
        """Refuse what trains nothing.

        Raises:
          ValueError: no epoch, no period, or a negative batch.
        """
        if self.epochs < 1 or self.period < 1 or self.batch_size < 0:
            raise ValueError(f'{self}; allowed: epochs and period of 1 or more, a '
                             'batch of 0 (chosen) or more')

    def batch(self, examples: int) -> int:
        """Examples of a step."""
        chosen = self.batch_size or max(100, math.ceil(math.sqrt(examples)))
        return min(chosen, examples)

    def steps(self, examples: int) -> int:
        """Steps of the whole training; the remainder of an epoch is dropped."""
        return self.epochs * (examples // self.batch(examples))


class Now(NamedTuple):
    """Where a training is; numbers that every candidate shares."""

    since: jax.Array
    """Steps since the start of the phase."""
    total: int
    """Steps of the whole training."""


class Method(NamedTuple):
    """A classifier that is trained so."""

    loss: Callable[[Matrices, Any, jax.Array, jax.Array], jax.Array]
    """(matrices, extra, features [B, D], labels [B]) -> number."""
    refresh: Callable[[PRNGKey, Matrices, Any, Now], Any]
    """What the loss needs beside the matrices, before every step: its new value."""


class _Carry(NamedTuple):
    matrices: Matrices
    moments: Any
    supports: Matrices
    extra: Any
    order: jax.Array


def support(matrix: jax.Array, share: jax.Array | float) -> jax.Array:
    """Which elements hard thresholding keeps.

    Args:
      matrix: any shape, n elements.
      share: to keep, traced.

    Returns:
      Booleans of the shape of the matrix: the ceil(share * n) largest by absolute
      value, of equal ones the first.
    """
    ranks = jnp.argsort(jnp.argsort(-jnp.abs(matrix).ravel(), stable=True), stable=True)
    # A float32 share times n may exceed a whole number by its rounding.
    number = jnp.ceil(share * matrix.size * (1 - 2.5e-7))
    return (ranks < number).reshape(matrix.shape)


def train(
    key: PRNGKey, method: Method, matrices: Matrices, extra: Any, data: Labelled,
    plan: Plan, *, shares: dict[str, jax.Array], rate: jax.Array | float,
) -> tuple[Matrices, Any]:
    """Train the matrices of one classifier; the caller vmaps.

    Args:
      key: consumed.
      method: static.
      matrices: where to start, by name.
      extra: where the method's own state starts.
      data: standardised features and labels.
      plan: static.
      shares: of every matrix that is kept, traced.
      rate: of Adam, traced.

    Returns:
      The matrices after the last step, and the method's state.
    """
    examples, batch = len(data.labels), plan.batch(len(data.labels))
    per_epoch, total = examples // batch, plan.steps(len(data.labels))
    phase = -(-total // PHASES)
    adam = optax.scale_by_adam()
    features, labels = jnp.asarray(data.features), jnp.asarray(data.labels)

    def step(carry: _Carry, step: jax.Array) -> tuple[_Carry, None]:
        order_key, own_key = jax.random.split(jax.random.fold_in(key, step))
        order = jax.lax.cond(
            step % per_epoch == 0, lambda: jax.random.permutation(order_key, examples),
            lambda: carry.order)
        rows = jax.lax.dynamic_slice_in_dim(order, step % per_epoch * batch, batch)
        extra = method.refresh(own_key, carry.matrices, carry.extra,
                               Now(step % phase, total))
        gradient = jax.grad(method.loss)(
            carry.matrices, extra, features[rows], labels[rows])
        updates, moments = adam.update(gradient, carry.moments)
        now_rate = rate * jnp.clip((total - step) / phase, 0.0, 1.0)
        moved = jax.tree.map(lambda m, u: m - now_rate * u, carry.matrices, updates)
        chooses = (step // phase == 1) & (step % phase % plan.period == 0)
        supports = jax.lax.cond(
            chooses, lambda: {n: support(m, shares[n]) for n, m in moved.items()},
            lambda: carry.supports)
        moved = {n: jnp.where(supports[n], m, 0.0) for n, m in moved.items()}
        return _Carry(moved, moments, supports, extra, order), None

    start = _Carry(
        matrices, adam.init(matrices),
        {n: jnp.ones(m.shape, bool) for n, m in matrices.items()}, extra,
        jnp.arange(examples))
    end, _ = jax.lax.scan(step, start, jnp.arange(total))
    return end.matrices, end.extra
