"""A search small enough for tests: 6x6 images, candidates of one compiled program."""

import contextlib
import functools
import pathlib
import tempfile
from typing import NamedTuple
from unittest import mock

import jax
import numpy as np
import pytest

from sparse_jax.data.synthetic import draw
from sparse_jax.search import loop, setup
from sparse_jax.search.domain import sparse_domain
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.reading import read
from sparse_jax.settings.stored import dumps
from sparse_jax.settings.tree import default_config
from sparse_jax.space import encoding, network_file
from sparse_jax.study.record import PENDING
from sparse_jax.study.records import Study
from tests import sampled

BATCH, ROUNDS, CUT = 2, 2, -1.0
POINT = {
    'downsample-input-in-depth': False, 'downsample-input': False,
    'zero-regularization-epochs': 5, 'annealing-epochs': 15, 'alpha': 0.3,
    'pretraining': False, 'batch-norm': False, 'num-conv-blocks': 1,
    'num-fc-layers': 0, 'left-branch': False, 'right-branch': False,
    'num-conv-layers-block-1': 1, 'layer-type-block-1-layer-1': 'Conv2D',
    'kernel-size-block-1-layer-1': 3, 'num-filters-block-1-layer-1': 6,
}
_FOLDER = tempfile.TemporaryDirectory(prefix='sparse_jax_tiny_')


class Finished(NamedTuple):
    """An uninterrupted search."""

    setup: setup.Setup
    workdir: pathlib.Path
    uses: dict
    """{skeleton: candidates} of its programs when it had ended."""

    @property
    def programs(self):
        """Those of its executor."""
        return self.setup.evaluator.executor.programs


@functools.cache
def data_file() -> pathlib.Path:
    """300 images of 6x6 pixels in 3 classes, as .npz."""
    path = pathlib.Path(_FOLDER.name) / 'tiny.npz'
    images, labels = draw(0, 300, shape=(6, 6, 1), num_classes=3, noise=20.0)
    np.savez(path, X=images, y=labels)
    return path


def overrides() -> dict:
    """What differs from the default configuration."""
    return {
        'data.name': 'tiny', 'data.path': str(data_file()),
        'data.validation_size': 60, 'data.test_size': 60, 'train.epochs': 8,
        'train.batch_size': 32, 'runtime.weights': 'all',
        'search.algorithm': 'random', 'search.rounds': ROUNDS, 'search.batch': BATCH,
        'pruning.cuts': (CUT,), 'pruning.bisect': False,
        # Kernels are padded too, which the default tiers do not.
        'tiers.widths': sampled.RANGES.widths, 'tiers.units': sampled.RANGES.units,
        'tiers.kernels': sampled.RANGES.kernels}


def config(**changes):
    """The tiny configuration, with changes such as search__rounds=3."""
    tree = default_config()
    changes = {name.replace('__', '.'): value for name, value in changes.items()}
    tree.update_from_flattened_dict(overrides() | changes)
    return tree


def settings(**changes) -> Settings:
    """The tiny settings, with changes such as search__rounds=3."""
    return read(config(**changes))


def base_row(space) -> np.ndarray:
    """Coordinates of `POINT`."""
    return encoding.encode(
        space, network_file.check(space, network_file.complete(space, POINT)))


def small_domain(space, policy):
    """The domain whose samples all have the skeleton of `POINT`."""
    whole = sparse_domain(space, policy)
    sample = lambda key, num: whole.resample(key, base_row(space), num)
    return whole._replace(sample=sample)


@contextlib.contextmanager
def small_space():
    """Inside, `setup.build` makes searches over `small_domain`."""
    with mock.patch.object(setup, 'sparse_domain', small_domain):
        yield


def build(**changes) -> setup.Setup:
    """The tiny search, ready to run."""
    with small_space():
        return setup.build(settings(**changes))


@functools.cache
def finished() -> Finished:
    """The tiny search after all its rounds; once per process, not to be changed."""
    built, folder = build(), pathlib.Path(_FOLDER.name) / 'finished'
    study = Study(folder)
    loop.run(built, study)
    study.close()
    return Finished(built, folder, dict(built.evaluator.executor.programs.uses))


@functools.cache
def measured() -> Finished:
    """The same with flash and RAM as objectives; its folder is a whole workdir."""
    names = {'objectives__names': ('error', 'flash', 'ram')}
    built, folder = build(**names), pathlib.Path(_FOLDER.name) / 'measured'
    study = Study(folder)
    loop.run(built, study)
    study.close()
    (folder / 'config.json').write_text(dumps(settings(**names)))
    return Finished(built, folder, dict(built.evaluator.executor.programs.uses))


def comparable(row):
    """All of a stored trial but its times."""
    return row._replace(
        trial=row.trial._replace(row=tuple(row.trial.row)), train_seconds=None)


def same_weights(left, right) -> bool:
    """Whether two `Weights` are equal bit for bit."""

    equal = jax.tree.map(
        lambda a, b: np.array_equal(a, b) and a.dtype == b.dtype,
        tuple(left), tuple(right))
    return all(jax.tree.leaves(equal))


def killed_at_its_end(setup, study, phase) -> None:
    """A search that was killed in a phase of its end, and continued."""

    class Killed(Exception):
        pass

    def kill(news):
        if news.finals and news.phase == phase:
            raise Killed

    with pytest.raises(Killed):
        loop.run(setup, study, kill)
    assert any(r.status == PENDING for r in study.rows()) == (phase == 'training')
    loop.run(setup, study)
