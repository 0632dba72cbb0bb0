"""Accuracy and loss of a training by epoch."""

from collections.abc import Sequence

import numpy as np

from sparse_jax.report.axes import Axis, linear_axis
from sparse_jax.report.chart import Size, chart, horizontal, legend, line
from sparse_jax.report.elements import Child, Element, element
from sparse_jax.study.learning import Learning

_SIZE = Size(400.0, 230.0)


def draw(learning: Learning, pruned: float | None) -> Element | None:
    """The curves, and the validation accuracy after pruning; None without a curve.

    Args:
      learning: on training images while they trained.
      pruned: validation accuracy of the pruned network.
    """
    if len(learning.epoch) < 2:
        return None
    values = 100 * np.array(learning.accuracy, float)
    known = values[np.isfinite(values)]
    ends = [*known.tolist(), *([] if pruned is None else [100 * pruned])]
    x = linear_axis(1.0, float(learning.epoch[-1]), *_SIZE.across, 'epoch')
    y = linear_axis(max(min(ends, default=0.0) - 2.0, 0.0), 100.0, *_SIZE.up,
                    'accuracy (%)')
    marks: list[Child] = [_line(x, y, learning.epoch, values)]
    entries = [('stairs', 'on training images, before pruning')]
    if pruned is not None:
        entries.append(('soft', 'on validation images, pruned'))
        marks.append(horizontal(x, y, 100 * pruned, 'soft'))
    return element('div', chart('Learning curve', x, y, *marks, size=_SIZE),
                   _loss(learning, x), legend(*entries))


def _loss(learning: Learning, x: Axis) -> Element | None:
    """The cross-entropy; None where it is not known."""
    losses = np.array(learning.loss, float)
    if np.isfinite(losses).sum() < 2:
        return None
    y = linear_axis(0.0, 1.05 * float(np.nanmax(losses)), *_SIZE.up, 'loss (nats)')
    return chart('Training loss', x, y, _line(x, y, learning.epoch, losses), size=_SIZE)


def _line(x: Axis, y: Axis, epochs: Sequence[int], values: np.ndarray) -> Element:
    """Through the finite values [E]."""
    known = np.isfinite(values)
    return line(x.at(np.array(epochs)[known]), y.at(values[known]), 'front')
