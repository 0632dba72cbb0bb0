"""The error of any network of a table, as a model of the first trainings of studies."""

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.host_random import root_key
from sparse_jax.objectives import structure
from sparse_jax.objectives.goal import Counted
from sparse_jax.objectives.goals import Objectives
from sparse_jax.search import trend
from sparse_jax.search.algorithms import layout_of
from sparse_jax.search.domain import sparse_domain
from sparse_jax.settings import reading
from sparse_jax.settings.groups import Settings
from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import Space
from sparse_jax.study import folder
from sparse_jax.study.errors import StudyError
from sparse_jax.study.opened import OpenStudy, open_study
from sparse_jax.surrogate import capacity
from sparse_jax.surrogate.embedding import Layout
from sparse_jax.surrogate.gp import GPConfig, gp

SPREAD = 0.29
"""Of a coordinate that is uniform from 0 to 1; features are scaled to it."""
CHUNK = 64
FEWEST = 16
"""First trainings that a model is fitted to."""


class Recorded(NamedTuple):
    """First trainings of studies of one table."""

    settings: Settings
    """Of the first study."""
    space: Space
    rows: np.ndarray
    """[N, D] canonical."""
    errors: np.ndarray
    """[N]"""


def read(workdirs: Sequence[str]) -> Recorded:
    """The first trainings of studies, of networks that inherit nothing.

    Raises:
      StudyError: there is no study, one prunes or asks for costs that training decides,
        or one differs in what decides an error.
    """
    found, rows, errors = [], [], []
    for workdir in workdirs:
        with contextlib.closing(open_study(workdir, needs_images=False)) as study:
            _check(workdir, study.settings, study.objectives)
            found.append((study.settings, study.space, _deciding(study)))
            kept = [row for row in study.records.rows() if row.trial.rung == 0
                    and row.trial.parent is None and row.error is not None]
            rows += [row.trial.row for row in kept]
            errors += [row.error for row in kept]
    settings, space, wanted = found[0]
    for workdir, (_, _, given) in zip(workdirs, found):
        for name, value, first in zip(_DECIDES, given, wanted):
            if value != first:
                raise StudyError(f'workdir {workdir!r}: {name} differs from that of '
                                 f'{workdirs[0]!r}; allowed: the same')
    return Recorded(settings, space, np.array(rows), np.array(errors, float))


_DECIDES = ('space', 'budgets', 'objectives', 'train', 'data', 'the images',
            'the teacher', 'search.rungs')


def _deciding(study: OpenStudy) -> tuple[object, ...]:
    """What decides the errors of first trainings, as `_DECIDES` names it. Images and
    a teacher are what they were when the search began, wherever their files lay."""
    settings, meta = study.settings, study.records.meta
    data = dataclasses.replace(settings.data, path='', soft_labels='')
    return (settings.space, settings.budgets, settings.objectives, settings.train, data,
            meta(folder.DATA), meta(folder.SOFT), settings.search.rungs[:1])


def _check(workdir: str, settings: Settings, objectives: Objectives) -> None:
    """Refuse a study whose costs are not known before training."""
    if settings.pruning.method != 'none':
        raise StudyError(f'workdir {workdir!r}: pruning.method is '
                         f'{settings.pruning.method!r}; allowed: none')
    other = [goal.name for goal in objectives.used[1:]
             if not isinstance(goal.source, Counted)]
    if other:
        raise StudyError(f'workdir {workdir!r}: goals {", ".join(other)}; allowed: '
                         'those that are counted before training')


class Truth:
    """The error of any network of a table, after the first rung."""

    def __init__(self, recorded: Recorded):
        """Fits the model.

        recorded: of at least `FEWEST` networks.

        Raises:
          StudyError: there are fewer.
        """
        if len(recorded.errors) < FEWEST:
            raise StudyError(f'{len(recorded.errors)} first trainings without '
                             f'inheritance; allowed: {FEWEST} or more')
        self._space = recorded.space
        self._domain = sparse_domain(
            recorded.space, reading.tier_policy(recorded.settings))
        vectors = self._vectors(recorded.rows)
        self._centre = vectors.mean(0)
        self._line = trend.fit(vectors, recorded.errors, trend.prior())
        self._model = gp(GPConfig(_extended(layout_of(self._domain)), (True,)))
        size = capacity.tier(len(recorded.errors))
        ratios = recorded.errors / self._line.errors(vectors)
        x, active = self._inputs(recorded.rows)
        self._state = self._model.fit(
            root_key(0), capacity.pad(x, size), capacity.pad(active, size),
            capacity.pad(ratios[:, None], size, np.nan), np.arange(size) < len(x))

    @property
    def noise(self) -> float:
        """Standard deviation of the logarithm of a trained error about the true one."""
        variance = np.asarray(self._model.noise(self._state))[0]
        return float(np.sqrt(variance) * np.asarray(self._state.warp.scale)[0])

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """[N] errors of canonical rows [N, D]."""
        found = np.zeros(len(rows))
        for start in range(0, len(rows), CHUNK):
            # As many rows every time: one program.
            some = np.arange(start, start + CHUNK) % len(rows)
            x, active = self._inputs(rows[some])
            mean = self._model.predict(self._state, x, active).mean
            found[some] = np.asarray(self._model.unwarp(self._state, mean))[0]
        return np.minimum(found * self._line.errors(self._vectors(rows)), 1.0)

    def _vectors(self, rows: np.ndarray) -> np.ndarray:
        return structure.vectors(encoding.graphs(self._space, rows))

    def _inputs(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows [N, D] and the F features of their networks as one point, and what of
        it matters, [N, D + F] each."""
        scaled = (self._vectors(rows) - self._centre) / trend.prior().spread
        active = np.asarray(self._domain.activity(rows), float)
        return (np.concatenate([rows, 0.5 + SPREAD * scaled], 1),
                np.concatenate([active, np.ones_like(scaled)], 1))


def _extended(layout: Layout) -> Layout:
    """With one ordered dimension more for every feature."""
    more = len(structure.NAMES)
    return Layout(layout.levels + (0,) * more, layout.categorical + (False,) * more,
                  layout.conditional + (False,) * more)
