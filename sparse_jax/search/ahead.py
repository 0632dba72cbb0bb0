"""Programs of the next suggestion compile while the networks of this round train."""

import concurrent.futures

import numpy as np

from sparse_jax.settings.groups import Search
from sparse_jax.types import Archive, PRNGKey, SearchAlgorithm, SuggestInfo


def prepared(algorithm: SearchAlgorithm, search: Search) -> SearchAlgorithm:
    """An algorithm that suggests the same and prepares what comes next in a thread.

    Args:
      algorithm: returned as it is where it has nothing to prepare.
      search: how large the archive will be, and whether there is another round.
    """
    prepare = algorithm.prepare
    if prepare is None:
        return algorithm
    pool = concurrent.futures.ThreadPoolExecutor(1, 'prepare')
    running: list[concurrent.futures.Future[None]] = []

    def suggest(key: PRNGKey, archive: Archive) -> tuple[np.ndarray, SuggestInfo]:
        while running:
            # What it could not prepare `suggest` compiles, and says what is wrong.
            running.pop().exception()
        x, info = algorithm.suggest(key, archive)
        size = next_size(archive, len(x), search)
        if size is not None:
            running.append(pool.submit(prepare, size))
        return x, info

    return SearchAlgorithm(suggest, prepare)


def next_size(archive: Archive, fresh: int, search: Search) -> int | None:
    """Trials in the archive when a model is next asked, given that a round of `fresh`
    points begins; None if no round is left for that."""
    rounds = archive.rounds + 1
    known, waiting = archive.size + len(archive.pending), fresh
    if not search.lag:
        known, waiting = known + fresh, 0
    while known + waiting < search.initial or not known:
        known, rounds = known + (waiting or search.batch), rounds + 1
        waiting = search.batch if search.lag else 0
    return known if fresh and rounds < search.most_rounds else None
