"""A study's folder: its locked configuration, its data and its board."""

import dataclasses
import json
import os
import pathlib

from sparse_jax import data, host_random, paths
from sparse_jax.data import arrays, description, soft_labels
from sparse_jax.export.cost_model.measure import models_digest
from sparse_jax.ops.lowering import Lowering, chosen
from sparse_jax.settings import reading
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.stored import differences, dumps, read_json
from sparse_jax.settings.tree import from_tree
from sparse_jax.study import checkpoints, files, numerics
from sparse_jax.study import records as study
from sparse_jax.study.glance import settings_digest
from sparse_jax.study.names import CONFIG_FILE, FINISHED

DATA, BOARD, MODELS, RANDOM = 'data', 'board', 'cost models', 'random numbers'
SOFT = 'soft labels'
DESCRIPTION = 'data description'
"""Entry of the database: names and counts of the classes, the form of the images."""


def check_settings(workdir: str, settings: Settings, num_classes: int = 0) -> None:
    """Refuse a workdir that holds a study of another configuration; writes nothing.

    Args:
      workdir: its folder.
      settings: those to continue with.
      num_classes: of the data, 0 if they are not loaded yet.

    Raises:
      StudyError, ConfigError: one line with all differences, or why the folder cannot
        be used.
    """
    _check_writable(workdir)
    path = pathlib.Path(workdir) / CONFIG_FILE
    files.check_folder(path.parent / checkpoints.FOLDER, workdir)
    files.check_file(path.parent / study.FILE, workdir)
    _check_own(path.parent / study.FILE, workdir)
    if not path.is_file():
        for name in (study.FILE, checkpoints.FOLDER):
            if _holds_something(path.parent / name):
                raise study.StudyError(
                    f'workdir {workdir!r} holds {name} without its {CONFIG_FILE}; '
                    'allowed: a study with its configuration, or another folder')
        return
    changed = differences(read_settings(workdir), settings, num_classes)
    if changed:
        raise study.StudyError(
            f'workdir {workdir!r} holds a study of another configuration '
            f'(stored -> given): {"; ".join(changed)}; to continue with its own: '
            f'--config={path}')


def start_study(
    workdir: str, settings: Settings, dataset: data.Dataset,
    lowering: Lowering | None = None, platform: str | None = None,
) -> study.Study:
    """Lock configuration and data and open the study; it is made if it is new.

    lowering: of its trainings; by default what the settings of the machine ask for.
    platform: of the devices that train; by default those of this process.

    Raises:
      StudyError, ConfigError: the folder holds something else, or cannot be written.
    """
    check_settings(workdir, settings, dataset.num_classes)
    path = pathlib.Path(workdir) / CONFIG_FILE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, settings)
    files.drop_abandoned(workdir)
    records = study.Study(workdir)
    for name, value in check_inputs(
            records, settings, dataset, continues=True).items():
        records.set_meta(name, value)
    records.set_meta(
        DESCRIPTION, description.as_text(description.describe(dataset)))
    runtime = settings.runtime
    numerics.keep(records, lowering or chosen(
        runtime.conv, runtime.mapping, prunes=reading.prunes(settings)), platform)
    # Again, as rounds and runtime settings may change; not before the study opened.
    _write(path, settings)
    return records


def lowering_of(
    workdir: str, settings: Settings, platform: str | None = None
) -> Lowering:
    """How the trainings of a study are lowered: as it began, else as the settings say;
    one line of warning where these differ.

    platform: of the devices that train; by default those of this process.

    Raises:
      StudyError: it began with what this machine cannot do.
    """
    known = (pathlib.Path(workdir) / CONFIG_FILE).is_file()
    return numerics.lowering_for(
        workdir, settings.runtime, read_settings(workdir).runtime if known else None,
        prunes=reading.prunes(settings), platform=platform)


def check_inputs(
    records: study.Study, settings: Settings, dataset: data.Dataset, *,
    continues: bool = False,
) -> dict[str, str]:
    """What a study remembers of its data (if the images are there), its board and,
    where it `continues`, its random numbers and the models that predict costs on the
    board; refused if they were others.

    Raises:
      StudyError: some image, label or figure of a board or model is another one.
    """
    inputs = {}
    if len(dataset.train.labels):
        inputs[DATA] = (data.digest(dataset),
                        f'the images or labels of {dataset.name!r}, or the draw of its '
                        'parts (data.split), have')
    if continues and dataset.soft_labels is not None:
        # Who only reads a study trains nothing, and needs no teacher.
        inputs[SOFT] = (soft_labels.digest(dataset.soft_labels), 'what the teacher '
                        'says of the training images (data.soft_labels) has')
    if continues:
        inputs[RANDOM] = (host_random.digest(), 'the random numbers that jax draws '
                          '(JAX_THREEFRY_PARTITIONABLE, its version) have')
    if reading.objectives(settings, dataset.num_classes).on_board:
        board = dataclasses.asdict(reading.board(settings))
        inputs[BOARD] = (json.dumps(board, sort_keys=True),
                         f'the file of board {settings.objectives.board!r} has')
        if continues:
            # Old and new predictions have no common front; old ones can be read.
            inputs[MODELS] = (models_digest(), 'the cost models of the library have')
    for name, (value, what) in inputs.items():
        if records.meta(name) not in (None, value):
            records.close()
            raise study.StudyError(
                f'workdir {str(records.workdir)!r}: {what} changed since this study '
                f'began; allowed: the same {name}, or another workdir')
    _check_table(records, settings, dataset)
    return {name: value for name, (value, _) in inputs.items()}


def _check_table(
    records: study.Study, settings: Settings, dataset: data.Dataset
) -> None:
    """Refuse points of a table that had other rows, as of another version."""
    rows = reading.search_space(
        settings, dataset.input_shape, dataset.num_classes).dimensions
    for row in records.rows():
        if len(row.trial.row) != len(rows):
            records.close()
            raise study.StudyError(
                f'workdir {str(records.workdir)!r}: trial {row.trial.number} is a '
                f'point of a table of {len(row.trial.row)} rows, that of '
                f'config.space.rows={settings.space.rows!r} has {len(rows)}; allowed: '
                'the version that made it, or another workdir')


def described(records: study.Study) -> data.Description | None:
    """What a study remembers of its data; None of one that is older than that."""
    return description.parse(records.meta(DESCRIPTION) or '')


def teacher(records: study.Study) -> str:
    """Digest of what the teacher of a study says of the training images, wherever its
    file lies; '' of a study without one."""
    return records.meta(SOFT) or ''


def mark_finished(records: study.Study) -> None:
    """Note that the search with the settings of its folder has ended by itself."""
    records.set_meta(FINISHED, settings_digest(records.workdir))


def read_settings(workdir: str | os.PathLike[str]) -> Settings:
    """The locked settings of a study, not yet checked.

    Raises:
      StudyError, ConfigError: the workdir holds none, or they are damaged.
    """
    path = pathlib.Path(workdir) / CONFIG_FILE
    if not path.is_file():
        if any(path.parent.glob(f'*/{study.FILE}')):
            raise study.StudyError(
                f'workdir {str(workdir)!r}: has several studies and is none; allowed: '
                'one of its folders, or launch.compare for all of them')
        raise study.StudyError(
            f'workdir {str(workdir)!r}: no study here ({CONFIG_FILE} missing); '
            'allowed: a folder made by launch.search')
    stored = read_json(path, f'workdir {str(workdir)!r}: {CONFIG_FILE}')
    settings, own = from_tree(stored.to_dict()), path.parent.absolute() / arrays.FILE
    if pathlib.Path(settings.data.path).name == arrays.FILE and own.is_file():
        # Its data lie in the folder itself, wherever that is now.
        settings = _with_path(settings, str(own))
    return settings


def _with_path(settings: Settings, path: str) -> Settings:
    """The same settings, their data at another path."""
    return dataclasses.replace(
        settings, data=dataclasses.replace(settings.data, path=path))


def _holds_something(path: pathlib.Path) -> bool:
    """A file of 0 bytes is that of a search killed as it began."""
    return path.exists() and not (path.is_file() and path.stat().st_size == 0)


def _check_writable(workdir: str) -> None:
    reason = paths.refusal(pathlib.Path(workdir))
    if reason:
        raise study.StudyError(f'workdir {workdir!r}: {reason}')


def _check_own(path: pathlib.Path, workdir: str) -> None:
    """Refuse the study of another user, or one that is only to be read."""
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise study.StudyError(
            f'workdir {workdir!r}: {path.name} cannot be written; allowed: a study of '
            'yours, or a copy of the folder')


def _write(path: pathlib.Path, settings: Settings) -> None:
    # Readers may run elsewhere.
    given = settings.data
    named = {'path': given.path, 'soft_labels': given.soft_labels}
    found = {name: _absolute(value) for name, value in named.items() if value}
    settings = dataclasses.replace(settings, data=dataclasses.replace(given, **found))
    objectives = settings.objectives
    if objectives.board.endswith('.json'):
        settings = dataclasses.replace(settings, objectives=dataclasses.replace(
            objectives, board=_absolute(objectives.board)))
    files.write(path, dumps(settings))


def _absolute(path: str) -> str:
    return str(pathlib.Path(path).expanduser().absolute())
