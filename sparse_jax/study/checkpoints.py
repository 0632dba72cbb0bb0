"""Orbax checkpoints of the front's weights, one folder per trial."""

import contextlib
import errno
import json
import logging
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from sparse_jax.study import files
from sparse_jax.study.outcome import Weights
from sparse_jax.study.records import StudyError

if TYPE_CHECKING:
    import orbax.checkpoint as ocp

FOLDER = 'checkpoints'
WRITTEN = '.written.json'
"""File in the folder: the names of what this study wrote there, which alone it may
delete."""
_NAME = re.compile(r'trial_\d{6,18}')
_OVERHEAD = 1 << 16
"""Bytes that a checkpoint takes beside its weights."""
_MARK = '_CHECKPOINT_METADATA'
"""File that Orbax puts into every checkpoint."""


def path_of(workdir: str | pathlib.Path, number: int) -> pathlib.Path:
    """Folder of a trial's checkpoint."""
    return pathlib.Path(workdir).resolve() / FOLDER / f'trial_{number:06d}'


def sync_front(
    workdir: str | pathlib.Path, front: list[int],
    weights_of: Callable[[int], Weights | None],
) -> None:
    """Make the checkpoints on disk those of the front: write new ones, drop others.

    Folders that this study did not write are left alone.

    Args:
      workdir: folder of the study.
      front: numbers of trials.
      weights_of: is asked for the exact weights of trials that are not on disk yet;
        those without any are left out.

    Raises:
      StudyError: `checkpoints`, or the name of a checkpoint, is something else.
      OSError: the disk is full or fails; a checkpoint is there whole or not at all.
    """
    folder = pathlib.Path(workdir).resolve() / FOLDER
    files.make_folder(folder, workdir)
    files.drop_abandoned(folder)
    written = _written(folder)
    wanted = {path_of(workdir, number): number for number in front}
    missing = {path: number for path, number in wanted.items() if not path.exists()}
    for path in wanted.keys() - missing.keys():
        if path.is_symlink() or not (path / _MARK).is_file():
            raise StudyError(f'workdir {str(workdir)!r}: {FOLDER}/{path.name} is no '
                             'checkpoint; allowed: nothing else of this name')
    # Named before they are there: a kill between leaves nothing that nobody deletes.
    names = written | {path.name for path in missing}
    if names != written:
        files.write(folder / WRITTEN, json.dumps(sorted(names)))
    for path, number in missing.items():
        weights = weights_of(number)
        if weights is not None:
            _save(path, weights)
    kept = {path.name for path in wanted}
    for name in sorted(names - kept):
        _delete(folder, name)
    files.write(folder / WRITTEN, json.dumps(sorted(names & kept)))


def restore(workdir: str | pathlib.Path, number: int) -> Weights:
    """The exact weights of a front member.

    Raises:
      FileNotFoundError: there is no such checkpoint.
    """
    path = path_of(workdir, number)
    if not path.exists():
        raise FileNotFoundError(path)
    with _checkpointer() as checkpointer:
        tree = checkpointer.restore(path)
    return Weights(*(_untag(tree.get(part, {})) for part in Weights._fields))


def _written(folder: pathlib.Path) -> set[str]:
    """Names of folders that this study wrote; of nothing that lies elsewhere."""
    try:
        found = json.loads((folder / WRITTEN).read_text())
    except (OSError, ValueError, RecursionError):
        return set()
    names = found if isinstance(found, list) else []
    return {name for name in names if isinstance(name, str) and _NAME.fullmatch(name)}


def _delete(folder: pathlib.Path, name: str) -> None:
    """Drop a checkpoint and what a kill left of one."""
    for path in (folder / name, *folder.glob(f'{name}.orbax-checkpoint-tmp*')):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def _save(path: pathlib.Path, weights: Weights) -> None:
    """Write one checkpoint, whole or not at all.

    Raises:
      OSError: of the disk, with the path of the checkpoint.
    """
    _delete(path.parent, path.name)
    _check_room(path, weights)
    try:
        with _quiet(), _checkpointer() as checkpointer:
            # Orbax writes to a temporary name and renames: a kill leaves no half.
            checkpointer.save(path, _tree(weights))
            checkpointer.wait_until_finished()
    # Its writers wrap the system's error in a ValueError with a long text.
    except Exception as error:
        _delete(path.parent, path.name)
        code = re.search(r"os_error_code='(\d+)'", str(error))
        if code is None:
            raise
        raise OSError(int(code[1]), os.strerror(int(code[1])), str(path)) from None


def _check_room(path: pathlib.Path, weights: Weights) -> None:
    """Ask the disk for the room of a checkpoint before Orbax's threads find it full.

    Raises:
      OSError: it has not that much.
    """
    needed = _OVERHEAD + sum(np.asarray(x).nbytes for x in jax.tree.leaves(weights))
    try:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            os.posix_fallocate(file.fileno(), 0, needed)
    except OSError as error:
        # Some file systems cannot be asked: then writing tells.
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
            raise OSError(error.errno, error.strerror, str(path)) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the tracebacks of Orbax's threads off the screen: the error is raised."""
    logger = logging.getLogger('absl')
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _checkpointer() -> 'ocp.StandardCheckpointer':
    """A checkpointer of this process alone: hosts that assist do not wait for it."""
    # A report writes none, and importing takes long.
    import orbax.checkpoint as ocp

    this = jax.process_index()
    return ocp.StandardCheckpointer(
        multiprocessing_options=ocp.options.MultiprocessingOptions(
            primary_host=this, active_processes={this},
            barrier_sync_key_prefix=f'host{this}'))


def _tree(weights: Weights) -> dict[str, Any]:
    """Orbax drops empty trees: leave them out, `restore` puts them back."""
    return {part: tree for part, tree in weights._asdict().items() if tree}


def _untag(tree: dict[str, Any]) -> dict[str, Any]:
    return {name: _untag(leaf) if isinstance(leaf, dict) else np.asarray(leaf)
            for name, leaf in tree.items()}
