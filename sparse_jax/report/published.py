"""What others have published for a data set: accuracies on its test part.

`published.json` has one line per result, each with its source. They are context, not a
fair race: splits, counting and training differ, as the sources of each line say.
"""

import functools
import json
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from sparse_jax.objectives.goals import Objectives
from sparse_jax.report.elements import Element, element, table
from sparse_jax.study.opened import OpenStudy

FILE = pathlib.Path(__file__).parent / 'published.json'
FIRST_HALF = '0-4/5-9'
"""The grouping of CIFAR10-binary in the papers."""


class Published(NamedTuple):
    """One published result."""

    data: str
    """Name of the data set."""
    classes: int
    name: str
    accuracy: float
    """Per cent, on test data."""
    source: str
    model_size: float | None = None
    """Bytes, as the source counts them."""
    working_memory: float | None = None
    """Bytes, input + output."""
    working_memory_weights: float | None = None
    """Bytes, input + weights."""

    def text(self) -> str:
        """Its figures in words."""
        words = [f'{self.accuracy:.2f} % on test data']
        words += [f'{name} {value:.0f} B' for name, value in (
            ('model size', self.model_size),
            ('working memory', self.working_memory),
            ('working memory', self.working_memory_weights)) if value is not None]
        return ', '.join([*words, self.source])


@functools.cache
def everything() -> tuple[Published, ...]:
    """All results of the file."""
    return tuple(Published(**entry) for entry in json.loads(
        FILE.read_text(encoding='utf-8')))


def results(study: OpenStudy) -> list[Published]:
    """Those of the study's data set; none for a grouping that nobody published."""
    given = study.settings.data
    name = given.name.removesuffix('_binary')
    binary = name != given.name
    classes = study.dataset.num_classes
    grouped = bool(given.classes) or binary
    # Two classes are only comparable if they are the same two.
    same = not grouped or (name == 'cifar10' and (
        given.classes.replace(' ', '') in ('', FIRST_HALF)))
    found = [entry for entry in everything()
             if (entry.data, entry.classes) == (name, classes)]
    return sorted(found, key=lambda entry: -entry.accuracy) if same else []


def plotted(
    published: Sequence[Published], objectives: Objectives, pair: tuple[int, int]
) -> list[tuple[Published, tuple[float, float]]]:
    """Results with both figures of a plane, in the objectives' units.

    Args:
      published: of the data set.
      objectives: of the study; its memory model decides which figure counts.
      pair: columns of the plane.
    """
    figures = [[_figure(entry, objectives, column) for column in pair]
               for entry in published]
    return [(entry, (both[0], both[1])) for entry, both in zip(published, figures)
            if both[0] is not None and both[1] is not None]


def _figure(entry: Published, objectives: Objectives, column: int) -> float | None:
    name = objectives.names[column]
    if name == 'error':
        return 1 - entry.accuracy / 100
    if name == 'working_memory':
        return getattr(entry, objectives.memory, None)
    return entry.model_size if name == 'model_size' else None


def section(published: Sequence[Published]) -> Element | None:
    """The results as a table; None if there are none."""
    if not published:
        return None
    number = lambda value: '' if value is None else f'{value:,.0f}'
    rows = [[entry.name, f'{entry.accuracy:.2f}', number(entry.model_size),
             number(entry.working_memory), number(entry.working_memory_weights),
             element('td', entry.source, class_='words')] for entry in published]
    return element(
        'section', element('h2', 'Published for these data'),
        table(['method', 'test %', 'model size (B)', 'memory, x + y (B)',
               'memory, x + w (B)', element(
            'th', 'source', class_='left', scope='col')], [list(row) for row in rows],
              sortable=True),
        element('p', 'As published, on test data; splits, counting and training differ '
                     'from this study, so read them as landmarks.', class_='note'),
        id='published')
