"""A study's folder: its locked configuration and the objects to read it with."""

import json
import pathlib

import ml_collections

from sparse_jax import data
from sparse_jax.config import differences, dumps
from sparse_jax.search import setup, study
from sparse_jax.space.sparse_space import sparse_space

CONFIG_FILE = 'config.json'


def lock_config(workdir: str, config) -> None:
    """Write config.json, or refuse a configuration that differs from it."""
    path = pathlib.Path(workdir) / CONFIG_FILE
    if path.exists():
        try:
            stored = json.loads(path.read_text())
        except ValueError as error:
            raise study.StudyError(f'{path}: not JSON: {error}') from None
        changed = differences(stored, config.to_dict())
        if changed:
            raise study.StudyError(
                f'workdir {workdir!r} holds a study of another configuration '
                f'(stored -> given): {"; ".join(changed)}')
    path.write_text(dumps(config))


def read_config(workdir: str) -> ml_collections.ConfigDict:
    """The locked configuration of a study.

    Raises:
      StudyError: the workdir holds none.
    """
    path = pathlib.Path(workdir) / CONFIG_FILE
    try:
        return ml_collections.ConfigDict(json.loads(path.read_text()))
    except OSError as error:
        raise study.StudyError(f'workdir {workdir!r}: no study here '
                               f'({CONFIG_FILE}: {error.strerror})') from None
    except ValueError as error:
        raise study.StudyError(f'{path}: not JSON: {error}') from None


def open_study(workdir: str):
    """(config, dataset, space, study, name of the third objective) of a workdir."""
    config = read_config(workdir)
    records = study.Study(workdir, create=False)
    dataset = data.load(setup.data_spec(config))
    space = sparse_space(
        dataset.input_shape, dataset.num_classes, prior=config.space.prior)
    memory = setup.MEMORY_MODELS[config.objectives.memory_model]
    return config, dataset, space, records, memory
