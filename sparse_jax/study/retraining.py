"""Networks of a study trained again, in a study of their own."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax import data, status
from sparse_jax.data.soft_labels import digest
from sparse_jax.objectives.goals import Objectives, counted_limits
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.reading import read
from sparse_jax.settings.stored import of_seeds
from sparse_jax.space import encoding
from sparse_jax.study import folder, planned
from sparse_jax.study.opened import OpenStudy
from sparse_jax.study.outcome import Parent, outside
from sparse_jax.study.records import Record, Study, StudyError


class Retraining(NamedTuple):
    """What is trained again."""

    rows: tuple[Record, ...]
    """The networks of the first study, at their cuts."""
    repeats: int
    """Random starts of each."""
    settings: Settings
    """Of the new study: one round, every start a trial."""
    inherit: bool = False
    """Whether the starts go on from the stored weights of their network."""
    teacher: str = ''
    """Digest of the soft labels of the first study; '' if it has none."""


def retraining(
    study: OpenStudy, rows: Sequence[Record], repeats: int, *,
    epochs: int | None = None, max_train: int | None = None, seed: int = 0,
    inherit: bool = False, soft_labels: str | None = None,
) -> Retraining:
    """The new study of some networks of another one.

    Args:
      study: the one that has them.
      rows: the networks, at their cuts.
      repeats: random starts of each.
      epochs: of every training; those of the study if None.
      max_train: training images, 0 for all; those of the study if None.
      seed: of a person, to draw other random numbers for the same networks.
      inherit: every start goes on from the stored posterior of its network, in place of
        fresh weights.
      soft_labels: where the file of the study's teacher is now; where it was if None.

    Raises:
      ConfigError: more epochs, images or starts than a search can have.
      StudyError: a file of a teacher that the study does not have.
    """
    settings = study.settings
    root = seed_of(settings, data.digest(study.dataset), rows, seed)
    change, train, images = dataclasses.replace, settings.train, settings.data
    if epochs is not None:
        train = change(train, epochs=epochs)
    if max_train is not None:
        images = change(images, max_train=max_train)
    if soft_labels is not None:
        if not images.soft_labels:
            raise StudyError(f'soft_labels={soft_labels!r}: not allowed; allowed: none:'
                             f' the study in {str(study.folder)!r} has no teacher')
        images = change(images, soft_labels=soft_labels)
    changed = change(settings, seed=root, train=train, data=images)
    new = planned.one_round(changed, len(rows) * repeats, inherit=inherit)
    return Retraining(
        tuple(rows), repeats, read(new), inherit, folder.teacher(study.records))


def check_teacher(wanted: Retraining, dataset: data.Dataset) -> None:
    """Refuse soft labels that are not those of the first study.

    Raises:
      StudyError: one line.
    """
    found = dataset.soft_labels
    said = '' if found is None else digest(found)
    if wanted.teacher and wanted.teacher != said:
        raise StudyError(f'soft_labels={wanted.settings.data.soft_labels!r}: not what '
                         'the teacher of the study said; allowed: the same file, '
                         'wherever it is')


def stored_weights(study: OpenStudy, wanted: Retraining) -> list[Parent]:
    """What the starts of every network go on from; nothing if they start fresh.

    Raises:
      StudyError: a network's weights are not in the study.
    """
    if not wanted.inherit:
        return []
    found = []
    for row in wanted.rows:
        weights = study.records.weights(row.trial.number)
        if weights is None:
            raise StudyError(f'trial {row.trial.number}: {row.status}, it has no '
                             'weights to start from')
        found.append(Parent(encoding.graph(study.space, row.trial.row), weights))
    return found


def check_networks(workdir: str | os.PathLike[str], wanted: Retraining) -> None:
    """Refuse a folder with trainings of other networks.

    Raises:
      StudyError: they are others, or the study cannot be read.
    """
    names = ', '.join(row.name for row in wanted.rows)
    planned.check_points(
        workdir, [row.trial.row for row in _each(wanted)], f'trial {names}')


def plan(records: Study, wanted: Retraining) -> None:
    """One trial per network and start, unless they are in the study already."""
    each = _each(wanted)
    parents = [outside(i) if wanted.inherit else None
               for i in range(len(wanted.rows)) for _ in range(wanted.repeats)]
    planned.plan(records, wanted.settings, [row.trial.row for row in each],
                 [row.point for row in each], parents)


def starts_of(
    records: Study, wanted: Retraining, objectives: Objectives
) -> list[list[Record]]:
    """The finished starts of every network, each at the cut of its network."""
    cuts = wanted.settings.pruning.cuts
    return [at_cut(records, row.offset, cuts, objectives
                   )[i * wanted.repeats:][:wanted.repeats]
            for i, row in enumerate(wanted.rows)]


def at_cut(
    records: Study, offset: float | None, cuts: Sequence[float],
    objectives: Objectives,
) -> list[Record]:
    """One row per trial, at a cut; one without a network there is empty.

    Args:
      records: the study.
      offset: None for the cut of the trial itself. One that is not in `cuts` was placed
        by the budgets: every trial then is taken where its own was placed.
      cuts: the shifts at which every training is measured, `pruning.cuts`.
      objectives: of the study; their limits are what cuts are placed by.
    """
    rows = records.networks()
    if offset is None or offset in cuts:
        found = {r.trial.number: r for r in rows if r.offset == offset}
    else:
        found = _placed(rows, cuts, objectives)
    empty = status.name(status.EMPTY)
    return [found.get(r.trial.number, r._replace(status=empty) if r.ok else r)
            for r in records.rows()]


def _placed(
    rows: Sequence[Record], cuts: Sequence[float], objectives: Objectives
) -> dict[int, Record]:
    """{number of a trial: its network at the cut that was placed}.

    A cut that is placed at one of `cuts` is stored once, as the other: it is the widest
    of these that is within the limits, if no other cut of the trial is stored.
    """
    limits = counted_limits(objectives)
    within = [row for row in rows if row.offset in cuts and row.costs is not None
              and all(getattr(row.costs, name) <= most for name, most in limits)]
    within.sort(key=lambda row: row.offset or 0.0)
    elsewhere = [row for row in rows if row.offset is not None
                 and row.offset not in cuts]
    return {row.trial.number: row for row in (*within, *elsewhere)}


def mean_error(runs: Sequence[Record]) -> float:
    """Of the starts of a network that gave one; infinite if none did."""
    errors = [r.error for r in runs if r.ok and r.error is not None]
    return float(np.mean(errors or [np.inf]))


def _each(wanted: Retraining) -> list[Record]:
    """The network of every start, in their order."""
    return [row for row in wanted.rows for _ in range(wanted.repeats)]


def seed_of(settings: Settings, digest: str, rows: Sequence[Record], seed: int) -> int:
    """The root seed of a study that trains networks of another study again.

    Trial k of a study draws from its root seed and k alone. A retraining under the
    seed of the search would therefore be the search's own trials again, lucky ones
    included, whenever the numbers agree.

    Args:
      settings: of the source.
      digest: of the data of the source.
      rows: the networks, at their cuts.
      seed: of a person, to draw other random numbers for the same networks.

    Returns:
      0 .. 2**32 - 1, the same for the same arguments; paths, rounds and runtime
      settings of the source do not matter.
    """
    networks = [[row.trial.number, row.offset, *map(float, row.trial.row)]
                for row in rows]
    text = json.dumps([of_seeds(settings), digest, networks, seed], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], 'big')
