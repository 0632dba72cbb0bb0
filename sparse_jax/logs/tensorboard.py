"""A study as event files of TensorBoard, written by tensorboardX.

The run `search` has a scalar per round (hypervolume, best accuracy, seconds) and per
trial (the figures of its network), and the picture of the front. Every trial is a run
of its own with its learning curve and its hyperparameters, for the HPARAMS tab.
"""

import pathlib
from typing import Any

import numpy as np

from sparse_jax.objectives.goals import Objectives, best_under, figure
from sparse_jax.study.record import Record
from sparse_jax.study.records import Study

FOLDER = 'tensorboard'
SEARCH = 'search'
_EVENTS = 'events.out.tfevents.*'


def write(
    folder: pathlib.Path, records: Study, objectives: Objectives,
    picture: np.ndarray | None = None,
) -> list[str]:
    """Write the event files, in place of those of an earlier call.

    Args:
      folder: it exists.
      records: the study.
      objectives: its own.
      picture: of the front, [height, width, 3] uint8; None for none.

    Returns:
      The name of the folder of all runs.

    Raises:
      ImportError: tensorboardX is not installed.
    """
    runs = folder / FOLDER
    # Runs of others may lie beside them.
    for run in (SEARCH, 'trial_[0-9]*'):
        for old in runs.glob(f'{run}/{_EVENTS}'):
            old.unlink()
    _search(runs / SEARCH, records, objectives, picture)
    for row in records.rows():
        _trial(runs / f'trial_{row.trial.number:06d}', row, records, objectives)
    return [f'{FOLDER}/']


def _search(
    run: pathlib.Path, records: Study, objectives: Objectives,
    picture: np.ndarray | None,
) -> None:
    from tensorboardX import SummaryWriter

    networks = records.networks()
    best: Record | None = None
    with SummaryWriter(logdir=str(run)) as writer:
        for found in records.rounds():
            if found.hypervolume is None:
                continue
            members = [row for row in networks if row.round == found.round]
            if best is not None:
                members.append(best)
            best = best_under(members, objectives)
            scalars = {'hypervolume': found.hypervolume,
                       'suggest_seconds': found.suggest_seconds,
                       'compile_seconds': found.compile_seconds,
                       'train_seconds': found.train_seconds,
                       'new_programs': found.programs}
            if best is not None and best.error is not None:
                scalars['best_accuracy_within_bounds'] = 1 - best.error
            for name, value in scalars.items():
                if value is not None:
                    writer.add_scalar(f'round/{name}', value, found.nth)
        for row in networks:
            if row.offset is None:
                for name, value in figures_of(row, objectives).items():
                    writer.add_scalar(f'trial/{name}', value, row.trial.number)
        if picture is not None:
            writer.add_image('front', picture, dataformats='HWC')


def _trial(
    run: pathlib.Path, row: Record, records: Study, objectives: Objectives
) -> None:
    from tensorboardX import SummaryWriter
    from tensorboardX.summary import hparams

    learning = records.learning(row.trial.number)
    with SummaryWriter(logdir=str(run)) as writer:
        for epoch, loss, accuracy in zip(*learning):
            for name, value in (('loss', loss), ('accuracy', accuracy)):
                if value == value:
                    writer.add_scalar(f'learning/{name}', value, epoch)
        figures = figures_of(row, objectives)
        if not figures:
            return
        settings: dict[str, Any] = dict(row.point) | {
            'epochs': row.trial.epochs, 'inherits': row.trial.parent is not None}
        metrics = {f'trial/{name}': value for name, value in figures.items()}
        assert writer.file_writer is not None
        for summary in hparams(settings, metrics):
            writer.file_writer.add_summary(summary)
        for name, value in metrics.items():
            writer.add_scalar(name, value, row.trial.number)


def figures_of(row: Record, objectives: Objectives) -> dict[str, float]:
    """The figures of a network, accuracy in place of the error; {} if it was not
    measured."""
    if row.error is None:
        return {}
    known = {goal.name: figure(row, goal.name, objectives)
             for goal in objectives.used[1:]}
    return {'validation_accuracy': 1 - row.error} | {
        name: float(value) for name, value in known.items() if value is not None}
