"""The three stages of SpArSe around any of its algorithms.

Stage 1 may edit anything of any evaluated network (and still draws from the prior);
stage 2 edits only the pruning parameters of any of them; stage 3 edits anything of
the Pareto-optimal ones. "Each successive stage increasingly limits the set of
possible proposals" (Fedorov et al. 2019).
"""

import functools
from collections.abc import Callable

import numpy as np

from sparse_jax.acquisition import propose
from sparse_jax.acquisition.propose import Parents
from sparse_jax.space import morphisms
from sparse_jax.space.sparse_space import Space
from sparse_jax.types import Archive, Domain, PRNGKey, SearchAlgorithm, SuggestInfo

MORPH_DEPTH = 3
"""Largest number of edits between a reference and a proposal."""


def stage_of(round_: int, starts: tuple[int, ...]) -> int:
    """1, 2 or 3 for a round (from 0), given the rounds before stages 2 and 3."""
    return 1 + sum(round_ >= start for start in starts)


REFERENCES = {1: propose.front_and_everything, 2: propose.front_and_everything,
              3: propose.front}
"""Whose morphs the surrogate chooses from: of any network, half of them of the front;
in stage 3 of the front alone."""


def _edit(
    key: PRNGKey, rows: np.ndarray, *, space: Space, only_pruning: bool
) -> np.ndarray:
    return morphisms.morph(key, space, rows, only_pruning=only_pruning)


def restrict(domain: Domain, space: Space, archive: Archive, stage: int) -> Domain:
    """The domain whose every draw is a morph that the stage allows."""
    parents = propose.everything(archive) if stage == 2 else propose.front(archive)
    only_pruning = stage == 2
    edit = functools.partial(_edit, space=space, only_pruning=only_pruning)

    def sample(key: PRNGKey, num: int) -> np.ndarray:
        return propose.morphs(key, edit, parents, num, depth=MORPH_DEPTH)

    def resample(key: PRNGKey, row: np.ndarray, num: int) -> np.ndarray:
        if not only_pruning:
            return domain.resample(key, row, num)
        # The graph of a row does not depend on its pruning parameters.
        rows = propose.morphs(key, edit, row[None], num, depth=MORPH_DEPTH)
        return rows[(np.abs(rows - row) > 1e-9).any(axis=1)]

    return domain._replace(sample=sample, perturb=edit, resample=resample)


def staged(
    make: Callable[[Domain, Parents], SearchAlgorithm], domain: Domain, space: Space, *,
    starts: tuple[int, ...],
) -> SearchAlgorithm:
    """`make(domain, references)` in stage 1, on the restricted domain afterwards."""
    free = make(domain, REFERENCES[1])

    def suggest(key: PRNGKey, archive: Archive) -> tuple[np.ndarray, SuggestInfo]:
        stage = stage_of(archive.rounds, starts)
        if stage == 1 or not len(propose.front(archive)):
            return free.suggest(key, archive)
        restricted = restrict(domain, space, archive, stage)
        x, info = make(restricted, REFERENCES[stage]).suggest(key, archive)
        # A stage that is used up does not end the search.
        return (x, info) if len(x) else free.suggest(key, archive)

    return SearchAlgorithm(suggest, free.prepare)
