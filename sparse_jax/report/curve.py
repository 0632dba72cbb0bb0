"""Training accuracy of a trial by epoch."""

from collections.abc import Sequence

import numpy as np

from sparse_jax.report.axes import linear_axis
from sparse_jax.report.chart import Size, chart, horizontal, legend, line
from sparse_jax.report.elements import Child, Element, element

_SIZE = Size(400.0, 230.0)


def draw(accuracy: Sequence[float], pruned: float | None) -> Element | None:
    """The curve, and the validation accuracy after pruning; None without a curve.

    Args:
      accuracy: [epochs] on training images while they trained, 0 to 1.
      pruned: validation accuracy of the pruned network.
    """
    if len(accuracy) < 2:
        return None
    values = 100 * np.array(accuracy, float)
    low = min(float(values.min()), 100.0 if pruned is None else 100 * pruned)
    x = linear_axis(1.0, float(len(values)), *_SIZE.across, 'epoch')
    y = linear_axis(max(low - 2.0, 0.0), 100.0, *_SIZE.up, 'accuracy (%)')
    epochs = np.arange(1, len(values) + 1)
    marks: list[Child] = [line(x.at(epochs), y.at(values), 'front')]
    entries = [('stairs', 'on training images, before pruning')]
    if pruned is not None:
        entries.append(('soft', 'on validation images, pruned'))
        marks.append(horizontal(x, y, 100 * pruned, 'soft'))
    return element('div', chart('Learning curve', x, y, *marks, size=_SIZE),
                   legend(*entries))
