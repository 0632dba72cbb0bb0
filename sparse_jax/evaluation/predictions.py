"""What a network of a study says of images, as the study measures it."""

from collections.abc import Callable, Sequence

import numpy as np

from sparse_jax import data
from sparse_jax.evaluation.chip import as_int8
from sparse_jax.model import compact
from sparse_jax.model.compact import CompactNet
from sparse_jax.objectives.confusion import balanced_error, confusion
from sparse_jax.quantize import classify
from sparse_jax.study import confusions
from sparse_jax.study.front import Member
from sparse_jax.study.opened import OpenStudy


def predictions(study: OpenStudy, net: CompactNet, images: np.ndarray) -> np.ndarray:
    """The classes that a network gives images.

    Args:
      study: decides whether the network is taken in float or in int8.
      net: of the study.
      images: [N, H, W, C] raw pixels.

    Returns:
      [N] int64.
    """
    if study.settings.objectives.quantized:
        return np.asarray(classify(as_int8(net, study.dataset), images), np.int64)
    return compact.classify(net, images)


def confusion_of(study: OpenStudy, net: CompactNet) -> np.ndarray:
    """[K, K] validation images of class i that a network takes for class j."""
    part = study.dataset.validation
    return confusion(
        part.labels, predictions(study, net, part.images), study.dataset.num_classes)


def confusions_of(
    study: OpenStudy, members: Sequence[Member], *, keep: bool,
) -> dict[str, np.ndarray]:
    """{row name: confusion matrix} of networks of a study: those that it keeps, others
    measured.

    Args:
      study: without its images only what it keeps is there.
      members: networks of it.
      keep: store what was measured, for whoever reads the study without its images.
    """
    known = confusions.stored(study.records, study.dataset.num_classes)
    found = {}
    for member in members:
        name = member.row.name
        if name in known:
            found[name] = known[name]
        elif not study.missing:
            found[name] = confusion_of(study, member.net)
    if keep:
        confusions.keep(study.records, found)
    return found


def accuracy_of(study: OpenStudy) -> Callable[[CompactNet, data.Split], float]:
    """What a study calls accuracy: 1 - its error, on any labelled images; the mean
    recall of the classes where the study's error is balanced."""
    def accuracy(net: CompactNet, split: data.Split) -> float:
        matrix = confusion(split.labels, predictions(study, net, split.images),
                           study.dataset.num_classes)
        if study.settings.objectives.balanced:
            return 1.0 - balanced_error(matrix)
        return float(np.trace(matrix) / matrix.sum())

    return accuracy
