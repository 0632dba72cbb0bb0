"""A trained network of a study as a folder of C for a board."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax import data
from sparse_jax.evaluation.chip import CALIBRATION
from sparse_jax.export import Board, ExportData, export_network
from sparse_jax.export.project import folder
from sparse_jax.quantize import finetune, int8_accuracy
from sparse_jax.quantize.pixels import Method
from sparse_jax.quantize.ranges import Ranges
from sparse_jax.study.front import accuracy
from sparse_jax.study.opened import OpenStudy
from sparse_jax.study.records import Record

FLOAT_CALIBRATION = 1000
"""Training images that set the ranges where the search measured in float."""


class Exported(NamedTuple):
    """What was written."""

    row: Record
    """The network, as the study has it."""
    int8_accuracy: float
    """Share of the validation images that the int8 network gets right."""
    float_accuracy: float
    """The same of the network that was quantised, after any fine-tuning."""
    ranges: Ranges | None
    """What fine-tuning found; None without."""


def calibration_images(study: OpenStudy) -> np.ndarray:
    """[N, H, W, C] training images that set the ranges of an int8 network: the same as
    during the search where it measured in int8."""
    int8 = study.objectives.on_board or study.settings.objectives.quantized
    return study.dataset.train.images[:CALIBRATION if int8 else FLOAT_CALIBRATION]


def export_trial(
    study: OpenStudy, which: str | Record, out: str | os.PathLike[str], *,
    board: Board | None = None, method: Method = 'robust', weight_format: str = 'auto',
    finetune_steps: int = 0, formats: Sequence[str] = ('c',),
) -> Exported:
    """Write int8 C99 of a network, with the whole test part for `verify`.

    Weights and activations are quantised to int8, ranges are calibrated on training
    images, and two integer emulators must agree on every logit of the test images
    before anything is written. The test images go along without their labels, which
    nobody looks at here. `verify` then runs the C on the emulated board.

    Args:
      study: an open study.
      which: 'best', a name such as '24' or '24@-1', or a row of the study.
      out: the folder to write; an earlier export in it is replaced.
      board: another board than that of the study.
      method: how ranges are calibrated, one of `quantize.METHODS`.
      weight_format: 'auto', 'dense', 'bitmap' or 'gap'.
      finetune_steps: steps of quantisation-aware training before; 0 for none.
      formats: 'c', 'tflite' or both; the latter needs the packages tflite and
        flatbuffers.

    Returns:
      What was written, with its accuracy on validation images.

    Raises:
      ExportError: the folder holds something else, or the network does not fit.
      StudyError: there is no such network.
    """
    folder.check_target(os.fspath(out))
    row, _, _, net = study.network(which)
    train, validation = study.dataset.train, study.dataset.validation
    ranges = None
    if finetune_steps:
        net, ranges = finetune(
            jax.random.key(0), net, train.images, train.labels, steps=finetune_steps,
            method=method, judges=(validation.images, validation.labels))
    images = calibration_images(study)
    test = data.load_test(study.data_spec)
    chosen = {'workdir': study.folder, 'trial': row.name,
              'board': board.name if board else study.settings.objectives.board,
              'format': ','.join(formats), 'method': method,
              'finetune_steps': finetune_steps, 'weight_format': weight_format}
    origin = ' '.join(['python -m launch.export', *(
        f'--{name}={value}' for name, value in chosen.items()), '--out=DIR'])
    export_network(
        net, ExportData(images, test.images, resized_from=study.dataset.resized_from,
                        class_names=study.dataset.class_names, origin=origin),
        board or study.board, os.fspath(out), ranges=ranges or method,
        weight_format=weight_format, formats=formats)
    return Exported(
        row, int8_accuracy(net, images, *validation, ranges=ranges, method=method),
        accuracy(net, validation), ranges)
