"""Orbax checkpoints of the front's weights, one folder per trial."""

import pathlib
import shutil
from collections.abc import Callable

import jax
import numpy as np
import orbax.checkpoint as ocp

from sparse_jax.study.outcome import Weights

FOLDER = 'checkpoints'


def path_of(workdir: str | pathlib.Path, number: int) -> pathlib.Path:
    """Folder of a trial's checkpoint."""
    return pathlib.Path(workdir).resolve() / FOLDER / f'trial_{number:06d}'


def sync_front(
    workdir: str | pathlib.Path, front: list[int],
    weights_of: Callable[[int], Weights],
) -> None:
    """Make the checkpoints on disk those of the front: write new ones, drop others.

    `weights_of` is asked for the exact weights of trials that are not on disk yet.
    """
    folder = pathlib.Path(workdir).resolve() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {path_of(workdir, number): number for number in front}
    with _checkpointer() as checkpointer:
        for path, number in wanted.items():
            if not path.exists():
                # Orbax writes to a temporary name and renames: a kill leaves no half.
                checkpointer.save(path, _tree(weights_of(number)))
        checkpointer.wait_until_finished()
    for path in folder.glob('trial_*'):
        if path not in wanted:
            shutil.rmtree(path, ignore_errors=True)


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


def _checkpointer():
    """A checkpointer of this process alone: hosts that assist do not wait for it."""
    this = jax.process_index()
    return ocp.StandardCheckpointer(
        multiprocessing_options=ocp.options.MultiprocessingOptions(
            primary_host=this, active_processes={this},
            barrier_sync_key_prefix=f'host{this}'))


def _tree(weights: Weights):
    """Orbax drops empty trees: leave them out, `restore` puts them back."""
    return {part: tree for part, tree in weights._asdict().items() if tree}


def _untag(tree):
    return {name: _untag(leaf) if isinstance(leaf, dict) else np.asarray(leaf)
            for name, leaf in tree.items()}
