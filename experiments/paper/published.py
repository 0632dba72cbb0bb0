"""The published rows of the paper's tables, of `sparse_jax.baselines.published`.

Tables: A counts non-zero values of unstructured networks, B bytes and working memory as
input + output (model 6) of structured int8 networks, C the same with working memory as
input + weights (model 5), D all tensors that are alive at once but the image, as uNAS
counts (`sparse_jax.objectives.alive`).
"""

import functools
from typing import NamedTuple

from sparse_jax.baselines import published

TABLES = {'A': 'non-zero values', 'B': 'working memory as input + output, model (6)',
          'C': 'working memory as input + weights, model (5)',
          'D': 'working memory without the image, one output unit for two classes, as '
               'uNAS counts'}


class Published(NamedTuple):
    """A published result as a row of one table."""

    table: str
    """A, B, C or D."""
    set: str
    """Data set and number of classes, as in mnist-10."""
    system: str
    source: str
    accuracy: float | None = None
    """Per cent on test data; None if it is not known."""
    model_size: int | None = None
    """Bytes at one a value; in table A non-zero values."""
    working_memory: int | None = None
    """Bytes, under the model of the table."""
    gpu_days: float | None = None
    against: str = ''
    """The competitor that a row of table A is held against."""

    @property
    def is_paper(self) -> bool:
        """Whether it is a row of the paper."""
        return self.system.startswith(published.PAPER)

    @property
    def is_target(self) -> bool:
        """Whether searches are held against it: a row of the paper, or of uNAS in its
        own accounting."""
        return self.is_paper or self.table == 'D'

    @property
    def counts_one_unit(self) -> bool:
        """Whether its source counts one output unit for two classes, as ours do."""
        return self.table == 'D'


@functools.cache
def everything() -> tuple[Published, ...]:
    """All rows of all tables."""
    return tuple(_row(entry, table) for entry in published.everything()
                 for table in entry.tables)


def _row(entry: published.Published, table: str) -> Published:
    memory = {'A': None, 'B': entry.working_memory,
              'C': entry.working_memory_weights,
              'D': entry.working_memory_without_image}[table]
    size = entry.values if table == 'A' else entry.model_size
    return Published(table, entry.set, entry.system, entry.source, entry.accuracy, size,
                     memory, entry.gpu_days, entry.against)


def rows(table: str, name: str) -> list[Published]:
    """Those of a table and a data set."""
    return [row for row in everything() if (row.table, row.set) == (table, name)]


def sets() -> list[str]:
    """All data sets with a row in a table, in the order of the file."""
    return list(dict.fromkeys(row.set for row in everything()))
