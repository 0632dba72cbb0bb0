"""Tunings that share a program: made, trained together, chosen from."""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.baselines.features import Labelled
from sparse_jax.baselines.thresholding import Plan
from sparse_jax.types import Array, PRNGKey

T = TypeVar('T')
Train = Callable[[PRNGKey, Labelled, Any, Any, Plan], Any]
"""`bonsai.train` or `protonn.train`."""


def product(start: T, **values: Sequence[float]) -> list[T]:
    """Every combination of some values of a tuning.

    Args:
      start: a tuning of plain numbers; it has all other values.
      **values: by the name of a field.

    Example:
      >>> from sparse_jax.baselines.protonn import Tuning
      >>> [t.rate for t in product(Tuning(), rate=(0.1, 0.01))]
      [0.1, 0.01]
    """
    made: Any = start
    return [made._replace(**dict(zip(values, chosen)))
            for chosen in itertools.product(*values.values())]


def stacked(tunings: Sequence[T]) -> T:
    """One tuning whose values are float32 arrays [G]."""
    plain: Sequence[Any] = tunings
    return type(plain[0])(*(np.asarray(v, np.float32) for v in zip(*plain)))


@functools.partial(jax.jit, static_argnames=('method', 'shape', 'plan'))
def train(
    key: PRNGKey, data: Labelled, tunings: Any, *, method: Train, shape: Any,
    plan: Plan,
) -> Any:
    """Train a grid in one program.

    Args:
      key: consumed; all start from the same weights and see the same batches, so that
        tunings differ by nothing else.
      data: standardised features and labels.
      tunings: as from `stacked`.
      method: `bonsai.train` or `protonn.train`.
      shape: its static description.
      plan: of the training.

    Returns:
      What the method returns, with a leading axis [G].
    """
    return jax.vmap(lambda tuning: method(key, data, shape, tuning, plan))(tunings)


def member(trained: T, index: int) -> T:
    """One classifier of a grid."""
    return jax.tree.map(lambda leaf: leaf[index], trained)


def accuracy(predicted: Array, labels: Array) -> float:
    """The share of right classes."""
    return float(jnp.mean(predicted == labels))
