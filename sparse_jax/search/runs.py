"""A search as one call: settings, and perhaps arrays of one's own, to a study."""

import contextlib
import dataclasses
import os
import pathlib
import time
from collections.abc import Mapping

from numpy.typing import ArrayLike

from sparse_jax.data import Dataset, arrays
from sparse_jax.data.known import EMBEDDED
from sparse_jax.evaluation import hosts
from sparse_jax.evaluation.executor import ExecutorFactory
from sparse_jax.search import loop, setup
from sparse_jax.search.clock import Clock
from sparse_jax.settings import reading
from sparse_jax.settings.groups import Settings
from sparse_jax.study import files, folder, lock
from sparse_jax.study.opened import OpenStudy, open_study
from sparse_jax.study.records import StudyError


def run_search(
    config: reading.Config,
    workdir: str | os.PathLike[str], *,
    data: Mapping[str, ArrayLike] | None = None,
    callback: loop.Callback = lambda progress: None,
    make_executor: ExecutorFactory = hosts.make_executor,
    platform: str | None = None,
) -> OpenStudy:
    """Search in a folder, or continue what it holds, as `launch.search` does.

    Every round an algorithm suggests networks, which are trained, pruned and measured
    on validation images (Fedorov et al., NeurIPS 2019, with the changes that README.md
    lists). Outcomes are stored as they come: after a kill the same call goes on where
    it stopped, and gives what an uninterrupted search would have given. With more
    `search.rounds`, `max_minutes` or `patience` a finished study goes on.
    docs/library.md has a program.

    Args:
      config: `Settings`, a changed `default_config()`, or a nested dict of the settings
        that differ from the defaults.
      workdir: folder of the study; it is made, or continued.
      data: arrays of the caller's own in place of the data that the settings name, with
        the keys of `data.dataset`. They are kept as WORKDIR/data.npz, so that every
        launcher finds them, also after the folder has moved.
      callback: told after every phase how far the search is.
      make_executor: what runs the trainings; by default this machine, on a cluster
        `evaluation.cluster.ray_executor`.
      platform: of the devices that train, 'cpu' or 'gpu', where they are not those of
        this process: the study remembers it.

    Returns:
      The finished study, open for reading.

    Raises:
      ConfigError, DataError, StudyError: a setting or the data cannot be used, or the
        folder holds something else; nothing is written then.
    """
    began = time.monotonic()
    settings, workdir = reading.read(config), os.fspath(workdir)
    dataset = None
    if data is not None:
        settings, dataset = _own(settings, workdir, data)
    folder.check_settings(workdir, settings)
    lock.check_free(workdir)
    built = setup.build(
        settings, dataset, make_executor,
        folder.lowering_of(workdir, settings, platform))
    with contextlib.closing(built.evaluator.executor), lock.hold(workdir):
        if data is not None and not (path := _path(workdir)).exists():
            arrays.write(path, data)
        records = folder.start_study(
            workdir, settings, built.dataset, built.lowering, platform)
        try:
            loop.run(built, records, callback, timer=Clock(records, began))
            folder.mark_finished(records)
        finally:
            records.close()
    # What it names came from the caller.
    return open_study(workdir, trust_factories=True)


def _path(workdir: str) -> pathlib.Path:
    return pathlib.Path(workdir).absolute() / arrays.FILE


def _own(
    settings: Settings, workdir: str, data: Mapping[str, ArrayLike]
) -> tuple[Settings, Dataset]:
    """The settings of a search on the caller's arrays, and their data set.

    Raises:
      StudyError: the folder holds other arrays.
      DataError: the arrays are no labelled images.
    """
    path, chosen = _path(workdir), settings.data
    files.check_file(path, workdir)
    if path.exists() and not arrays.same(path, data):
        raise StudyError(f'workdir {workdir!r}: its {arrays.FILE} holds other arrays; '
                         'allowed: the same, or another folder')
    name = 'own' if chosen.name in EMBEDDED else chosen.name
    spec = reading.data_spec(settings)
    dataset = arrays.dataset(
        data, name, classes=spec.classes, validation_size=spec.validation_size,
        test_size=spec.test_size, split=spec.split, max_train=spec.max_train,
        seed=spec.seed, image_size=spec.image_size, channels=spec.channels,
        class_names=spec.class_names)
    return dataclasses.replace(settings, data=dataclasses.replace(
        chosen, name=name, path=str(path))), dataset
