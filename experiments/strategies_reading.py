"""What studies of strategies say: curves over processor time, a table, a picture."""

import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.objectives import pareto
from sparse_jax.study.records import Study

NEVER = math.inf
_POINTS = 200
_COLOURS = {'random': '#8a8f98', 'blind': '#7d5ba6', 'sparse': '#c0392b',
            'default': '#1f5fa8', 'differentiable': '#d9730d',
            'hybrid': '#2e8b57'}


class Task(NamedTuple):
    """What searches on a data set are judged by."""

    title: str
    budgets: tuple[int, int]
    """Model size and working memory, in bytes."""
    chance: float
    """Error of guessing."""
    row: tuple[float, int, int]
    """Error, model size and working memory of a network to reach."""
    row_text: str


class Search(NamedTuple):
    """The networks of one search within the budgets."""

    seconds: np.ndarray
    """[N] of a processor when each was found, rising."""
    figures: np.ndarray
    """[N, 3] validation error, model size and working memory."""
    trained: int
    """Trainings, of all budgets."""
    programs: int


def search_of(
    study: Study, task: Task, finished: Mapping[str, float], programs: int
) -> Search:
    """The networks of a study, also those at other cuts.

    Args:
      study: open.
      task: that it is of.
      finished: {number of a trial: processor seconds when it had ended}.
      programs: that it compiled.
    """
    found = []
    for row in study.networks():
        when = finished.get(str(row.trial.number))
        if row.ok and when is not None:
            error, costs, _ = row.figures
            figures = (error, costs.model_size, costs.working_memory)
            if all(cost <= most for cost, most in zip(figures[1:], task.budgets)):
                found.append((when, *figures))
    table = np.array(sorted(found), float).reshape(-1, 4)
    return Search(table[:, 0], table[:, 1:], len(finished), programs)


def hypervolume(search: Search, task: Task, seconds: float) -> float:
    """Of error and log10 of both costs, below guessing and the budgets, of what was
    found within so many seconds."""
    values = search.figures[search.seconds <= seconds].copy()
    if not len(values):
        return 0.0
    values[:, 1:] = np.log10(np.maximum(values[:, 1:], 1.0))
    # What is at a budget is within it.
    reference = np.array([task.chance, *(math.log10(b + 1) for b in task.budgets)])
    return pareto.hypervolume(values, reference)


def best_error(search: Search, task: Task, seconds: float) -> float:
    """The least error within the budgets after so many seconds; guessing before any."""
    errors = search.figures[search.seconds <= seconds, 0]
    return float(min(errors.min(initial=1.0), task.chance))


def seconds_to_row(search: Search, task: Task) -> float:
    """When a network was found that is nowhere worse than the row; `NEVER` if none."""
    reached = (search.figures <= np.array(task.row)).all(axis=1)
    return float(search.seconds[reached].min(initial=NEVER))


def seconds_to_volume(search: Search, task: Task, volume: float) -> float:
    """When a search had this hypervolume; `NEVER` if it never had."""
    return next((float(s) for s in np.unique(search.seconds)
                 if hypervolume(search, task, s) >= volume), NEVER)


def table(
    task: Task, found: Mapping[str, Sequence[Search]], seconds: float
) -> str:
    """A table in markdown, one line per strategy: medians over seeds, and ranges.

    Args:
      task: of the searches.
      found: {strategy: searches}; hypervolumes are timed against `default`, if it is
        there.
      seconds: of a processor; what came later is left out.
    """
    volumes = {name: [hypervolume(s, task, seconds) for s in part]
               for name, part in found.items()}
    target = float(np.median(volumes['default'])) if 'default' in found else NEVER
    lines = [
        f'{task.title}, {seconds:.0f} s of a processor, '
        f'{max(map(len, found.values()))} seeds', '',
        '| strategy | hypervolume | least error | s to the final hypervolume of the '
        f'default | s to {task.row_text} | trainings | programs |',
        '|---|---:|---:|---:|---:|---:|---:|']
    for name, part in found.items():
        errors = [100 * best_error(s, task, seconds) for s in part]
        within = lambda times: [t if t <= seconds else NEVER for t in times]
        row = within([seconds_to_row(s, task) for s in part])
        volume = within([seconds_to_volume(s, task, target) for s in part])
        lines.append(
            f'| {name} | {_spread(volumes[name], ".3f")} | {_spread(errors, ".1f")} % '
            f'| {_times(volume)} | {_times(row)} '
            f'| {np.median([s.trained for s in part]):.0f} '
            f'| {np.median([s.programs for s in part]):.0f} |')
    return '\n'.join(lines)


def draw(
    path: pathlib.Path, task: Task, found: Mapping[str, Sequence[Search]],
    seconds: float,
) -> None:
    """Write a picture: both curves over time, medians and ranges over seeds; nothing
    where matplotlib is not installed."""
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError:
        return
    times = np.linspace(0.0, seconds, _POINTS)
    panels: list[tuple[str, Callable[[Search, Task, float], float]]] = [
        ('hypervolume within the budgets', hypervolume),
        ('least validation error (%)',
         lambda s, task, t: 100 * best_error(s, task, t))]
    figure, axes = pyplot.subplots(1, 2, figsize=(8.0, 3.2))
    for axis, (label, value) in zip(axes, panels):
        for name, part in found.items():
            curves = np.array([[value(s, task, t) for t in times] for s in part])
            colour = _COLOURS.get(name)
            axis.plot(times, np.median(curves, axis=0), label=name, color=colour)
            axis.fill_between(times, curves.min(0), curves.max(0), color=colour,
                              alpha=0.12, linewidth=0)
        axis.set_xlabel('processor time (s)')
        axis.set_title(label, fontsize=9, loc='left')
        axis.spines[['top', 'right']].set_visible(False)
    axes[1].set_yscale('log')
    axes[0].legend(fontsize=8, frameon=False, loc='lower right')
    figure.suptitle(task.title, fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=150, metadata={'Software': None})
    pyplot.close(figure)


def _spread(values: Sequence[float], form: str) -> str:
    """Median and range."""
    middle, low, high = (f'{f(values):{form}}' for f in (np.median, min, max))
    return middle if len(values) == 1 else f'{middle} ({low} to {high})'


def _times(times: Sequence[float]) -> str:
    """Median, and how many of the searches got there at all if not all did."""
    reached = sum(math.isfinite(t) for t in times)
    # Of infinite times the upper of two middle ones tells.
    middle = sorted(times)[len(times) // 2]
    text = f'{middle:.0f}' if math.isfinite(middle) else '-'
    return text if reached == len(times) else f'{text} ({reached} of {len(times)})'
