"""The front of a study on the emulated board: predictions against what was run."""

import pathlib
from typing import NamedTuple

import numpy as np

from sparse_jax import data
from sparse_jax.evaluation.chip import (
    CALIBRATION,
    as_int8,
    board_costs,
    verified_costs,
)
from sparse_jax.export import ExportData, ExportError, export_network, verify
from sparse_jax.export.chip.boards import Board
from sparse_jax.export.chip.toolchain import check_tools
from sparse_jax.objectives.goal import BOARD
from sparse_jax.study import files
from sparse_jax.study.front import Member
from sparse_jax.study.opened import OpenStudy
from sparse_jax.study.records import Record

FOLDER = 'verified'
"""Where the exports lie, below the study."""


class Checked(NamedTuple):
    """One member of the front, predicted and run."""

    row: Record
    predicted: dict[str, float] | None
    """{goal: figure}; None if it could not be generated."""
    run: dict[str, float] | None
    """As linked and emulated; None if the verification failed."""
    image: int = 0
    """Bytes of the whole linked image, reset code and example firmware included."""
    failure: str = ''


class Verification(NamedTuple):
    """A front that was run."""

    board: Board
    checked: list[Checked]
    images: int
    """Test images that every network saw."""
    in_all: int
    """Test images that there are."""


def verify_front(
    study: OpenStudy, *, board: Board | None = None, limit: int | None = None,
    compiler: str = 'auto',
) -> Verification:
    """Export, compile and run every front member.

    The folders are WORKDIR/verified/NAME. Test images are only run through both
    implementations: their labels are not looked at.

    Args:
      study: an open study.
      board: another board than that of the study.
      limit: run only so many test images.
      compiler: 'auto', 'zig' or 'gcc'.

    Returns:
      Every member with what was predicted and what was run; a failure is told there.

    Raises:
      MissingToolError: no compiler or no emulator is installed.
      StudyError, DataError: the study's networks or its test images cannot be read.
    """
    files.check_folder(study.folder / FOLDER, study.folder)
    wanted = study.board
    board = board or wanted
    check_tools(board, compiler)
    members = [study.network(row) for row in study.front()]
    if not members:
        return Verification(board, [], 0, 0)
    images = data.load_test(study.data_spec).images
    export = ExportData(study.dataset.train.images[:CALIBRATION], images[:limit],
                        resized_from=study.dataset.resized_from,
                        class_names=study.dataset.class_names)
    checked = [_check(member, study.dataset, export, board,
                      member.row.measured if board == wanted else None,
                      study.folder / FOLDER / member.row.name, compiler)
               for member in members]
    return Verification(board, checked, len(images[:limit]), len(images))


def errors_of(checked: Checked, names: tuple[str, ...]) -> np.ndarray | None:
    """[K] relative errors of the predictions of some goals; None if it failed."""
    if checked.run is None or checked.predicted is None:
        return None
    figures = lambda costs: np.array([costs[name] for name in names], float)
    return figures(checked.predicted) / figures(checked.run) - 1


def _check(
    member: Member, dataset: data.Dataset, export: ExportData, board: Board,
    stored: dict[str, float] | None, out: pathlib.Path, compiler: str,
) -> Checked:
    """One member; what the search predicted is taken from the study if it did."""
    predicted = stored
    try:
        if predicted is None or BOARD[0] not in predicted:
            predicted = board_costs(as_int8(member.net, dataset), board)
        export_network(member.net, export, board, out)
        found = verify(out, compiler=compiler)
    except (ExportError, ValueError) as error:
        return Checked(member.row, predicted, None, failure=str(error))
    return Checked(member.row, predicted, verified_costs(found), found['flash'])
