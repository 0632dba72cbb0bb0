"""Members of a study's front as compact networks, and their one look at test data."""

import dataclasses
import json
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax import data
from sparse_jax.model import compact
from sparse_jax.model.compact import CompactNet
from sparse_jax.model.shrink import shrink
from sparse_jax.model.skeleton import EXACT, TierPolicy
from sparse_jax.objectives import compact_costs
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.pruning.method import PruningMethod
from sparse_jax.quantize import int8_accuracy
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.sparse_space import Space
from sparse_jax.study import cuts
from sparse_jax.study.outcome import Weights
from sparse_jax.study.records import Record, Study, StudyError, StudyWarning

TESTS, TEST_DATA = 'test_accuracy', 'test_data'


class Member(NamedTuple):
    """A trained network of a study."""

    row: Record
    graph: Graph
    weights: Weights
    net: CompactNet


def member(
    study: Study, space: Space, row: Record, dataset: data.Dataset,
    method: PruningMethod, policy: TierPolicy = EXACT,
) -> Member:
    """Rebuild a network of the study from its stored weights, at the row's cut.

    policy: sizes that networks are padded to, so that they share programs as they did
      in the search; it changes no result.

    Raises:
      StudyError: the trial was not trained, or nothing is left of it at this cut.
    """
    weights = study.weights(row.trial.number)
    if weights is None or row.empty:
        raise StudyError(f'trial {row.trial.number}: {row.status}, it has no network')
    graph = encoding.graph(space, row.trial.row)
    if row.offset is not None:
        point = encoding.decode(space, row.trial.row)
        weights = cuts.repruned(graph, point, weights, method, row.offset, policy)
    net = shrink(graph, weights.folded, weights.units, mean=dataset.mean,
                 std=dataset.std)
    return Member(row, graph, weights, net)


def as_two_units(member: Member) -> Totals | None:
    """Costs of a network as the paper counts two classes, by two output units; None
    if its own costs are counted so."""
    if not member.graph.folds:
        return None
    graph = dataclasses.replace(member.graph, fold_binary=False)
    return compact_costs.costs(shrink(
        graph, member.weights.folded, member.weights.units, mean=member.net.mean,
        std=member.net.std))


def accuracy(net: CompactNet, split: data.Split) -> float:
    """Share of a split that a compact network gets right (float64 reference)."""
    return float(np.mean(compact.classify(net, split.images) == split.labels))


def int8_accuracy_on(
    calibration: np.ndarray,
) -> Callable[[CompactNet, data.Split], float]:
    """Accuracy of the int8 network, calibrated on training images [N, H, W, C]."""
    return lambda net, split: int8_accuracy(
        net, calibration, split.images, split.labels)


def known_tests(study: Study, members: Sequence[Member]) -> dict[str, float]:
    """{row name: test accuracy} of those that have met the test data before; looks at
    no image."""
    stored = _stored_tests(study)
    return {m.row.name: stored[m.row.name] for m in members if m.row.name in stored}


def _stored_tests(study: Study) -> dict[str, float]:
    """Without what is no accuracy."""
    try:
        entries = dict(json.loads(study.meta(TESTS) or '{}')).items()
    except (ValueError, TypeError, RecursionError):
        return {}
    return {name: value for name, value in entries
            if isinstance(value, int | float) and 0 <= value <= 1}


def test_accuracies(
    study: Study, members: list[Member], spec: data.DataSpec,
    measure: Callable[[CompactNet, data.Split], float] = accuracy,
) -> dict[str, float]:
    """{row name: test accuracy}; each network meets the test data once, then is stored.

    The only function of the library that loads the test part of a study's data.

    Raises:
      StudyError: the test part is not that of the accuracies in the study.
    """
    stored = _stored_tests(study)
    new = [m for m in members if m.row.name not in stored]
    if new:
        test = data.load_test(spec)
        digest = data.split_digest(test)
        if study.meta(TEST_DATA) not in (None, digest):
            raise StudyError(
                f'workdir {str(study.workdir)!r}: the test images or labels of '
                f'{spec.name!r} have changed since others were tested; allowed: the '
                'same data, or another workdir')
        stored |= {m.row.name: measure(m.net, test) for m in new}
        try:
            study.set_meta(TESTS, json.dumps(stored))
            study.set_meta(TEST_DATA, digest)
        except StudyError as error:
            warnings.warn(f'the test accuracies are not stored: {error}', StudyWarning,
                          stacklevel=2)
    return {m.row.name: stored[m.row.name] for m in members}
