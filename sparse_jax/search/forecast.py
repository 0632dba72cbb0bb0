"""What a search will take, before it begins: programs, memory, time."""

import dataclasses
import math
import os
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax import host_random
from sparse_jax.evaluation import device_memory
from sparse_jax.evaluation.recipe import template
from sparse_jax.model.skeleton import split
from sparse_jax.objectives import graph_costs
from sparse_jax.search import rungs, strategies
from sparse_jax.search.gradient import Work
from sparse_jax.search.setup import Setup
from sparse_jax.settings.groups import Search, Settings
from sparse_jax.space import encoding
from sparse_jax.space.dimensions import Role

SAMPLE = 64
"""Random points that stand for those of a search."""
PRODUCT = 3e-9
"""Seconds of one core for one multiply-accumulate of a padded network, forward and
backward, of one image; fitted to searches on digits with the default method."""
PROGRAM = 10.0
"""Seconds of one core to compile one program, likewise."""
RELAXED = 1e-10
"""Seconds of one core for one multiply-accumulate of a relaxed network, forward and
backward; measured on digits."""
START = 10.0
"""Seconds to start the program and load the data, likewise."""


class Forecast(NamedTuple):
    """What a search with the given settings will take."""

    rows: int
    """Dimensions of the space that have more than one value."""
    log10_networks: float
    """Decimal logarithm of the number of combinations of what decides the network;
    those that build the same one are counted apart."""
    admitted: float
    """Share of random points that are trained, not refused."""
    rounds: int
    candidates: int
    programs: int
    """Compiled at most."""
    memory: int
    """Bytes of the data and of all trainings that run at once, of a large network."""
    products: float
    """Multiply-accumulates of an average padded network for one image."""
    seconds: float
    """Wall-clock of all rounds on a CPU, by the model of this module; `limit` cuts
    it."""
    limit: float
    """Seconds that the clock allows; infinite without one."""
    known: int = 0
    """Networks that are found before any is trained, at most."""
    known_seconds: float = 0.0
    """Of `seconds`, to find them."""


def forecast(setup: Setup) -> Forecast:
    """Predict a search from its settings and from random points of its space.

    The time is that of `PRODUCT` and `PROGRAM` on so many cores as the machine lends,
    whatever the device: measured rounds tell better, see `clock.seconds_left`.
    """
    space, work = setup.space, strategies.work(setup)
    settings = _alike(setup.settings, work)
    search = settings.search
    drawn = setup.domain.sample(host_random.root_key(0), SAMPLE)
    kept = drawn[~setup.evaluator.refuse(drawn)]
    products, memory = _of_points(setup, kept)
    programs = programs_of(search)
    images = setup.dataset.train.labels.shape[0]
    # The end trains its share of all epochs, with programs that exist.
    epochs = epochs_of(settings) / (1.0 - search.final_share)
    finding = (PROGRAM * work.programs + RELAXED * work.products) / _cores(settings)
    seconds = START + finding + (
        PROGRAM * programs + PRODUCT * products * images * epochs) / _cores(settings)
    decides = [d.levels for d in space.dimensions
               if d.levels > 1 and not d.role.derived
               and d.role not in (Role.TRAINING, Role.PRUNING)]
    return Forecast(
        int(sum(d.levels != 1 for d in space.dimensions)),
        float(np.log10(np.array(decides or [1], float)).sum()),
        len(kept) / len(drawn), search.most_rounds, trainings_of(search),
        programs + work.programs, memory, products, seconds,
        60 * search.max_minutes or float('inf'), work.networks, finding)


def _alike(settings: Settings, work: Work) -> Settings:
    """The settings of a search whose random points stand for the networks that are
    known before any training, each of a program of its own."""
    search = settings.search
    if not work.networks:
        return settings
    rounds = search.rounds
    if not strategies.STRATEGIES[search.strategy].suggests:
        share = 1.0 - search.final_share
        rounds = min(rounds, math.ceil(-(-work.networks // search.batch) / share))
    return dataclasses.replace(settings, search=dataclasses.replace(
        search, rounds=rounds, initial=work.networks, initial_groups=0, max_groups=0))


def programs_of(search: Search) -> int:
    """The most programs that the rounds of a search compile."""
    rounds = search.most_rounds
    first = min(-(-search.initial // search.batch), rounds)
    each = [search.initial_groups] * first + [search.new_groups] * (rounds - first)
    most = min(search.max_groups or search.batch, search.batch)
    return sum(min(new or most, most) for new in each)


def trainings_of(search: Search) -> int:
    """Trainings before the end of a search: of all points that it suggests, and those
    that go on."""
    points = search.most_rounds * search.batch
    return points + round(rungs.expected(search, points))


def epochs_of(settings: Settings) -> float:
    """Epochs of all trainings of a search together: those after its random points are
    heirs, and with rungs few are whole."""
    search = settings.search
    total = search.most_rounds * search.batch
    fresh = min(search.initial or search.batch, total) if search.inherit else total
    share = search.child_epochs if search.inherit else 1.0
    whole = settings.train.epochs * (fresh + share * (total - fresh))
    return whole * rungs.share_of(search)


def _of_points(setup: Setup, points: np.ndarray) -> tuple[float, int]:
    """(mean products of the padded networks, bytes of trainings of the largest)."""
    evaluator, settings = setup.evaluator, setup.settings
    halves = [split(encoding.graph(setup.space, row),
                    encoding.decode(setup.space, row), evaluator.policy)
              for row in points]
    products = [graph_costs.graph_totals(skeleton.graph).macs for skeleton, _ in halves]
    each = 0
    if halves:
        skeleton, candidate = halves[int(np.argmax(products))]
        each = device_memory.per_candidate(
            skeleton, template(skeleton, evaluator.recipe),
            batch_size=settings.train.batch_size, conv=setup.lowering.conv)
    at_once = min(settings.search.batch, _cores(settings)) if (
        jax.default_backend() == 'cpu') else settings.search.batch
    images = sum(part.images.size for part in (
        setup.dataset.train, setup.dataset.validation))
    # As a training program holds them: in float32, and once more for its skeleton.
    return (float(np.mean(products or [0.0])),
            2 * 4 * images + at_once * each)


def _cores(settings: Settings) -> int:
    return settings.runtime.workers or os.cpu_count() or 1
