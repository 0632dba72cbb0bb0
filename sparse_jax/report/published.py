"""What others have published for the data set of a study, as a section and as marks.

The figures are those of `sparse_jax.baselines.published`: context, not a fair race.
"""

from collections.abc import Sequence

from sparse_jax.baselines.published import Published, of_data
from sparse_jax.objectives.goals import Objectives
from sparse_jax.report.elements import Element, element, table
from sparse_jax.study.opened import OpenStudy


def results(study: OpenStudy) -> list[Published]:
    """Those of the study's data set; none for a grouping that nobody published."""
    given = study.settings.data
    return of_data(given.name, given.classes, study.dataset.num_classes)


def figures_of(entry: Published) -> str:
    """The figures of a result."""
    found = [f'{entry.accuracy:.2f} % on test data']
    found += [f'{name} {value:.0f} B' for name, value in (
        ('model size', entry.size),
        ('working memory', entry.working_memory),
        ('working memory', entry.working_memory_weights),
        ('working memory without the image', entry.working_memory_without_image)
        ) if value is not None]
    return ', '.join([*found, entry.source])


def plotted(
    published: Sequence[Published], objectives: Objectives, pair: tuple[int, int]
) -> list[tuple[Published, tuple[float, float]]]:
    """Results with both figures of a plane, in the objectives' units.

    Args:
      published: of the data set, with accuracies.
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
        return None if entry.accuracy is None else 1 - entry.accuracy / 100
    if name == 'working_memory':
        return getattr(entry, objectives.memory, None)
    return entry.size if name == 'model_size' else None


def section(published: Sequence[Published]) -> Element | None:
    """The results as a table; None if there are none."""
    if not published:
        return None
    number = lambda value: '' if value is None else f'{value:,.0f}'
    rows = [[entry.system, f'{entry.accuracy:.2f}', number(entry.size),
             number(entry.working_memory), number(entry.working_memory_weights),
             number(entry.working_memory_without_image),
             element('td', entry.source, class_='words')] for entry in published]
    return element(
        'section', element('h2', 'Published for these data'),
        table(['method', 'test %', 'model size (B)', 'memory, x + y (B)',
               'memory, x + w (B)', 'memory, no image (B)', element(
            'th', 'source', class_='left', scope='col')], [list(row) for row in rows],
              sortable=True),
        element('p', 'As published, on test data; splits, counting and training differ '
                     'from this study, so read them as landmarks.', class_='note'),
        id='published')
