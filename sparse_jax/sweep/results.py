"""What the studies of a sweep reached: one result per point, and medians over seeds."""

import csv
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

from sparse_jax.objectives.goals import Objectives, figure
from sparse_jax.settings import reading
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.tree import flatten, to_tree
from sparse_jax.study import finals, folder, glance
from sparse_jax.study.record import Record
from sparse_jax.study.records import Study, StudyError
from sparse_jax.sweep.commands import Command, names, text_of
from sparse_jax.sweep.hyper import Point

SEEDS = ('config.seed', 'config.data.seed')
"""Settings over which medians are taken."""
WAITING, FAILED, UNREADABLE = 'waiting', 'failed', 'unreadable'
"""Further states: nothing is there yet; its program ended with an error; its folder
cannot be read."""
_ELSEWHERE = ('runtime', 'data.path')
"""Settings that change nothing of a result."""


class Result(NamedTuple):
    """A point of a sweep and its study."""

    command: Command
    state: str
    """Of `study.glance`, or WAITING, FAILED, UNREADABLE."""
    trials: int = 0
    hypervolume: float | None = None
    chosen: Record | None = None
    """The network of least validation error within the soft bounds."""
    figures: dict[str, float] = {}
    """{goal: figure} of the chosen network, the validation error first."""
    seconds: float = 0.0
    """That trainings took."""


class Group(NamedTuple):
    """The points that differ in their seeds alone."""

    name: str
    results: tuple[Result, ...]

    def figures(self, goal: str) -> list[float]:
        """A figure of the chosen networks that have it."""
        return [result.figures[goal] for result in self.results
                if goal in result.figures]


def is_done(command: Command, settings: Settings) -> bool:
    """Whether a point's search has ended by itself, with these settings."""
    try:
        return glance.is_finished(command.workdir) and _plain(
            folder.read_settings(command.workdir)) == _plain(settings)
    except StudyError:
        return False


def result_of(
    command: Command, settings: Settings, *, failed: bool = False
) -> Result:
    """What a point has reached so far.

    Args:
      command: the point.
      settings: what its command searches with.
      failed: whether its program ended with an error just now.
    """
    if not (command.workdir / glance.FILE).is_file():
        return Result(command, FAILED if failed else WAITING)
    try:
        seen = glance.look(command.workdir)
        chosen, figures = _chosen(command, settings)
    except StudyError:
        return Result(command, FAILED if failed else UNREADABLE)
    # It may be what another program searches, or has finished meanwhile.
    failed = failed and seen.state not in (glance.RUNNING, glance.ENDED)
    return Result(command, FAILED if failed else seen.state, seen.done,
                  seen.hypervolume, chosen, figures, seen.seconds)


def objectives_of(settings: Settings) -> Objectives:
    """The objectives; without the data, and so not for hypervolumes."""
    return reading.objectives(settings, 2)


def groups_of(results: Sequence[Result]) -> list[Group]:
    """The results by what they have beside their seeds, in their order."""
    groups: dict[tuple, list[Result]] = {}
    points: list[Point] = []
    for result in results:
        point = {name: value for name, value in result.command.point.items()
                 if name not in SEEDS}
        key = tuple((name, text_of(value)) for name, value in point.items())
        if key not in groups:
            points.append(point)
        groups.setdefault(key, []).append(result)
    return [Group(name, tuple(members))
            for name, members in zip(names(points), groups.values())]


def csv_text(results: Sequence[Result]) -> str:
    """One line per point: its settings, its state, what it reached."""
    settings = list(dict.fromkeys(
        name for result in results for name in result.command.point))
    goals = list(dict.fromkeys(name for r in results for name in r.figures))
    shown = {'error': 'validation_error'}
    buffer = io.StringIO(newline='')
    writer = csv.writer(buffer)
    writer.writerow(['task', 'point', *settings, 'status', 'trials', 'hypervolume',
                     'network', *(shown.get(name, name) for name in goals),
                     'train_seconds'])
    for result in results:
        point, chosen = result.command.point, result.chosen
        writer.writerow([
            result.command.task, result.command.name,
            *(text_of(point[name]) if name in point else '' for name in settings),
            result.state, result.trials, _known(result.hypervolume),
            chosen.name if chosen else '',
            *(_known(result.figures.get(name)) for name in goals),
            round(result.seconds, 3)])
    return buffer.getvalue()


def _chosen(
    command: Command, settings: Settings
) -> tuple[Record | None, dict[str, float]]:
    objectives = objectives_of(settings)
    records = Study(command.workdir, create=False)
    try:
        rows = records.networks()
    finally:
        records.close()
    best = finals.chosen(rows, objectives)
    if best is None:
        return None, {}
    known = {goal.name: figure(best, goal.name, objectives)
             for goal in objectives.used}
    return best, {name: value for name, value in known.items() if value is not None}


def _plain(settings: Settings) -> dict[str, Any]:
    found = {name: value for name, value in flatten(to_tree(settings)).items()
             if not name.startswith(_ELSEWHERE)}
    # That there is a teacher changes results, where its file is does not.
    return found | {'data.soft_labels': bool(settings.data.soft_labels)}


def _known(value: float | None) -> float | str:
    return '' if value is None else value
