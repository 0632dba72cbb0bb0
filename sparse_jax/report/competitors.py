"""Competitors that were trained on the images of the study."""

from collections.abc import Sequence

from sparse_jax.baselines.rows import Row
from sparse_jax.report.elements import Child, Element, element, table


def section(rows: Sequence[Row], *, tested: bool) -> Element | None:
    """The competitors as a table; None if there are none.

    Args:
      rows: on the training and validation images of the study.
      tested: whether test accuracies are shown.
    """
    if not rows:
        return None
    head: list[Child] = ['method', 'validation %', *(['test %'] if tested else []),
                         'KB', 'KB, a byte a value', 'values', 'tried']
    words = (
        'Trained on the same images by launch.baselines, tuned on the validation images'
        ' and, where it is shown, tested once. KB are those of the papers: 4 bytes a '
        'value, and 4 more for the index of a sparse one.')
    return element(
        'section', element('h2', 'Competitors on these images'),
        table(head, [_row(row, tested) for row in rows], sortable=True),
        element('p', words, class_='note'), id='competitors')


def _row(row: Row, tested: bool) -> list[Child]:
    shares = [row.validation, *([row.test] if tested else [])]
    sizes = [row.published_bytes, row.one_byte_bytes]
    return [row.method, *(f'{100 * share:.2f}' for share in shares),
            *(f'{size / 1024:,.2f}' for size in sizes), f'{row.values:,}',
            str(row.tried)]
