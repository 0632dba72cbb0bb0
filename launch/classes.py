"""How well a network tells the classes apart, as tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    import numpy as np

_MOST, _WIDE = 40, 10
"""Classes of which the recall is shown, the worst first, and of which the matrix is."""
_LETTERS = 20


def recall_table(matrix: np.ndarray, names: Sequence[str]) -> Table:
    """The recall of every class, the worst first.

    Args:
      matrix: [K, K] images of class i that were taken for class j.
      names: of the K classes.
    """
    import numpy as np

    from sparse_jax.objectives.confusion import recalls

    found = recalls(matrix)
    table = _table('classes on validation images')
    for name in ('images', 'recall %'):
        table.add_column(name, justify='right', no_wrap=True)
    table.add_column('most often taken for', overflow='fold')
    order = np.argsort(np.nan_to_num(found, nan=2.0), kind='stable')
    for i in map(int, order[:_MOST]):
        others = matrix[i].copy()
        others[i] = 0
        most = f'{_short(names[int(others.argmax())])} ({others.max()})'
        table.add_row(
            _short(names[i]), str(matrix[i].sum()),
            '' if np.isnan(found[i]) else f'{100 * found[i]:.1f}',
            most if others.any() else '')
    if len(order) > _MOST:
        table.add_row(f'... {len(order) - _MOST} more, better ones', '', '', '')
    return table


def matrix_table(matrix: np.ndarray, names: Sequence[str]) -> Table | None:
    """Rows are true classes, columns what they are taken for; None for many classes."""
    if len(names) > _WIDE:
        return None
    table = _table('true class (rows) taken for (columns)')
    for j in range(len(names)):
        table.add_column(_short(names[j], 5), justify='right', no_wrap=True)
    for i, row in enumerate(matrix):
        table.add_row(_short(names[i]), *(str(n) if n else '.' for n in row))
    return table


def as_json(matrix: np.ndarray | None, names: Sequence[str]) -> dict[str, Any]:
    """Names, matrix and recalls (null for a class without images) as plain values; the
    names alone where the matrix is not known."""
    import numpy as np

    from sparse_jax.objectives.confusion import recalls

    if matrix is None:
        return {'names': list(names)}
    return {'names': list(names), 'confusion': matrix.tolist(),
            'recall': [None if np.isnan(r) else float(r) for r in recalls(matrix)]}


def _table(title: str) -> Table:
    table = Table(
        title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column('class', overflow='fold')
    return table


def _short(name: str, most: int = _LETTERS) -> str:
    return name if len(name) <= most else f'{name[:most - 1]}…'
