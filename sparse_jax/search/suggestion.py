"""What the search algorithm suggests, checked before it is stored."""

from typing import Any

import numpy as np

from sparse_jax.acquisition.admission import NothingLeftError
from sparse_jax.factories import is_own, told
from sparse_jax.search.setup import Setup
from sparse_jax.settings.errors import ConfigError
from sparse_jax.types import Archive, PRNGKey, SuggestInfo

_ALLOWED = 'a suggest(key, archive) that returns (points, SuggestInfo)'


def suggestion(
    setup: Setup, key: PRNGKey, found: Archive
) -> tuple[np.ndarray, SuggestInfo]:
    """The next batch of a search.

    Args:
      setup: the objects of the search.
      key: of the round.
      found: what the finished rounds have evaluated.

    Returns:
      At most B points [N, D] in [0, 1], and diagnostics.

    Raises:
      ConfigError: one line: a person's own algorithm fails, or gives something else.
    """
    try:
        given: Any = setup.algorithm.suggest(key, found)
    except (ConfigError, NothingLeftError):
        raise
    # A person's program may raise anything.
    except Exception as error:
        if not is_own(setup.settings.search.algorithm):
            raise
        raise _refusal(setup, f'suggest fails ({told(error)}) after '
                              f'{found.size} trials; allowed: {_ALLOWED}') from error
    if not isinstance(given, tuple) or len(given) != 2 or not isinstance(
            given[1], SuggestInfo):
        shown = tuple(type(part).__name__ for part in given) if isinstance(
            given, tuple) else type(given).__name__
        raise _refusal(setup, f'suggest returns {shown}; allowed: {_ALLOWED}')
    return _checked(setup, given[0]), given[1]


def _checked(setup: Setup, given: Any) -> np.ndarray:
    """A batch as an array; what is none is refused."""
    most = (setup.settings.search.batch, setup.domain.dim)
    try:
        points = np.asarray(given, float)
    except (TypeError, ValueError) as error:
        raise _refusal(setup, f'suggests points that are no array ({error}); allowed: '
                              f'at most {most}') from None
    if points.ndim != 2 or points.shape[1] != most[1] or len(points) > most[0]:
        raise _refusal(setup, f'suggests points of shape {points.shape}; allowed: at '
                              f'most {most}')
    if np.isnan(points).any():
        raise _refusal(setup, 'suggests points with NaN; allowed: numbers from 0 to 1')
    if not ((points >= 0) & (points <= 1)).all():
        raise _refusal(setup, f'suggests points from {points.min():g} to '
                              f'{points.max():g}; allowed: numbers from 0 to 1')
    return points


def expected(
    setup: Setup, points: np.ndarray, info: SuggestInfo
) -> list[tuple[float, ...]] | None:
    """What the algorithm expected of the objectives of its points [N, D], of the error
    alone if it looks for that; None where it does not say so in finite numbers, as an
    algorithm of one's own need not."""
    try:
        values = np.asarray(info.predicted, float)
    except (TypeError, ValueError):
        return None
    if values.shape != (len(points), len(setup.sought.names)) or not np.isfinite(
            values).all():
        return None
    return [tuple(row) for row in values.tolist()]


def _refusal(setup: Setup, what: str) -> ConfigError:
    name = setup.settings.search.algorithm
    return ConfigError(f'config.search.algorithm: {name!r} {what}')
