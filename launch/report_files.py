"""The files beside the page of a report: CSV, pictures, networks."""

from __future__ import annotations

import csv
import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparse_jax.objectives.goals import Objectives
    from sparse_jax.report.facts import Facts
    from sparse_jax.study.convergence import Point
    from sparse_jax.study.front import Member

PICTURES = ('png', 'svg')
"""Forms of every picture."""


def write_csv(
    path: pathlib.Path, members: Sequence[Member], objectives: Objectives,
    tests: Mapping[str, float],
) -> None:
    """One line per network of the front; `tests` {row name: test accuracy}."""
    from sparse_jax.objectives.goals import figure
    from sparse_jax.study import files

    columns = ['trial', 'validation_accuracy', 'test_accuracy', 'model_size',
               objectives.memory, 'macs', 'unpruned_model_size',
               *(goal.name for goal in objectives.measured)]
    buffer = io.StringIO(newline='')
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in (m.row for m in members):
        error, costs, unpruned = row.figures
        writer.writerow([
            row.name, 1 - error, tests.get(row.name, ''), costs.model_size,
            getattr(costs, objectives.memory), costs.macs, unpruned.model_size,
            *(figure(row, goal.name, objectives) for goal in objectives.measured)])
    files.write(path, buffer.getvalue())


def write_networks(folder: pathlib.Path, members: Sequence[Member]) -> None:
    """The network file of every trial on the front, for launch.describe: what was
    trained, whatever the cut."""
    from sparse_jax.study import files

    files.make_folder(folder, folder.parent)
    for number, point in {m.row.trial.number: m.row.point for m in members}.items():
        path = folder / f'trial_{number:06d}.json'
        files.write(path, json.dumps(point, indent=2) + '\n')


def write_progress(folder: pathlib.Path, points: list[Point], title: str) -> list[str]:
    """What the search had reached after every round; the names of the files."""
    from launch import figure as picture
    from sparse_jax.study import convergence, files

    if len(points) < 2:
        return []
    convergence.write(folder / 'progress.csv', points)
    for form in PICTURES:
        with files.replacing(folder / f'progress.{form}') as file:
            picture.draw_progress(
                file, [p.epochs for p in points], [p.hypervolume for p in points],
                f'{title}: progress', form)
    return ['progress.csv', *(f'progress.{form}' for form in PICTURES)]


def write_front(folder: pathlib.Path, facts: Facts, title: str) -> list[str]:
    """Error against every cost as pictures; the names of the files."""
    import numpy as np

    from launch import figure as picture
    from sparse_jax.objectives.goals import matrix
    from sparse_jax.report import frame
    from sparse_jax.study import files

    objectives, budgets = facts.objectives, dict(facts.objectives.budgets)
    best = facts.best
    front = matrix(facts.front, objectives)
    shown = picture.Front(
        facts.values, front, np.array(objectives.bounds[1:]),
        [goal.axis_label for goal in objectives.costs],
        [budgets.get(goal.name) for goal in objectives.costs], f'{title}: front',
        None if best is None else (best.name, matrix([best], objectives)[0]),
        frame.zoom(facts.values, front, objectives, facts.guess, None if best is None
                   else matrix([best], objectives)[0]))
    for form in PICTURES:
        with files.replacing(folder / f'front.{form}') as file:
            picture.draw(file, shown, form)
    return [f'front.{form}' for form in PICTURES]


def write(workdir: pathlib.Path, facts: Facts) -> list[str]:
    """All of them; the names of what was written."""
    from sparse_jax.study import convergence, files

    for folder in (workdir, workdir / 'networks'):
        files.drop_abandoned(folder)
    write_csv(workdir / 'front.csv', facts.members, facts.objectives, facts.tests)
    title = facts.study.settings.data.name
    pictures = write_front(workdir, facts, title)
    write_networks(workdir / 'networks', facts.members)
    progress = write_progress(
        workdir, convergence.history(facts.study.records), title)
    return ['front.csv', *pictures, 'networks/', *progress]
