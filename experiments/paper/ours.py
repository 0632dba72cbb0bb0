"""A network that a search found, with every figure of the paper's tables.

It was chosen on validation images alone (`searched`), and meets the test images once;
the study keeps that accuracy.
"""

import shlex
from typing import NamedTuple

import numpy as np

from experiments.paper import chip
from experiments.paper.searched import Choice, Searched
from sparse_jax import data
from sparse_jax.evaluation.chip import CALIBRATION, as_int8
from sparse_jax.evaluation.predictions import accuracy_of
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.quantize import calibrate, classify
from sparse_jax.search.clock import durations
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.tree import flatten, to_tree, tuples
from sparse_jax.study import front as fronts
from sparse_jax.study import glance
from sparse_jax.study.front import Member
from sparse_jax.study.opened import OpenStudy
from sparse_jax.study.planned import one_round

RUN_IMAGES = 8
"""Validation images that are run on the emulated board for a row of a table."""
_PLACES = ('data.path', 'data.soft_labels')


class Ours(NamedTuple):
    """A network that a search found."""

    name: str
    """Of the folder of its search."""
    set: str
    """Data set and number of classes, as in mnist-10."""
    grouping: str
    """Of the classes; '' for none."""
    network: str
    """As launch.report names it."""
    validation: float
    """Accuracy in 0 to 1, as the search measures it."""
    test: float
    """Accuracy of the int8 network."""
    costs: Totals
    """As the network is built: two classes are one output unit."""
    two_units: Totals
    """As the paper counts: two classes are two output units."""
    chip: chip.Chip
    core_hours: float | None
    """None if it was not kept."""
    candidates: int | None
    """That were trained, likewise."""
    seed: int
    ended: str
    """Date of the last training, UTC."""
    command: str
    is_random: bool = False
    """Whether it is of a competitor: random search over the same networks."""


def row_of(
    search: Searched, choice: Choice, *, cores: int, links: bool = True,
) -> Ours:
    """Every figure of a network.

    Args:
      search: of an open study.
      choice: one of its networks.
      cores: that the search had.
      links: whether it is linked and run on the emulated board, or predicted.

    Raises:
      StudyError, DataError: it cannot be read.
    """
    study = search.study
    member, spec = study.network(choice.network), study.data_spec
    calibration = study.dataset.train.images[:CALIBRATION]
    return Ours(
        search.name, search.set, spec.grouping, choice.network, choice.validation,
        int8_test(study, member), choice.costs,
        search.two_units(choice.network) or choice.costs,
        chip.costs(member.net, calibrate(member.net, calibration),
                   study.dataset.validation.images[:RUN_IMAGES], links=links),
        cores * seconds_of(search) / 3600, candidates_of(search),
        search.seed, glance.look(study.folder).last.split(' ')[0],
        command(study.settings), search.is_random)


def seconds_of(search: Searched) -> float:
    """Of the clock, the end too."""
    return sum(durations(search.study.records.rounds(), ends=True))


def candidates_of(search: Searched) -> int:
    """How many were trained; rungs and finals of them do not count again."""
    return sum(row.offset is None and row.trial.origin is None
               for row in search.networks)


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
    """The search, or the trainings of one network, again: every setting that is not
    the default, places left open."""
    start, words = Settings(), ['python -m launch.search --workdir=DIR']
    if one_round(settings, settings.search.batch) == settings:
        start = one_round(start, settings.search.batch)
        words = ['python -m launch.train --workdir=DIR --network=FILE '
                 f'--repeats={settings.search.batch}']
    default, given = (flatten(to_tree(s)) for s in (start, settings))
    for name, value in sorted(given.items()):
        if value != default.get(name):
            text = 'PATH' if name in _PLACES else (
                value if isinstance(value, str) else repr(tuples(value)))
            words.append(shlex.quote(f'--config.{name}={text}'))
    return ' '.join(words)
