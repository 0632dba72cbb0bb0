"""Which part of a front is worth a look: networks that somebody would deploy."""

from typing import NamedTuple

import numpy as np

from sparse_jax.objectives.goals import Objectives

SLACK = 4.0
"""Times the soft bound of a cost that is still worth a look."""
_MARGIN = 1.15
_SPAN = 3.0
"""Least ratio of the ends of a frame: a single network has neighbours to look at."""
_RULE = ('networks in the better half between the least error and that of guessing '
         f'(on a logarithmic scale), with costs up to {SLACK:.0f} times the soft '
         'bounds')


class Frame(NamedTuple):
    """What pictures of a study show, in the units of the objectives."""

    low: np.ndarray
    """[K]"""
    high: np.ndarray
    """[K]"""
    zoomed: bool
    """Whether networks lie outside."""

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Which rows [N, K] lie inside, [N]."""
        return np.all((values >= self.low) & (values <= self.high), axis=1)


def rule() -> str:
    """What `worth` takes, in words."""
    return _RULE


def limits(objectives: Objectives) -> np.ndarray:
    """[K - 1] the tighter of hard budget and soft bound of every cost."""
    hard = dict(objectives.budgets)
    return np.array([min(bound, hard.get(name, np.inf)) for name, bound in zip(
        objectives.names[1:], objectives.bounds[1:])])


def floor_of(errors: np.ndarray) -> float:
    """Where an error of zero is drawn: half the least that is not."""
    positive = errors[errors > 0]
    return float(0.5 * positive.min()) if len(positive) else 0.001


def drawn(values: np.ndarray, objectives: Objectives, least: float) -> np.ndarray:
    """Objectives [N, K] as a logarithmic picture has them: errors at least `least`,
    costs at least the floor of their goal."""
    return np.maximum(values, [least, *(goal.floor for goal in objectives.costs)])


def worth(values: np.ndarray, objectives: Objectives, guess: float) -> np.ndarray:
    """Which networks are worth deploying: accurate and small enough.

    Args:
      values: [N, K] error and costs.
      objectives: what they are, and their bounds.
      guess: error of naming the largest class.

    Returns:
      [N] bool: error below `guess` and at most the geometric mean of it and the
      least one, every cost at most `SLACK` times its soft bound.
    """
    small = np.all(values[:, 1:] <= SLACK * np.array(objectives.bounds[1:]), axis=1)
    if not small.any():
        return small
    best = max(float(values[small, 0].min()), floor_of(values[:, 0]))
    errors = values[:, 0]
    return small & (errors <= np.sqrt(best * guess)) & (errors < guess)


def whole(values: np.ndarray, objectives: Objectives) -> Frame:
    """Around all networks [N, K] and the limits."""
    return _around(drawn(values, objectives, floor_of(values[:, 0])),
                   limits(objectives), np.inf)


def zoom(
    values: np.ndarray, front: np.ndarray, objectives: Objectives, guess: float,
    chosen: np.ndarray | None = None,
) -> Frame:
    """Around the networks of the front that are worth deploying, and the chosen one;
    around all networks if none is.

    Args:
      values: [N, K] objectives of all networks.
      front: [F, K] of those of the front.
      objectives: what they are.
      guess: error of naming the largest class.
      chosen: [K] of the network that is chosen, which may be none of the front.
    """
    near = worth(front, objectives, guess)
    if not near.any():
        return whole(values, objectives)
    if chosen is not None:
        front, near = np.vstack([front, chosen]), np.append(near, True)
    shown, front = (drawn(v, objectives, floor_of(values[:, 0])) for v in (
        values, front))
    found = _around(front[near], limits(objectives), SLACK)
    return found._replace(zoomed=bool((~found.holds(shown)).any()))


def _around(shown: np.ndarray, most: np.ndarray, reach: float) -> Frame:
    """With a margin; a limit within `reach` times the largest cost is inside too."""
    low, high = shown.min(0), shown.max(0)
    near = most <= reach * high[1:]
    high[1:] = np.where(near, np.maximum(high[1:], most), high[1:])
    low[1:] = np.where(near, np.minimum(low[1:], most), low[1:])
    low, high = low / _MARGIN, high * _MARGIN
    wider = np.sqrt(np.maximum(_SPAN * low / high, 1.0))
    low, high = low / wider, high * wider
    high[0] = max(min(high[0], 1.0), 1.3 * low[0])
    return Frame(low, high, False)
