"""Which groups of points, one compiled program each, a batch may use."""

from collections.abc import Hashable, Mapping
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax.host_random import generator
from sparse_jax.types import Domain, PRNGKey

MOST_LEADERS = 8
"""Groups that siblings are drawn from at once."""


class GroupRules(NamedTuple):
    """The limits of a batch, and what was compiled before it."""

    seen: Mapping[Hashable, np.ndarray] = {}
    """Group -> [D] a point of it that was evaluated before."""
    most: int | None = None
    """Largest number of groups in one batch; None for any."""
    new: int | None = None
    """Largest number of them that were not seen; None for any."""

    @property
    def matter(self) -> bool:
        """Whether there is any limit."""
        return self.most is not None or self.new is not None

    def allowed(self, used: list[Hashable]) -> list[Hashable] | None:
        """Groups that the next pick may fall into, given those of the earlier picks;
        None while it may open another one."""
        open_ = list(dict.fromkeys(used))
        if self.most is not None and len(open_) >= self.most:
            return open_
        fresh = sum(group not in self.seen for group in open_)
        if self.new is not None and fresh >= self.new:
            # With nothing seen, something must be opened.
            return list(dict.fromkeys([*open_, *self.seen])) or None
        return None


def siblings(
    key: PRNGKey, domain: Domain, leaders: list[np.ndarray], num: int
) -> np.ndarray:
    """About num random points that have the groups of the leaders [D], [num', D], in
    random order: a caller may take the first."""
    key, key_choice = jax.random.split(key)
    rng = generator(key_choice)
    if len(leaders) > MOST_LEADERS:
        chosen = rng.choice(len(leaders), MOST_LEADERS, replace=False)
        leaders = [leaders[i] for i in chosen]
    keys = jax.random.split(key, len(leaders))
    share = -(-num // len(leaders))
    return rng.permutation(np.concatenate([
        domain.resample(k, leader, share) for k, leader in zip(keys, leaders)]))
