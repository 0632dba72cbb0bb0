"""What has been published for the paper's tables: `published.json`, with sources.

Tables: A counts non-zero values of unstructured networks, B bytes and working memory as
input + output (model 6) of structured int8 networks, C the same with working memory as
input + weights (model 5). KB of the sources are 1024 bytes, rounded to bytes here.
"""

import functools
import json
import pathlib
from typing import NamedTuple

from experiments.paper import competitors

FILE = pathlib.Path(__file__).parent / 'published.json'
TABLES = {'A': 'non-zero values', 'B': 'working memory as input + output, model (6)',
          'C': 'working memory as input + weights, model (5)'}
PAPER = 'SpArSe'
"""How rows of the paper itself begin."""


class Published(NamedTuple):
    """One published row."""

    table: str
    """A, B or C."""
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
        """Whether it is a row of the paper, which ours are held against."""
        return self.system.startswith(PAPER)


@functools.cache
def everything() -> tuple[Published, ...]:
    """All rows of the file."""
    return tuple(Published(**entry) for entry in json.loads(FILE.read_text()))


def rows(table: str, name: str) -> list[Published]:
    """Those of a table and a data set; in table A all known competitors too, whose
    values are their bytes over four, as the paper counts them."""
    found = [row for row in everything() if (row.table, row.set) == (table, name)]
    if table != 'A':
        return found
    return found + [
        Published('A', name, entry.name, entry.source, entry.accuracy,
                  round(entry.kilobytes * 256))
        for entry in competitors.published() if entry.set == name]


def sets() -> list[str]:
    """All data sets with a published row, in the order of the file."""
    return list(dict.fromkeys(row.set for row in everything()))
