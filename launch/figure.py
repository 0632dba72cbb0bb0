"""The pictures of a study: error against each cost, and its progress."""

import os
from collections.abc import Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from sparse_jax.objectives.goal import GOALS
from sparse_jax.report.axes import round_ticks, size_axis
from sparse_jax.report.frame import Frame, floor_of

_WIDTH, _HEIGHT, _DPI = 3.5, 3.2, 200
_COUNTS = ('two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
_FRONT, _OTHERS, _BUDGET, _CHOSEN = '#1f5fa8', '#b9bec6', '#c0392b', '#d9730d'
_LINES = {'soft bound': (0, (4, 3)), 'budget': '-'}
_LEGEND = (*_LINES, 'evaluated', 'best at this size')
STYLE: dict[Any, Any] = {
    'font.size': 8, 'axes.labelsize': 8.5, 'axes.linewidth': 0.6,
    'xtick.labelsize': 7.5, 'ytick.labelsize': 7.5, 'xtick.major.width': 0.6,
    'ytick.major.width': 0.6, 'legend.fontsize': 7.5, 'figure.titlesize': 9.5,
    'axes.spines.top': False, 'axes.spines.right': False,
    # Text stays text, and a picture of the same study is the same file.
    'svg.fonttype': 'none', 'svg.hashsalt': 'sparse_jax',
}

Target = str | os.PathLike | IO[bytes]
"""What a picture is written to."""
SIZES = [GOALS[name].axis_label for name in ('model_size', 'working_memory')]
"""The axes of a search with the default objectives."""


class Front(NamedTuple):
    """What the picture of a front shows."""

    everything: np.ndarray
    """[N, K] error and costs of all networks."""
    front: np.ndarray
    """[F, K] the same of those that no other beats in all of them."""
    bounds: np.ndarray
    """[K - 1] soft bounds of the costs."""
    names: Sequence[str] = tuple(SIZES)
    """[K - 1] of the costs, for the axes."""
    budgets: Sequence[float | None] = ()
    """[K - 1] hard budgets of the costs, None where there is none."""
    title: str = ''
    chosen: tuple[str, np.ndarray] | None = None
    """Name and objectives [K] of the chosen network."""
    frame: Frame | None = None
    """What is shown; everything if None."""


def staircase(sizes: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least error at each size that improves on all smaller ones, sizes ascending."""
    order = np.lexsort((errors, sizes))
    best = np.minimum.accumulate(errors[order])
    improves = np.r_[True, best[1:] < best[:-1]]
    return sizes[order][improves], best[improves]


def draw(target: Target, shown: Front, form: str = 'png') -> None:
    """Write the picture: error against each cost.

    Args:
      target: a path, or an open binary file.
      shown: what it shows.
      form: png or svg.
    """
    pyplot, count = pyplot_of(), len(shown.names)
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(
            1, count, figsize=(max(2, count) * _WIDTH, _HEIGHT), sharey=True,
            squeeze=False)
        for column, axis in enumerate(axes[0], 1):
            _panel(axis, shown, column)
            axis.set_xlabel(shown.names[column - 1])
        axes[0][0].set_ylabel('validation error (%)')
        _error_axis(axes[0][0], shown)
        # A budget may be of another panel than the first.
        entries = {label: handle for axis in reversed(axes[0]) for handle, label in zip(
            *axis.get_legend_handles_labels())}
        labels = [label for label in _LEGEND if label in entries]
        labels += [label for label in entries if label not in _LEGEND]
        figure.suptitle(shown.title, parse_math=False).set_in_layout(False)
        top = 0.94 if shown.title else 1.0
        figure.legend([entries[label] for label in labels], labels,
                      loc='upper center', bbox_to_anchor=(0.5, top),
                      ncols=len(labels), frameon=False, handlelength=1.6,
                      columnspacing=1.6)
        figure.tight_layout(rect=(0, 0, 1, top - 0.06), w_pad=1.5)
        save(figure, target, form)
        pyplot.close(figure)


def draw_progress(
    target: Target, epochs: Sequence[int], volumes: Sequence[float], title: str = '',
    form: str = 'png',
) -> None:
    """Write the picture of hypervolume against epochs of training, [rounds] each."""
    pyplot = pyplot_of()
    with pyplot.rc_context(STYLE):
        figure, axis = pyplot.subplots(figsize=(1.3 * _WIDTH, _HEIGHT))
        axis.plot(epochs, volumes, color=_FRONT, lw=1.2, drawstyle='steps-post',
                  marker='o', ms=3, label='after every round')
        axis.set_xlim(0, 1.03 * epochs[-1])
        axis.set_xlabel('epochs of training, all candidates')
        axis.set_ylabel('hypervolume (of error and log10 costs)')
        axis.grid(True, lw=0.4, color='0.92', zorder=0)
        axis.set_axisbelow(True)
        axis.legend(loc='upper left', frameon=False)
        figure.suptitle(title, parse_math=False)
        figure.tight_layout()
        save(figure, target, form)
        pyplot.close(figure)


def save(figure: Any, target: Target, form: str) -> None:
    """Without the time of day, which would make every file another."""
    figure.savefig(target, dpi=_DPI, format=form,
                   metadata={'Date': None} if form == 'svg' else None)


def pyplot_of() -> Any:
    """Here, as matplotlib takes long to import; without a screen."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    return pyplot


def _panel(axis: Any, shown: Front, column: int) -> None:
    """Error against one cost."""
    everything, front = shown.everything[:, [column, 0]], shown.front[:, [column, 0]]
    least = floor_of(shown.everything[:, 0])
    percent = lambda errors: 100 * np.maximum(errors, least)
    lines = {'soft bound': float(shown.bounds[column - 1])}
    budget = shown.budgets[column - 1] if shown.budgets else None
    if budget is not None:
        lines['budget'] = budget
    low = min(everything[:, 0].min(), *lines.values()) / 1.15
    high = max(everything[:, 0].max(), *lines.values()) * 1.15
    if shown.frame is not None:
        low, high = shown.frame.low[column], shown.frame.high[column]
    for label, value in lines.items():
        axis.axvline(value, color=_BUDGET, lw=0.9, ls=_LINES[label], label=label,
                     zorder=1)
    axis.scatter(everything[:, 0], percent(everything[:, 1]), s=7, color=_OTHERS, lw=0,
                 label='evaluated', zorder=2)
    sizes, errors = staircase(front[:, 0], front[:, 1])
    axis.plot(np.r_[sizes, max(high, sizes[-1])], percent(np.r_[errors, errors[-1]]),
              color=_FRONT, lw=1.2, drawstyle='steps-post', label='best at this size',
              zorder=3)
    axis.scatter(front[:, 0], percent(front[:, 1]), s=13, color=_FRONT, lw=0.4,
                 edgecolor='white', zorder=4,
                 label=f'Pareto front of all {_number(len(shown.names) + 1)}')
    if shown.chosen is not None:
        name, values = shown.chosen
        axis.scatter(values[column], percent(values[0]), s=42, color=_CHOSEN, lw=0.6,
                     edgecolor='white', label=f'chosen: {name}', zorder=5)
    axis.set_xscale('log', base=2)
    axis.set_xlim(low, high)
    places = size_axis(low, high, 0.0, 1.0, '', bytes_=True)
    axis.set_xticks(places.ticks, places.labels)
    axis.minorticks_off()
    axis.grid(True, lw=0.4, color='0.92', zorder=0)
    axis.set_axisbelow(True)


def _number(count: int) -> str:
    """In words, as far as these go."""
    return _COUNTS[count - 2] if count - 2 < len(_COUNTS) else str(count)


def _error_axis(axis: Any, shown: Front) -> None:
    """Logarithmic, with plain numbers, over the errors that are shown."""
    errors = shown.everything[:, 0]
    high = min(100.0, 115 * errors.max())
    low = 100 * max(shown.front[:, 0].min(), floor_of(errors)) / 1.3
    if shown.frame is not None and shown.frame.zoomed:
        low, high = 100 * shown.frame.low[0], 100 * shown.frame.high[0]
    else:
        # At least a decade, so that there are ticks even around a single network.
        high = max(high, 1.3 * low)
        low = min(low, high / 10)
    axis.set_yscale('log')
    axis.set_ylim(low, high)
    ticks = round_ticks(low, high)
    axis.set_yticks(ticks, [f'{t:g}' for t in ticks])
    axis.minorticks_off()
