"""A study opened for reading: its settings, its data and its networks."""

import dataclasses
import os
import pathlib
from typing import Self

from sparse_jax import data
from sparse_jax.data.description import describe
from sparse_jax.export.chip.boards import Board
from sparse_jax.objectives.goals import (
    Objectives,
    bounds_text,
    front_of,
    ranked_under,
)
from sparse_jax.pruning.method import PruningMethod
from sparse_jax.settings import reading
from sparse_jax.settings.groups import Settings
from sparse_jax.space.sparse_space import Space
from sparse_jax.study import files, folder
from sparse_jax.study.finals import chosen
from sparse_jax.study.front import Member, member
from sparse_jax.study.records import FILE, Record, Study, StudyError


@dataclasses.dataclass(frozen=True)
class OpenStudy:
    """A study with everything that its folder names; also a context that closes it.

    `open_study` and `run_search` give one. Reading changes nothing in the folder, and a
    search may go on in it meanwhile: rows are read when they are asked for. A *row* of
    a study (`study.records.Record`) is one measured network: a trial, named '12', or
    the same training pruned at another cut, named '12@-1'.

    Attributes:
      folder: where it is.
      settings: the locked ones.
      dataset: the training and validation images, the same as during the search.
      space: the searched space over these images.
      objectives: what was minimised, and the budgets.
      records: every trial, round and weight that is stored.
      missing: why the images could not be read; '' if they are there. Without them the
        parts of `dataset` are empty.
    """

    folder: pathlib.Path
    settings: Settings
    dataset: data.Dataset
    space: Space
    objectives: Objectives
    records: Study
    missing: str = ''

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what was read stays readable."""
        self.records.close()

    @property
    def data_spec(self) -> data.DataSpec:
        """Which images, split how."""
        return reading.data_spec(self.settings)

    @property
    def about(self) -> data.Description:
        """Names and counts of the classes, the form of the images, also without them.
        """
        remembered = folder.described(self.records) if self.missing else None
        return remembered or describe(self.dataset)

    @property
    def method(self) -> PruningMethod:
        """The pruning method of every training."""
        return reading.pruning_method(self.settings)

    @property
    def board(self) -> Board:
        """The board that measured objectives and budgets are of."""
        return reading.board(self.settings)

    def front(self) -> list[Record]:
        """The networks that no other beats in all objectives.

        Returns:
          Rows, in the order of their first cost: `row.name`, `row.error` between 0 and
          1 on validation images, `row.costs` counted in elements, `row.measured`
          {goal: figure} of those that a board or a person's own code gives. Empty if
          nothing is measured yet.
        """
        return front_of(self.records.networks(), self.objectives)

    def best(self, count: int = 1) -> list[Record]:
        """The networks of least validation error within the soft bounds.

        Returns:
          `count` networks, each of another point of the space, the best one first: if
          the search had an end, that which the means of its finals have chosen; fewer
          if there are no more.

        Raises:
          StudyError: there is none within the soft bounds.
        """
        return best_networks(self.records, count, self.objectives)

    def find(self, name: str = 'best') -> Record:
        """The network that reports call `name`: '24', '24@-1' at another cut, 'best'.

        Raises:
          StudyError: there is none of this name, or none within the soft bounds.
        """
        return find_network(self.records, name, self.objectives)

    def network(self, which: str | Record = 'best') -> Member:
        """A trained network, rebuilt from its stored weights.

        Args:
          which: a row of `front`, `best` or `records.networks()`, or its name.

        Returns:
          Its graph, its weights, and `net`, what is left of it after pruning.

        Raises:
          StudyError: there is no such network, or nothing is left of it.
        """
        row = self.find(which) if isinstance(which, str) else which
        return member(
            self.records, self.space, row, self.dataset, self.method,
            reading.tier_policy(self.settings))


def open_study(
    workdir: str | os.PathLike[str], *, trust_factories: bool = False,
    needs_images: bool = True,
) -> OpenStudy:
    """Open a study to read it.

    The settings, the data and the board are loaded and compared with the digests that
    the search stored: what is read is what was searched. Nothing is written, and
    nothing that was read from the folder is executed.

    Args:
      workdir: its folder, made by `run_search` or a launcher.
      trust_factories: run code that the study names (a pruning method as
        MODULE:FACTORY). Without it such a study is refused: whoever wrote the folder
        would decide what runs here.
      needs_images: refuse a study whose images are not where they were. Otherwise it
        is opened with what it remembers of them, see `OpenStudy.missing`; a study that
        remembers nothing is refused all the same.

    Returns:
      The study; close it, or use it in a `with` statement.

    Raises:
      StudyError, ConfigError, DataError: a part of it cannot be read, or its data or
        its board are others than those it was made with; or it names code that is
        not trusted.
    """
    stored = folder.read_settings(workdir)
    files.check_file(pathlib.Path(workdir) / FILE, workdir)
    if not trust_factories:
        check_own_code(workdir, stored)
    settings = reading.read(stored)
    records = Study(pathlib.Path(workdir), create=False)
    try:
        dataset, missing = _dataset(records, settings, needs_images)
        folder.check_inputs(records, settings, dataset)
        return OpenStudy(
            pathlib.Path(workdir), settings, dataset,
            reading.search_space(settings, dataset.input_shape, dataset.num_classes),
            reading.objectives(settings, dataset.num_classes), records, missing)
    except BaseException:
        records.close()
        raise


def _dataset(
    records: Study, settings: Settings, needs_images: bool,
) -> tuple[data.Dataset, str]:
    """The images of a study, or what it remembers of them; and why they are missing.

    Raises:
      DataError: they are missing, and needed or not remembered.
    """
    try:
        return data.load(reading.data_spec(settings)), ''
    except data.DataError as error:
        remembered = folder.described(records)
        if needs_images or remembered is None:
            raise
        return remembered.without_images(), str(error)


def check_own_code(workdir: str | os.PathLike[str], settings: Settings) -> None:
    """Refuse a study whose networks cannot be read without running its own code."""
    code = reading.own_code(settings)
    # The search algorithm is not needed to read what it found.
    code.pop('search.algorithm', None)
    for name, value in code.items():
        raise StudyError(
            f'workdir {str(workdir)!r}: config.{name} is {value!r}, code that reading '
            'this study runs; allowed: --trust_factories, if you trust that code')


def find_network(records: Study, name: str, objectives: Objectives) -> Record:
    """The network that launch.report calls `name`: '24', or '24@-1' at another cut;
    'best' is the front member of least validation error within the soft bounds.

    Raises:
      StudyError: there is none of this name, or none within the soft bounds.
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
    raise StudyError(f'--trial={name}: no such trial; allowed: best, {allowed}')


def best_networks(
    records: Study, count: int, objectives: Objectives
) -> list[Record]:
    """The `count` networks of least validation error within the soft bounds, each of
    another point of the space; fewer if there are no more. The first is that which the
    end of the search has chosen, if it had one.

    Raises:
      StudyError: there is none within the soft bounds.
    """
    networks, first = records.networks(), {}
    named = chosen(networks, objectives)
    best = [] if named is None else [named]
    for row in best + ranked_under(networks, objectives):
        first.setdefault(row.trial.row.tobytes(), row)
    if not first:
        raise StudyError(
            f'no network within the soft bounds of {bounds_text(objectives)} yet: '
            'search on, or name one with --trial')
    return list(first.values())[:count]
