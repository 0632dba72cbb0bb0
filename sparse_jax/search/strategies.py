"""How a search comes by its networks: a table of strategies.

A strategy may know networks before any training. They are the first rounds of the
search, batch by batch; after them its algorithm goes on, or nothing. They are found
once and kept in the study, so that a search that was killed goes on with them.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from sparse_jax.search import algorithms, archive, gradient, known, starts
from sparse_jax.search.algorithms import Rules
from sparse_jax.search.gradient import Work
from sparse_jax.search.known import Known
from sparse_jax.search.problem import problem_of
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.study.records import Study

if TYPE_CHECKING:
    from sparse_jax.search.setup import Setup

STREAM = 5


class Strategy(NamedTuple):
    """A way to search."""

    points: 'Callable[[Setup, jax.Array], Known] | None'
    """(setup, key) -> what is trained first; None for nothing."""
    suggests: bool
    """Whether the search algorithm suggests further ones from what was found."""
    work: 'Callable[[Setup], Work]' = lambda setup: gradient.NOTHING
    """What finding the points takes."""


STRATEGIES: dict[str, Strategy] = {
    'suggest': Strategy(None, True),
    'differentiable': Strategy(gradient.points, False, gradient.work),
}
"""Values of `search.strategy`; of those with points, of `search.initial_from` too. An
entry is all that a strategy needs."""


class Batch(NamedTuple):
    """Points of a round that were known before any training, at most a batch."""

    rows: np.ndarray
    """[N, D] canonical rows; none where the strategy has no further ones."""
    parents: list[int | None]
    """[N] of their first trainings, see `Trial.parent`; None for no weights."""


def check(settings: Settings) -> None:
    """Refuse strategies that there are not.

    Raises:
      ConfigError: one line.
    """
    search = settings.search
    if search.strategy not in STRATEGIES:
        raise ConfigError(f'config.search.strategy: {search.strategy!r} is not '
                          f'allowed; allowed: {", ".join(STRATEGIES)}')
    first = [name for name, entry in STRATEGIES.items() if entry.points is not None]
    if search.initial_from not in ('', *first):
        raise ConfigError(
            f'config.search.initial_from: {search.initial_from!r} is not allowed; '
            f"allowed: '' (random points), {', '.join(first)}")
    if search.initial_from and not STRATEGIES[search.strategy].suggests:
        raise ConfigError(
            f'config.search.initial_from: {search.initial_from!r} is not allowed with '
            f"config.search.strategy {search.strategy!r}; allowed: ''")


def algorithm_of(settings: Settings) -> str:
    """Name of the search algorithm: where nothing is suggested one without a model."""
    suggests = STRATEGIES[settings.search.strategy].suggests
    return settings.search.algorithm if suggests else 'random'


def work(setup: 'Setup') -> Work:
    """What finding networks before any training takes; nothing where none are."""
    search = setup.settings.search
    return STRATEGIES[search.initial_from or search.strategy].work(setup)


def first_batch(setup: 'Setup', study: Study, round_: int) -> Batch | None:
    """The points of a round that were known before any training.

    Args:
      setup: the objects of the search.
      study: open for writing; the points are kept there as they are first asked for.
      round_: from 0.

    Returns:
      The batch; None where the search algorithm suggests the round.
    """
    search = setup.settings.search
    name = search.initial_from or search.strategy
    strategy = STRATEGIES[name]
    if strategy.points is None:
        return None
    found = _planned(setup, study, strategy.points)
    # The end of a search has rounds of its own, which have no points of these.
    done = sum(r.round < round_ and not r.is_end for r in study.rounds())
    span = (done * search.batch, (done + 1) * search.batch)
    rows = found.rows[slice(*span)]
    if not len(rows) and STRATEGIES[search.strategy].suggests:
        return None
    return Batch(rows, found.parents(*span))


def left_over(setup: 'Setup', study: Study) -> int:
    """How many networks that were known before any training no round has taken."""
    found = known.stored(study, setup.domain.dim)
    if found is None:
        return 0
    done = sum(not record.is_end for record in study.rounds())
    return max(len(found.rows) - done * setup.settings.search.batch, 0)


def last_phase(setup: 'Setup') -> str:
    """What the search is told that ends without a further point."""
    suggests = STRATEGIES[setup.settings.search.strategy].suggests
    return 'used up' if suggests else 'all trained'


def _planned(
    setup: 'Setup', study: Study,
    points: 'Callable[[Setup, jax.Array], Known]',
) -> Known:
    """As the study has them, or as they are found now."""
    found = known.stored(study, setup.domain.dim)
    if found is not None:
        return found
    key = jax.random.fold_in(setup.root_key, STREAM)
    found = points(setup, key)
    search = setup.settings.search
    if not len(found.rows) and STRATEGIES[search.strategy].suggests:
        logging.getLogger(__name__).warning(
            'config.search.initial_from: %r finds no network within the budgets; '
            'filled structures come first', search.initial_from)
        found = Known(_filled(setup, jax.random.fold_in(key, 1)))
    if not len(found.rows):
        raise ConfigError(
            f'config.search.strategy: {search.strategy!r} finds no network within the '
            'budgets; allowed: larger budgets, other config.differentiable.templates, '
            "or 'suggest'")
    known.store(study, found)
    return found


def _filled(setup: 'Setup', key: jax.Array) -> np.ndarray:
    """[N, D] as many structures that fill the budgets as a search has random points,
    with as many programs."""
    search = setup.settings.search
    number = search.initial or search.batch
    rounds = -(-number // search.batch)
    domain = setup.domain._replace(sample=starts.design(
        setup.settings, setup.space, setup.objectives, setup.evaluator.refuses,
        starts.estimates(setup.settings, setup.objectives, setup.dataset)))
    rules = Rules(number, rounds * search.max_groups or None, None,
                  rounds * search.initial_groups or None,
                  refuse=setup.evaluator.refuse)
    aims = problem_of(setup.sought)
    rows, _ = algorithms.random_search(domain, aims, batch=number, rules=rules).suggest(
        key, archive.empty(domain.dim, aims.num_objectives, aims.num_further))
    return rows
