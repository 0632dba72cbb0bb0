"""Which classes a network takes for which, on validation images."""

from collections.abc import Sequence

import numpy as np

from sparse_jax.objectives.confusion import recalls
from sparse_jax.report.elements import Child, Element, element, svg, table, text

DRAWN = 20
"""Classes up to which the matrix is drawn; of more the worst are listed."""
_LISTED, _NAMES, _CELL = 12, 88.0, 26.0


def show(matrix: np.ndarray, names: Sequence[str]) -> Element:
    """The matrix as a picture, or its worst entries as a table."""
    shown = [_drawn(matrix, names)] if len(names) <= DRAWN else []
    return element('div', *shown, _worst(matrix, names))


def _drawn(matrix: np.ndarray, names: Sequence[str]) -> Element:
    """Rows are true classes; shades are shares of the row."""
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    count, top = len(names), 36 + (_NAMES if _long(names) else 20.0)
    marks: list[Child] = [text(0, 14, 'Confusion on validation images', class_='title')]
    for i, name in enumerate(names):
        place = _CELL * i + 17
        marks.append(text(_NAMES - 6, top + place, _short(name), text_anchor='end'))
        x, y = _NAMES + _CELL * i + 13, top - 6
        turn = f'rotate(-60 {x:.0f} {y:.0f})' if _long(names) else None
        marks.append(text(x, y, _short(name), transform=turn,
                          text_anchor='start' if turn else 'middle'))
        for j in range(count):
            if matrix[i, j]:
                marks += _cell(i, j, int(matrix[i, j]), float(share[i, j]), top)
    side = _CELL * count
    marks += [element('rect', x=_NAMES, y=top, width=side, height=side, class_='edges'),
              text(_NAMES, 30, 'taken for →', class_='axis'),
              text(0, 30, 'true ↓', class_='axis')]
    return svg(_NAMES + side + 40, top + side + 4, *marks,
               label='Confusion on validation images')


def _cell(i: int, j: int, number: int, share: float, top: float) -> list[Child]:
    x, y = _NAMES + _CELL * j, top + _CELL * i
    kind = 'right' if i == j else 'wrong'
    strong = ' strong' if share > 0.55 else ''
    return [element('rect', x=x, y=y, width=_CELL, height=_CELL, class_=kind,
                    style=f'--h:{max(share, 0.06):.2f}'),
            text(x + 13, y + 17, str(number), text_anchor='middle',
                 class_=f'count{strong}',
                 style='font-size:9px' if number > 999 else None)]


def _long(names: Sequence[str]) -> bool:
    return max(map(len, names)) > 3


def _short(name: str) -> str:
    return name if len(name) <= 12 else f'{name[:11]}…'


def _worst(matrix: np.ndarray, names: Sequence[str]) -> Element:
    """Recall of the classes, the worst first."""
    found = recalls(matrix)
    rows: list[list[Child]] = []
    for i in np.argsort(np.nan_to_num(found, nan=2.0), kind='stable')[:_LISTED]:
        wrong = matrix[i].copy()
        wrong[i] = 0
        taken = int(wrong.argmax())
        most = f'{names[taken]} ({wrong[taken]})' if wrong.any() else ''
        recall = '' if np.isnan(found[i]) else f'{100 * found[i]:.1f}'
        rows.append([str(names[int(i)]), str(matrix[i].sum()), recall, element(
            'td', most, class_='left')])
    head: list[Child] = ['class', 'images', 'recall %', element(
        'th', 'most often taken for', class_='left', scope='col')]
    return element('div', element('h4', 'Recall of the classes'),
                   table(head, rows, sortable=True))
