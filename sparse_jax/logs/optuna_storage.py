"""A study as a storage of Optuna, which its dashboard and its plots open.

    optuna-dashboard sqlite:///OUT/optuna.db

Every trial is one of Optuna's: its parameters are the active rows of the search space,
its values the objectives, its user attributes what else is known. Points of threshold
curves are in none of its trials; `trials.csv` has them.
"""

import contextlib
import os
import pathlib
import tempfile
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sparse_jax.objectives.goals import Objectives, figure
from sparse_jax.space.dimensions import Dimension
from sparse_jax.space.sparse_space import Space
from sparse_jax.study.record import PENDING, Record
from sparse_jax.study.records import Study

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

FILE = 'optuna.db'


def write(
    folder: pathlib.Path, records: Study, objectives: Objectives, space: Space,
    name: str,
) -> list[str]:
    """Write the storage, in place of that of an earlier call.

    Args:
      folder: it exists.
      records: the study.
      objectives: its own; all are minimised.
      space: the searched space.
      name: of the study in the storage.

    Returns:
      The name of the file.

    Raises:
      ImportError: Optuna is not installed.
    """
    import optuna
    from optuna.study import StudyDirection

    with tempfile.TemporaryDirectory(dir=folder, prefix='.optuna_') as made, _quiet():
        path = pathlib.Path(made) / FILE
        storage = optuna.storages.RDBStorage(f'sqlite:///{path}')
        try:
            study = optuna.create_study(
                storage=storage, study_name=name,
                directions=[StudyDirection.MINIMIZE] * len(objectives.names))
            study.set_metric_names(list(objectives.names))
            for goal, bound in zip(objectives.names, objectives.bounds):
                study.set_user_attr(f'soft bound of {goal}', bound)
            study.add_trials([trial_of(row, objectives, space)
                              for row in records.rows() if row.status != PENDING])
        finally:
            storage.remove_session()
            storage.engine.dispose()
        os.replace(path, folder / FILE)
    return [FILE]


def trial_of(row: Record, objectives: Objectives, space: Space) -> 'FrozenTrial':
    """One trial as Optuna has it: complete if it is within the hard budgets, pruned if
    it is over one, else failed."""
    from optuna.trial import TrialState, create_trial

    found = [figure(row, name, objectives) for name in objectives.names]
    values = [value for value in found if value is not None]
    state = TrialState.FAIL
    if row.trained and len(values) == len(found):
        state = TrialState.COMPLETE if row.ok else TrialState.PRUNED
    known = {name: value for name, value in row.point.items() if name in space}
    return create_trial(
        state=state, values=values if state == TrialState.COMPLETE else None,
        params=known,
        distributions={name: distribution(space[name]) for name in known},
        user_attrs=_attributes(row, objectives))


def distribution(dimension: Dimension) -> 'BaseDistribution':
    """The values that a row of the search space can have."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    low, high, log = dimension.low, dimension.high, dimension.log
    if dimension.options:
        return CategoricalDistribution(dimension.options)
    if dimension.kind == 'integer':
        step = 1 if log else int(dimension.step)
        return IntDistribution(int(low), int(high), log=log, step=step)
    step = dimension.step if dimension.step and not log else None
    return FloatDistribution(low, high, log=log, step=step)


def _attributes(row: Record, objectives: Objectives) -> dict[str, Any]:
    """What Optuna has no place of its own for."""
    trial = row.trial
    found: dict[str, Any] = {
        'trial': trial.number, 'status': row.status, 'round': row.nth_round,
        'parent': trial.parent, 'rung': trial.rung, 'epochs': trial.epochs,
        'train_seconds': row.train_seconds, 'validation_error': row.error}
    if row.costs is not None:
        found |= row.costs._asdict()
    if row.unpruned is not None:
        found |= {f'unpruned_{k}': v for k, v in row.unpruned._asdict().items()}
    for goal in objectives.measured:
        found[goal.name] = figure(row, goal.name, objectives)
    return {name: value for name, value in found.items() if value is not None}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's news of what it makes, and of names that are new in it."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', optuna.exceptions.ExperimentalWarning)
        try:
            yield
        finally:
            optuna.logging.set_verbosity(level)
