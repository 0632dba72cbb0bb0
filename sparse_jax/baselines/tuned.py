"""Every method with its grid: candidates, and the best of them on validation data."""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from sparse_jax.baselines import (
    bonsai,
    budgets,
    classical,
    features,
    grids,
    protonn,
    sizes,
)
from sparse_jax.baselines.features import Labelled
from sparse_jax.baselines.sizes import Stored
from sparse_jax.baselines.thresholding import Plan
from sparse_jax.types import PRNGKey

TREE = 28, 3
"""Dimensions and depth of Bonsai that reach what is published for MNIST at 84 KB."""
PROTOTYPES = 24, 6
"""Dimensions and prototypes of a class of ProtoNN that do at 63.4 KB."""

GRIDS = ('small', 'wide', 'published')
"""How many settings are tried; published: of Bonsai and ProtoNN the shapes above alone,
with the rates that they need, of all others the small grid."""


class Task(NamedTuple):
    """What is asked of every method."""

    key: PRNGKey
    train: Labelled
    """Standardised."""
    classes: int
    budget: int
    """Bytes under the published rule; Bonsai and ProtoNN fill it."""
    plan: Plan
    """Of Bonsai and ProtoNN."""
    grid: str = 'small'
    """One of `GRIDS`."""
    seed: int = 0
    """Of scikit-learn, and of the draw below."""
    svm_examples: int = 0
    """Training images that support vectors are chosen from; 0: all."""

    @property
    def wide(self) -> bool:
        """Whether the grid is the large one."""
        return self.grid == 'wide'

    @property
    def published(self) -> bool:
        """Whether Bonsai and ProtoNN have one shape alone."""
        return self.grid == 'published'


class Candidate(NamedTuple):
    """One trained classifier."""

    settings: dict[str, float | int]
    stored: Mapping[str, Stored]
    predict: Callable[[np.ndarray], np.ndarray]
    """Standardised features [N, D] -> classes [N]."""


class Chosen(NamedTuple):
    """The best of a grid."""

    candidate: Candidate
    validation: float
    """Accuracy."""
    tried: int
    """Candidates."""


def _knn(task: Task) -> Iterator[Candidate]:
    grid = (1, 3, 5, 7, 9) if task.wide else (1, 3, 5)
    near = classical.Nearest(task.train, max(grid))
    for neighbours in grid:
        yield Candidate(
            {'neighbours': neighbours}, classical.stored(near),
            functools.partial(near.predict, neighbours=neighbours))


def _svm(task: Task) -> Iterator[Candidate]:
    grid = ((0.1, 1.0, 10.0, 100.0), (0.3, 1.0, 3.0)) if task.wide else (
        (1.0, 10.0), (1.0,))
    train = features.drawn(task.train, task.svm_examples, task.seed)
    for cost, width in itertools.product(*grid):
        fitted = classical.Vectors(train, cost=cost, width=width)
        yield Candidate({'cost': cost, 'width': width}, classical.stored(fitted),
                        fitted.predict)


def _gbdt(task: Task) -> Iterator[Candidate]:
    grid = ((30, 100, 300), (7, 31), (0.03, 0.1, 0.3)) if task.wide else (
        (30, 100), (15,), (0.1,))
    for rounds, leaves, rate in itertools.product(*grid):
        fitted = classical.gbdt(task.train, rounds=rounds, leaves=leaves, rate=rate,
                                seed=task.seed)
        yield Candidate({'rounds': rounds, 'leaves': leaves, 'rate': rate},
                        classical.stored(fitted), fitted.predict)


def _bonsai(task: Task) -> Iterator[Candidate]:
    rates = (0.01,) if task.published else (
        0.003, 0.01, 0.03) if task.wide else (0.01, 0.03)
    for tree, filled in _trees(task):
        tunings = [tuning for start in filled for tuning in
                   grids.product(start, rate=rates,
                                 sigma=(0.3, 1.0) if task.wide else (1.0,))]
        yield from _trained(task, bonsai, tree, tunings)


def _trees(task: Task) -> list[tuple[bonsai.Tree, list[bonsai.Tuning]]]:
    """The trees of the grid that fit, and where their shares start.

    Where none does, as with the 3,072 pixels of CIFAR-10 within 2 KB: narrower ones.
    """
    narrow = [*itertools.product((1, 2, 3), (0, 1, 2))]
    tried = {'small': ([(5, 2), (10, 2), (20, 2)], narrow),
             'wide': ([*itertools.product((5, 10, 20, 30), range(5)), TREE], narrow),
             'published': ([TREE],)}
    for shapes in tried[task.grid]:
        found = []
        for projection, depth in shapes:
            tree = bonsai.Tree(
                task.train.features.shape[1], task.classes, projection, depth)
            filled = [budgets.fill_bonsai(tree, bonsai.Tuning(
                share_w=share, share_v=share, share_t=1.0), task.budget)
                for share in ((1.0,) if task.published else (0.3, 1.0))]
            if any(filled):
                found.append((tree, [start for start in filled if start is not None]))
        if found:
            return found
    return []


def _protonn(task: Task) -> Iterator[Candidate]:
    shapes, rates = {
        'small': ([(5, 5), (10, 5), (15, 5)], (0.01, 0.03)),
        'wide': ([*itertools.product((5, 10, 15, 20), (2, 5, 10, 20)), PROTOTYPES],
                 (0.003, 0.01, 0.03, 0.06)),
        'published': ([PROTOTYPES], (0.03, 0.06))}[task.grid]
    for projection, per_class in shapes:
        shape = protonn.Prototypes(
            task.train.features.shape[1], task.classes, projection, per_class)
        start = budgets.fill_protonn(shape, protonn.Tuning(), task.budget)
        tunings = [] if start is None else grids.product(
            start, rate=rates, width=(1.0, 2.5, 4.0) if task.wide else (2.5,))
        yield from _trained(task, protonn, shape, tunings)


def _trained(
    task: Task, module: Any, shape: Any, tunings: list[Any],
) -> Iterator[Candidate]:
    """The members of a grid of one shape, trained in one program."""
    if not tunings:
        return
    trained = grids.train(task.key, task.train, grids.stacked(tunings),
                          method=module.train, shape=shape, plan=task.plan)
    sides = {name: value for name, value in vars(shape).items()
             if name not in ('features', 'classes')}
    for index, tuning in enumerate(tunings):
        yield Candidate(
            {**sides, **{n: float(v) for n, v in tuning._asdict().items()}},
            module.stored(shape, tuning),
            _predictor(module, grids.member(trained, index), shape, tuning))


def _predictor(
    module: Any, one: Any, shape: Any, tuning: Any,
) -> Callable[[np.ndarray], np.ndarray]:
    def predict(examples: np.ndarray) -> np.ndarray:
        found = bonsai.predict(one, jax.numpy.asarray(examples), shape,
                               sigma=tuning.sigma) if module is bonsai \
            else protonn.predict(one, jax.numpy.asarray(examples))
        return np.asarray(found)

    return predict


METHODS: dict[str, Callable[[Task], Iterator[Candidate]]] = {
    'bonsai': _bonsai, 'protonn': _protonn, 'knn': _knn, 'svm': _svm, 'gbdt': _gbdt}
"""What each yields is trained when it is asked for."""


def best(name: str, task: Task, validation: Labelled) -> Chosen | None:
    """Train the grid of a method and choose.

    Args:
      name: one of `METHODS`.
      task: training data and budget.
      validation: standardised; it alone decides, and of equally good candidates the
        bytes.

    Returns:
      None if nothing of the grid fits the budget.
    """
    chosen, rank, tried = None, (-1.0, 0), 0
    images = np.asarray(validation.features)
    for candidate in METHODS[name](task):
        tried += 1
        right = np.mean(candidate.predict(images) == np.asarray(validation.labels))
        now = (float(right), -sizes.size(candidate.stored))
        if chosen is None or now > rank:
            chosen, rank = candidate, now
    return None if chosen is None else Chosen(chosen, rank[0], tried)
