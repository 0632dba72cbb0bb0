"""Studies that can be compared: equal objectives, references and data."""

import contextlib
import itertools
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sparse_jax.comparison.bands import Curve
from sparse_jax.objectives.goals import Objectives, matrix
from sparse_jax.search.clock import durations
from sparse_jax.settings import reading
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.stored import locked
from sparse_jax.study import finals, folder, opened
from sparse_jax.study.record import Record, RoundRecord
from sparse_jax.study.records import Study, StudyError
from sparse_jax.sweep.commands import names

SEED = 'seed'
"""The setting that only repeats a search."""
_AIMS = ('objectives.names', 'objectives.memory_model', 'objectives.quantized')
"""Settings that say what is minimised, beside the soft bounds of the costs."""
_DIFFERENT = {folder.DATA: 'data: other images or labels, or split otherwise',
              folder.BOARD: 'board: another file of this name'}


class History(NamedTuple):
    """How far a study was after each of its R finished rounds."""

    candidates: tuple[int, ...]
    epochs: tuple[int, ...]
    """Of training, of all candidates so far."""
    seconds: tuple[float, ...]
    """Of the whole search so far."""
    hypervolume: tuple[float, ...]
    best_error: tuple[float, ...]
    """Least validation error within the soft bounds; NaN while there is none."""

    def curve(self, against: str, figure: str) -> Curve:
        """One of the figures against one of the others, known ones only; a search
        begins with a hypervolume of 0."""
        x, y = (np.array(getattr(self, name), float) for name in (against, figure))
        if figure == 'hypervolume' and len(x):
            x, y = np.r_[0.0, x], np.r_[0.0, y]
        return Curve(x[~np.isnan(y)], y[~np.isnan(y)])


class Compared(NamedTuple):
    """A study as the others see it."""

    folder: pathlib.Path
    name: str
    settings: Settings
    inputs: dict[str, str]
    """Digest of its data; its board where figures are of one."""
    networks: tuple[Record, ...]
    """All of them, at all cuts."""
    history: History
    best: Record | None
    """The network that it stands for: the choice of its end, else that of least
    validation error within the soft bounds."""
    teacher: str
    """Digest of what its teacher says of the training images; '' without one."""


class Group(NamedTuple):
    """Studies that differ in their seeds alone."""

    name: str
    studies: tuple[Compared, ...]


class Comparison(NamedTuple):
    """Studies of equal objectives and data."""

    objectives: Objectives
    groups: tuple[Group, ...]
    num_classes: int
    """Of the data."""

    @property
    def studies(self) -> list[Compared]:
        """Of all groups."""
        return [study for group in self.groups for study in group.studies]


def compare(
    folders: Sequence[str | os.PathLike[str]], *, trust_factories: bool = False
) -> Comparison:
    """Read studies side by side; nothing is changed, searches may go on.

    The data are loaded once, of the first study; those of the others are known to be
    the same by the digests that their searches stored.

    Args:
      folders: of studies, each once.
      trust_factories: run code that the studies name, see `open_study`.

    Raises:
      StudyError, ConfigError, DataError: one cannot be read, or cannot be compared with
        the first; the line says how they differ.
    """
    paths = [pathlib.Path(path) for path in folders]
    twice = {path for path in paths if paths.count(path) > 1}
    if twice:
        raise StudyError(f'{str(min(twice))!r} is given twice; allowed: different '
                         'studies')
    with opened.open_study(paths[0], trust_factories=trust_factories) as first:
        objectives, classes = first.objectives, len(first.about.class_names)
    found = []
    for path, name in zip(paths, short_names(paths)):
        if not trust_factories:
            opened.check_own_code(path, folder.read_settings(path))
        study = _read(path, name, objectives)
        _check_alike(found[0] if found else study, study)
        found.append(study)
    return Comparison(objectives, tuple(_groups(found)), classes)


def short_names(paths: Sequence[pathlib.Path]) -> list[str]:
    """The folders without what all of them share."""
    if len(paths) == 1:
        return [paths[0].absolute().name]
    whole = [path.absolute() for path in paths]
    shared = os.path.commonpath(whole)
    return [os.path.relpath(path, shared) for path in whole]


def _read(path: pathlib.Path, name: str, objectives: Objectives) -> Compared:
    settings = reading.read(folder.read_settings(path))
    with contextlib.closing(Study(path, create=False)) as records:
        networks, rounds = records.networks(), records.rounds()
        used = (folder.DATA, folder.BOARD) if objectives.on_board else (folder.DATA,)
        inputs = {name: records.meta(name) or '' for name in used}
        teacher = folder.teacher(records)
    return Compared(path, name, settings, inputs, tuple(networks),
                    history_of(networks, rounds, objectives),
                    finals.chosen(networks, objectives), teacher)


def history_of(
    networks: Sequence[Record], rounds: Sequence[RoundRecord], objectives: Objectives
) -> History:
    """What a study had after each of its finished rounds."""
    done = [r for r in rounds if r.hypervolume is not None]
    last = max((r.round for r in done), default=-1) + 1
    counts, epochs = np.zeros(last, int), np.zeros(last, int)
    best = np.full(last, np.inf)
    for row in networks:
        if row.offset is None and row.round < last:
            counts[row.round] += 1
            epochs[row.round] += row.trial.epochs if row.costs is not None else 0
    good = [row for row in networks if row.ok and row.round < last]
    values = matrix(good, objectives)
    fits = np.all(values[:, 1:] <= np.array(objectives.bounds)[1:], axis=1)
    np.minimum.at(best, np.array([row.round for row in good], int)[fits],
                  values[fits, 0])
    least = np.minimum.accumulate(best)
    least[np.isinf(least)] = np.nan
    places = [r.round for r in done]
    return History(
        tuple(np.cumsum(counts)[places].tolist()),
        tuple(np.cumsum(epochs)[places].tolist()),
        tuple(itertools.accumulate(durations(done, ends=True))),
        tuple(float(r.hypervolume or 0.0) for r in done),
        tuple(least[places].tolist()))


def _check_alike(first: Compared, study: Compared) -> None:
    """Refuse a study whose figures mean something else than those of the first.

    Raises:
      StudyError: one line with all differences.
    """
    old, new = _aims(first.settings), _aims(study.settings)
    changed = [f'{name}: {old.get(name)!r} and {new.get(name)!r}'
               for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    changed += [_DIFFERENT[name] for name, value in first.inputs.items()
                if study.inputs.get(name) != value]
    if changed:
        raise StudyError(
            f'{str(first.folder)!r} and {str(study.folder)!r} cannot be compared: '
            f'{"; ".join(sorted(changed))}; allowed: equal objectives, soft bounds and '
            'data')


def _aims(settings: Settings) -> dict[str, Any]:
    """What figures and hypervolumes mean."""
    tree = locked(settings, 2)
    costs = [name for name in settings.objectives.names[1:]
             if f'objectives.{name}' in tree]
    wanted = [*_AIMS, *(f'objectives.{name}' for name in costs)]
    if 'working_memory' not in costs:
        wanted.remove('objectives.memory_model')
    if reading.objectives(settings, 2).on_board:
        wanted.append('objectives.board')
    return {name: tree[name] for name in wanted}


def _groups(studies: Sequence[Compared]) -> list[Group]:
    """Those of equal settings but the seed, named by how the groups differ."""
    members: dict[str, list[Compared]] = {}
    trees: dict[str, dict[str, Any]] = {}
    for study in studies:
        tree = locked(study.settings, 2)
        tree.pop(SEED)
        # Two teachers are no seeds of one search, two places of one teacher are.
        place = study.settings.data.soft_labels
        tree['data.soft_labels'] = study.teacher or place
        key = json.dumps(tree, sort_keys=True)
        trees.setdefault(key, tree | {
            'data.soft_labels': f'{place} {study.teacher[:8]}'.strip()})
        members.setdefault(key, []).append(study)
    every = list(trees.values())
    differing = [name for name in every[0]
                 if any(tree.get(name) != every[0][name] for tree in every)]
    # A list is written as a flag has it, a tuple.
    points = [{f'config.{name}': tuple(value) if isinstance(
        value := tree.get(name), list) else value for name in differing}
        for tree in every]
    titles = names(points) if len(every) > 1 else ['all']
    return [Group(title, tuple(found))
            for title, found in zip(titles, members.values())]
