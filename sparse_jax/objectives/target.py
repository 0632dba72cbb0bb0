"""How far a pruned network is above what it may cost, for trainings that aim there."""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from sparse_jax.model.connectivity import Live
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.objectives import memory


@dataclasses.dataclass(frozen=True)
class Target:
    """Limits of a network; hashable, part of a `training.Procedure`.

    Attributes:
      limits: (field of `memory.Costs`, the most of it), one at least.

    Raises:
      ValueError: there is no limit, or one is not above 0.
    """

    limits: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        wrong = [most for _, most in self.limits if not most > 0]
        if wrong or not self.limits:
            raise ValueError(f'limits: {self.limits!r} is not allowed; allowed: one or '
                             'more, each above 0')

    def __call__(
        self, skeleton: Skeleton, candidate: Candidate, pruned: Live
    ) -> jax.Array:
        """[] log of cost / limit, of the cost that is furthest above or least below."""
        costs = memory.total(memory.layer_costs(skeleton, candidate, pruned))
        over = [jnp.log(jnp.maximum(getattr(costs, name), 1).astype(jnp.float32) / most)
                for name, most in self.limits]
        return functools.reduce(jnp.maximum, over)
