"""The network that a search stands for, with every figure of the paper's tables.

It is chosen on validation images alone (`stands_for`), and meets the test images once;
the study keeps that accuracy.
"""

import pathlib
import shlex
from typing import NamedTuple

import numpy as np

from experiments.paper import chip
from sparse_jax import data
from sparse_jax.evaluation.chip import CALIBRATION, as_int8
from sparse_jax.evaluation.predictions import accuracy_of
from sparse_jax.objectives import compact_costs
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.quantize import calibrate, classify
from sparse_jax.search.clock import durations
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.tree import flatten, to_tree, tuples
from sparse_jax.study import front as fronts
from sparse_jax.study import glance
from sparse_jax.study.finals import chosen
from sparse_jax.study.front import Member
from sparse_jax.study.opened import OpenStudy, open_study
from sparse_jax.study.record import Record

RUN_IMAGES = 8
"""Validation images that are run on the emulated board for a row of a table."""


class Ours(NamedTuple):
    """One search and the network that it stands for."""

    name: str
    """Of its folder."""
    set: str
    """Data set and number of classes, as in mnist-10."""
    table: str
    """A if no working memory is aimed at or bounded, else B or C by its model."""
    grouping: str
    """Of the classes; '' for none."""
    network: str
    """As launch.report names it."""
    validation: float
    """Accuracy in 0 to 1, as the search measures it."""
    test: float
    """Accuracy of the int8 network."""
    costs: Totals
    """As the paper counts: two classes are two output units."""
    own: Totals
    """As the network is built: two classes are one output unit."""
    chip: chip.Chip
    core_hours: float
    candidates: int
    seed: int
    ended: str
    """Date of the last training, UTC."""
    command: str
    algorithm: str = 'bayesian'
    """Of the search."""

    @property
    def is_random(self) -> bool:
        """Whether it is a competitor: random search over the same networks."""
        return self.algorithm == 'random'


def read(
    folder: str | pathlib.Path, *, cores: int, trust_factories: bool = False,
) -> Ours | None:
    """The row of a study.

    Args:
      folder: of the study.
      cores: that its search had.
      trust_factories: run code that the study names.

    Returns:
      None if no network is within its bounds.

    Raises:
      StudyError, ConfigError, DataError: it cannot be read.
    """
    with open_study(folder, trust_factories=trust_factories) as study:
        networks = study.records.networks()
        row = stands_for(study)
        if row is None:
            return None
        member, spec = study.network(row), study.data_spec
        own = compact_costs.costs(member.net)
        seconds = sum(durations(study.records.rounds(), ends=True))
        calibration = study.dataset.train.images[:CALIBRATION]
        return Ours(
            pathlib.Path(folder).absolute().name,
            f'{spec.base_name}-{study.dataset.num_classes}', table_of(study.objectives),
            spec.grouping, row.name, 1 - row.figures[0], int8_test(study, member),
            fronts.as_two_units(member) or own, own,
            chip.costs(member.net, calibrate(member.net, calibration),
                       study.dataset.validation.images[:RUN_IMAGES]),
            cores * seconds / 3600,
            sum(r.offset is None and r.trial.origin is None for r in networks),
            study.settings.seed, glance.look(folder).last.split(' ')[0],
            command(study.settings), study.settings.search.algorithm)


def stands_for(study: OpenStudy) -> Record | None:
    """The best network by validation that is within its budget as the paper counts.

    That of `study.finals.chosen`, unless its budget on the model size holds with one
    output unit for two classes and not with two: then that of the next point in order.
    """
    networks, objectives = study.records.networks(), study.objectives
    most = dict(objectives.budgets).get('model_size')
    left = networks
    while (row := chosen(left, objectives)) is not None:
        counted = fronts.as_two_units(study.network(row))
        if counted is None or most is None or counted.model_size <= most:
            return row
        left = [other for other in left if other.trial.first != row.trial.first]
    return chosen(networks, objectives)


def table_of(objectives: Objectives) -> str:
    """The table that a search is for."""
    if 'working_memory' not in {*objectives.names, *dict(objectives.budgets)}:
        return 'A'
    return 'B' if objectives.memory == 'working_memory' else 'C'


def int8_test(study: OpenStudy, member: Member) -> float:
    """Share of the test images that the int8 network gets right."""
    aims = study.settings.objectives
    # The study keeps what its reports call the test accuracy.
    stored = fronts.test_accuracies(
        study.records, [member], study.data_spec, accuracy_of(study))
    if aims.quantized and not aims.balanced:
        return stored[member.row.name]
    test = data.load_test(study.data_spec)
    guesses = classify(as_int8(member.net, study.dataset), test.images)
    return float(np.mean(guesses == test.labels))


def command(settings: Settings) -> str:
    """The search again: every setting that is not the default, places left open."""
    default, given = (flatten(to_tree(s)) for s in (Settings(), settings))
    words = ['python -m launch.search --workdir=DIR']
    for name, value in sorted(given.items()):
        if value != default.get(name):
            text = 'PATH' if name == 'data.path' else (
                value if isinstance(value, str) else repr(tuples(value)))
            words.append(shlex.quote(f'--config.{name}={text}'))
    return ' '.join(words)
