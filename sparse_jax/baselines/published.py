"""What has been published for small classifiers: `published.json`, with sources.

The one table of published figures that reports, comparisons and the paper's tables
read. They are context, not a fair race: splits, counting and training differ, as the
source of each row says. KB of the sources are 1024 bytes, rounded to bytes here.
"""

import functools
import json
import pathlib
from typing import NamedTuple

FILE = pathlib.Path(__file__).parent / 'published.json'
PAPER = 'SpArSe'
"""How systems of the paper that this project re-implements begin."""
FIRST_HALF = '0-4/5-9'
"""The grouping of CIFAR-10 in two groups that the papers used."""


class Published(NamedTuple):
    """One published result."""

    set: str
    """Data set and number of classes, as in mnist-10."""
    system: str
    source: str
    tables: str = ''
    """Letters of the paper's tables that it stands in: A counts non-zero values of
    unstructured networks, B working memory as input + output, C as input + weights, D
    without the image."""
    accuracy: float | None = None
    """Per cent on test data; None if it is not known."""
    model_size: int | None = None
    """Bytes, as the source counts them."""
    values: int | None = None
    """Non-zero values, as the paper's table A counts them."""
    working_memory: int | None = None
    """Bytes, input + output."""
    working_memory_weights: int | None = None
    """Bytes, input + weights."""
    working_memory_without_image: int | None = None
    """Bytes, all that is alive at once but the image, as uNAS counts."""
    gpu_days: float | None = None
    """Of the search."""
    chip: str = ''
    """That the two figures below were measured on; '' for none."""
    milliseconds: float | None = None
    """For a prediction."""
    millijoules: float | None = None
    """For a prediction."""
    against: str = ''
    """The competitor that a row of table A is held against."""

    @property
    def is_paper(self) -> bool:
        """Whether it is a row of the paper, which ours are held against."""
        return self.system.startswith(PAPER)

    @property
    def size(self) -> int | None:
        """Bytes; of what is counted in values alone, one a value."""
        return self.values if self.model_size is None else self.model_size


@functools.cache
def everything() -> tuple[Published, ...]:
    """All results of the file."""
    return tuple(Published(**entry) for entry in json.loads(
        FILE.read_text(encoding='utf-8')))


def of_data(name: str, classes: str, count: int) -> list[Published]:
    """Those of the images of a study, the most accurate first.

    Args:
      name: of the data set, with its grouping if the name has one.
      classes: setting of the grouping; '' for none.
      count: of the classes.

    Returns:
      One row for each system and figure whose accuracy is known; none for a grouping
      into two that is not known to be the one that was published.
    """
    base = name.removesuffix('_binary')
    if (classes or base != name) and not (
            base == 'cifar10' and classes.replace(' ', '') in ('', FIRST_HALF)):
        return []
    # The paper holds one network against several competitors.
    rows = {(row.system, row.accuracy, row.size): row for row in reversed(everything())
            if row.set == f'{base}-{count}' and row.accuracy is not None}
    return sorted(rows.values(), key=lambda row: -(row.accuracy or 0.0))
