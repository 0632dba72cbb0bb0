"""The pictures of a study: error against each cost, and its progress."""

import math
import os
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from sparse_jax.objectives.goal import GOALS

_WIDTH, _HEIGHT, _DPI = 3.5, 2.9, 200
_COUNTS = ('two', 'three', 'four', 'five', 'six', 'seven', 'eight')
_FRONT, _OTHERS, _BUDGET = '#1f5fa8', '#b9bec6', '#c0392b'
_MAX_TICKS = 7
_LINES = {'soft bound': (0, (4, 3)), 'budget': '-'}
_LEGEND = (*_LINES, 'evaluated', 'best at this size')
_STYLE: dict[Any, Any] = {
    'font.size': 8, 'axes.labelsize': 8.5, 'axes.linewidth': 0.6,
    'xtick.labelsize': 7.5, 'ytick.labelsize': 7.5, 'xtick.major.width': 0.6,
    'ytick.major.width': 0.6, 'legend.fontsize': 7.5,
    'axes.spines.top': False, 'axes.spines.right': False,
}

Target = str | os.PathLike | IO[bytes]
"""What a picture is written to."""
SIZES = [GOALS[name].axis_label for name in ('model_size', 'working_memory')]
"""The axes of a search with the default objectives."""


def staircase(sizes: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least error at each size that improves on all smaller ones, sizes ascending."""
    order = np.lexsort((errors, sizes))
    best = np.minimum.accumulate(errors[order])
    improves = np.r_[True, best[1:] < best[:-1]]
    return sizes[order][improves], best[improves]


def binary_ticks(low: float, high: float) -> list[int]:
    """Powers of two inside [low, high], thinned evenly to a handful."""
    powers = list(range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1))
    step = -(-len(powers) // _MAX_TICKS) or 1
    # Aligned on 1K, so that thinned ticks keep the round numbers.
    return [2 ** p for p in powers if (p - 10) % step == 0]


def size_label(value: float) -> str:
    """256, 512, 1K, 2K, ..., 1M."""
    for unit, letter in ((2 ** 20, 'M'), (2 ** 10, 'K')):
        if value >= unit:
            return f'{value / unit:.3g}{letter}'
    return f'{value:g}'


def percent_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... inside [low, high] per cent."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [m * 10.0 ** d for d in decades for m in (1, 2, 5)]
    return [t for t in ticks if low <= t <= high]


def draw(path: Target, everything: np.ndarray, front: np.ndarray, bounds: np.ndarray,
         names: list[str] = SIZES, budgets: Sequence[float | None] = ()) -> None:
    """Write the picture.

    Args:
      path: of the PNG, or an open binary file.
      everything: [N, K] error and costs of all networks.
      front: [F, K] the same of those that no other beats in all of them.
      bounds: [K - 1] soft bounds of the costs.
      names: [K - 1] of the costs, for the axes.
      budgets: [K - 1] hard budgets of the costs, None where there is none.
    """
    pyplot = _pyplot()
    with pyplot.rc_context(_STYLE):
        figure, axes = pyplot.subplots(
            1, len(names), figsize=(max(2, len(names)) * _WIDTH, _HEIGHT), sharey=True,
            squeeze=False)
        axes = axes[0]
        for column, (axis, name) in enumerate(zip(axes, names), 1):
            lines = {'soft bound': float(bounds[column - 1])}
            budget = budgets[column - 1] if budgets else None
            if budget is not None:
                lines['budget'] = budget
            _panel(axis, everything[:, [column, 0]], front[:, [column, 0]],
                   lines, _COUNTS[len(names) - 1])
            axis.set_xlabel(name)
        axes[0].set_ylabel('validation error (%)')
        _error_axis(axes[0], everything[:, 0], front[:, 0])
        # A budget may be of another panel than the first.
        entries = {label: handle for axis in reversed(axes) for handle, label in zip(
            *axis.get_legend_handles_labels())}
        labels = [label for label in _LEGEND if label in entries]
        labels += [label for label in entries if label not in _LEGEND]
        figure.legend([entries[label] for label in labels], labels,
                      loc='upper center', ncols=len(labels), frameon=False,
                      handlelength=1.6, columnspacing=1.6)
        figure.tight_layout(rect=(0, 0, 1, 0.94), w_pad=1.5)
        figure.savefig(path, dpi=_DPI, format='png')
        pyplot.close(figure)


def draw_progress(path: Target, epochs: list[int], volumes: list[float]) -> None:
    """Write the picture of hypervolume against epochs of training, [rounds] each."""
    pyplot = _pyplot()
    with pyplot.rc_context(_STYLE):
        figure, axis = pyplot.subplots(figsize=(_WIDTH, _HEIGHT))
        axis.plot(epochs, volumes, color=_FRONT, lw=1.2, drawstyle='steps-post',
                  marker='o', ms=3)
        axis.set_xlim(0, 1.03 * epochs[-1])
        axis.set_xlabel('epochs of training, all candidates')
        axis.set_ylabel('hypervolume')
        axis.grid(True, lw=0.4, color='0.92', zorder=0)
        axis.set_axisbelow(True)
        figure.tight_layout()
        figure.savefig(path, dpi=_DPI, format='png')
        pyplot.close(figure)


def _pyplot() -> Any:
    """Here, as matplotlib takes long to import; without a screen."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    return pyplot


def _panel(
    axis: Any, everything: np.ndarray, front: np.ndarray, lines: dict[str, float],
    count: str,
) -> None:
    """Error against one cost."""
    percent = lambda errors: 100 * np.maximum(errors, _smallest(everything[:, 1]))
    for label, value in lines.items():
        axis.axvline(value, color=_BUDGET, lw=0.9, ls=_LINES[label], label=label,
                     zorder=1)
    axis.scatter(everything[:, 0], percent(everything[:, 1]), s=7, color=_OTHERS, lw=0,
                 label='evaluated', zorder=2)
    sizes, errors = staircase(front[:, 0], front[:, 1])
    ends = max(everything[:, 0].max(), *lines.values()) * 1.15
    axis.plot(np.r_[sizes, ends], percent(np.r_[errors, errors[-1]]), color=_FRONT,
              lw=1.2, drawstyle='steps-post', label='best at this size', zorder=3)
    axis.scatter(front[:, 0], percent(front[:, 1]), s=13, color=_FRONT, lw=0.4,
                 edgecolor='white', label=f'Pareto front of all {count}', zorder=4)
    low = min(everything[:, 0].min(), *lines.values()) / 1.15
    axis.set_xscale('log', base=2)
    axis.set_xlim(low, ends)
    ticks = binary_ticks(low, ends)
    axis.set_xticks(ticks, [size_label(t) for t in ticks])
    axis.minorticks_off()
    axis.grid(True, lw=0.4, color='0.92', zorder=0)
    axis.set_axisbelow(True)


def _error_axis(axis: Any, everything: np.ndarray, front: np.ndarray) -> None:
    """Logarithmic, with plain numbers, over the errors that occur."""
    high = min(100.0, 115 * everything.max())
    low = 100 * max(front.min(), _smallest(everything)) / 1.3
    # At least a decade, so that there are ticks even around a single network.
    high = max(high, 1.3 * low)
    low = min(low, high / 10)
    axis.set_yscale('log')
    axis.set_ylim(low, high)
    ticks = percent_ticks(low, high)
    axis.set_yticks(ticks, [f'{t:g}' for t in ticks])
    axis.minorticks_off()


def _smallest(errors: np.ndarray) -> float:
    """Where an error of zero is drawn: half the least that is not."""
    positive = errors[errors > 0]
    return 0.5 * positive.min() if len(positive) else 0.001
