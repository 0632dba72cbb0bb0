"""Studies whose trials are given: one round of points that nobody has to suggest."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from sparse_jax.settings.groups import Settings
from sparse_jax.study.outcome import Trial
from sparse_jax.study.records import FILE, Study, StudyError


def one_round(settings: Settings, count: int, *, inherit: bool = False) -> Settings:
    """The settings of a study of `count` given trials.

    inherit: whether they start from the weights of networks of another study.
    """
    search = dataclasses.replace(
        settings.search, algorithm='random', rounds=1, batch=count, stages=(),
        rungs=(), inherit=inherit, max_minutes=0.0, patience=0, final_share=0.0)
    pruning = dataclasses.replace(settings.pruning, at_end=False)
    # Every start is a result of its own.
    runtime = dataclasses.replace(settings.runtime, weights='all')
    return dataclasses.replace(
        settings, search=search, pruning=pruning, runtime=runtime)


def check_points(
    workdir: str | os.PathLike[str], points: Sequence[np.ndarray], what: str
) -> None:
    """Refuse a folder with trials at other points.

    Args:
      workdir: the folder; it need not exist.
      points: [D] each, of all trials in their order.
      what: the networks, as the line calls them.

    Raises:
      StudyError: they are others, or the study cannot be read.
    """
    folder = pathlib.Path(workdir)
    if not (folder / FILE).is_file():
        return
    with contextlib.closing(Study(folder, create=False)) as records:
        stored = records.rows()
    if any(not np.array_equal(row.trial.row, point)
           for row, point in zip(stored, points)):
        raise StudyError(
            f'workdir {str(workdir)!r} holds trainings of another network than {what}; '
            'allowed: another folder')


def plan(
    records: Study, settings: Settings, points: Sequence[np.ndarray],
    described: Sequence[dict], parents: Sequence[int | None],
) -> None:
    """Store the trials, unless they are in the study already.

    Args:
      records: the study.
      settings: its settings.
      points: [D] each, of all trials in their order.
      described: the same as {row of the table: value}.
      parents: whose weights they start from, see `outcome.Trial`.
    """
    if records.rows():
        return
    trials = [Trial(number, point, settings.train.epochs, parent)
              for number, (point, parent) in enumerate(zip(points, parents))]
    records.add_round(0, settings.seed, trials, list(described), {})
