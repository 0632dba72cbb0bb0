"""A study's folder: its locked configuration and the objects to read it with."""

import dataclasses
import json
import os
import pathlib

import ml_collections

from sparse_jax import data
from sparse_jax.export.cost_model.measure import models_digest
from sparse_jax.objectives.goals import Objectives, ranked_under
from sparse_jax.objectives.labels import limits_text
from sparse_jax.settings import reading as settings
from sparse_jax.settings.config import differences, dumps
from sparse_jax.settings.stored import read_json
from sparse_jax.study import checkpoints, files
from sparse_jax.study import records as study

CONFIG_FILE = 'config.json'
DATA, BOARD, MODELS = 'data', 'board', 'cost models'


def check_config(workdir: str, config: ml_collections.ConfigDict) -> None:
    """Refuse a workdir that holds a study of another configuration; writes nothing.

    Raises:
      StudyError, ConfigError: one line with all differences, or why the folder cannot
        be used.
    """
    _check_writable(workdir)
    path = pathlib.Path(workdir) / CONFIG_FILE
    files.check_folder(path.parent / checkpoints.FOLDER, workdir)
    if not path.is_file():
        for name in (study.FILE, checkpoints.FOLDER):
            if (path.parent / name).exists():
                raise study.StudyError(
                    f'workdir {workdir!r} holds {name} without its {CONFIG_FILE}; '
                    'allowed: a study with its configuration, or another folder')
        return
    changed = differences(read_config(workdir).to_dict(), config.to_dict())
    if changed:
        raise study.StudyError(
            f'workdir {workdir!r} holds a study of another configuration '
            f'(stored -> given): {"; ".join(changed)}')


def start_study(
    workdir: str, config: ml_collections.ConfigDict, dataset: data.Dataset
) -> study.Study:
    """Lock configuration and data and open the study; it is made if it is new.

    Raises:
      StudyError, ConfigError: the folder holds something else, or cannot be written.
    """
    check_config(workdir, config)
    path = pathlib.Path(workdir) / CONFIG_FILE
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, config)
    files.drop_abandoned(workdir)
    records = study.Study(workdir)
    for name, value in check_inputs(
            records, config, dataset, continues=True).items():
        records.set_meta(name, value)
    # Again, as rounds and runtime settings may change; not before the study opened.
    _write(path, config)
    return records


def check_inputs(
    records: study.Study, config: ml_collections.ConfigDict, dataset: data.Dataset, *,
    continues: bool = False,
) -> dict[str, str]:
    """What a study remembers of its data, its board and, where it `continues`, the
    models that predict costs on the board; refused if they were others.

    Raises:
      StudyError: some image, label or figure of a board or model is another one.
    """
    inputs = {DATA: (data.digest(dataset),
                     f'the images or labels of {dataset.name!r} have')}
    if settings.objectives(config, dataset.num_classes).on_board:
        board = dataclasses.asdict(settings.board(config))
        inputs[BOARD] = (json.dumps(board, sort_keys=True),
                         f'the file of board {config.objectives.board!r} has')
        if continues:
            # Old and new predictions have no common front; old ones can be read.
            inputs[MODELS] = (models_digest(), 'the cost models of the library have')
    for name, (value, what) in inputs.items():
        if records.meta(name) not in (None, value):
            records.close()
            raise study.StudyError(
                f'workdir {str(records.workdir)!r}: {what} changed since this study '
                f'began; allowed: the same {name}, or another workdir')
    return {name: value for name, (value, _) in inputs.items()}


def read_config(workdir: str) -> ml_collections.ConfigDict:
    """The locked configuration of a study.

    Raises:
      StudyError, ConfigError: the workdir holds none, or it is damaged.
    """
    path = pathlib.Path(workdir) / CONFIG_FILE
    if not path.is_file():
        raise study.StudyError(f'workdir {workdir!r}: no study here ({CONFIG_FILE} '
                               'missing); allowed: a folder made by launch.search')
    return read_json(path, f'workdir {workdir!r}: {CONFIG_FILE}')


def open_study(workdir: str):
    """(config, dataset, space, study, objectives) of a workdir.

    Raises:
      StudyError, ConfigError, DataError: one of them cannot be read.
    """
    config = read_config(workdir)
    settings.check(config)
    records = study.Study(workdir, create=False)
    dataset = data.load(settings.data_spec(config))
    check_inputs(records, config, dataset)
    space = settings.search_space(config, dataset.input_shape, dataset.num_classes)
    objectives = settings.objectives(config, dataset.num_classes)
    return config, dataset, space, records, objectives


def find_network(
    records: study.Study, name: str, objectives: Objectives
) -> study.Row:
    """The network that launch.report calls `name`: '24', or '24@-1' at another cut;
    'best' is the front member of least validation error within the soft bounds.

    Raises:
      StudyError: there is none of this name, or none within the bounds.
    """
    if name == 'best':
        return best_networks(records, 1, objectives)[0]
    rows = records.networks()
    found = [row for row in rows if row.name == name]
    if found:
        return found[0]
    trials = [row.trial.number for row in rows if row.offset is None]
    allowed = f'{trials[0]} to {trials[-1]}' if trials else 'none yet, search first'
    if any(row.offset is not None for row in rows):
        allowed += ', also as TRIAL@CUT where launch.report lists it'
    raise study.StudyError(
        f'--trial={name}: no such trial; allowed: best, {allowed}')


def best_networks(
    records: study.Study, count: int, objectives: Objectives
) -> list[study.Row]:
    """The `count` networks of least validation error within the soft bounds, each of
    another point of the space; fewer if there are no more.

    Raises:
      StudyError: there is none within the bounds.
    """
    first = {}
    for row in ranked_under(records.networks(), objectives):
        first.setdefault(row.trial.row.tobytes(), row)
    if not first:
        raise study.StudyError(
            f'no network within {limits_text(objectives)} yet: search on, or name '
            'one with --trial')
    return list(first.values())[:count]


def _check_writable(workdir):
    folder = pathlib.Path(workdir).absolute()
    nearest = next(p for p in (folder, *folder.parents) if p.exists())
    if not nearest.is_dir():
        raise study.StudyError(f'workdir {workdir!r}: {str(nearest)!r} is a file; '
                               'allowed: a folder, made if it is missing')
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise study.StudyError(f'workdir {workdir!r}: {str(nearest)!r} cannot be '
                               'written; allowed: a folder of yours')


def _write(path, config):
    stored = config.copy_and_resolve_references()
    if stored.data.path:
        # Readers may run elsewhere.
        stored.data.path = str(pathlib.Path(stored.data.path).expanduser().absolute())
    files.write(path, dumps(stored))
