"""Random numbers of a retraining, which are not those of the search."""

import hashlib
import json
from collections.abc import Sequence

from sparse_jax.settings.groups import Settings
from sparse_jax.settings.stored import locked
from sparse_jax.study.records import Record


def seed_of(settings: Settings, digest: str, rows: Sequence[Record], seed: int) -> int:
    """The root seed of a study that trains networks of another study again.

    Trial k of a study draws from its root seed and k alone. A retraining under the
    seed of the search would therefore be the search's own trials again, lucky ones
    included, whenever the numbers agree.

    Args:
      settings: of the source.
      digest: of the data of the source.
      rows: the networks, at their cuts.
      seed: of a person, to draw other random numbers for the same networks.

    Returns:
      0 .. 2**32 - 1, the same for the same arguments; paths, rounds and runtime
      settings of the source do not matter.
    """
    networks = [[row.trial.number, row.offset, *map(float, row.trial.row)]
                for row in rows]
    text = json.dumps([locked(settings), digest, networks, seed], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], 'big')
