"""Programs that run on the nodes of a Ray cluster, one task for each."""

from __future__ import annotations

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sparse_jax.evaluation.cluster import crew, places

RETRIES = 10
"""Nodes that may be lost with one task."""
PR_SET_PDEATHSIG = 1


class Task(NamedTuple):
    """A program to start; its folders are the same on all nodes."""

    argv: tuple[str, ...]
    folder: str
    """Where it is started."""
    log: str
    """File that its output is added to."""


class Ended(NamedTuple):
    """How a task ended."""

    task: int
    """Its position."""
    code: int | None
    """Exit code; None if its nodes were lost again and again."""


def run(
    tasks: Sequence[Task], *, address: str, device: str = 'auto', cpus: int = 0,
) -> Iterator[Ended]:
    """Run programs on a cluster, as many at a time as it holds.

    A task whose node is lost is started again on another.

    Args:
      tasks: one program each.
      address: of the cluster, see `crew.connect`.
      device: 'cpu', 'gpu' (one for each task), or 'auto'.
      cpus: cores of a task; 0 for one.

    Yields:
      How they ended, in the order in which they did.

    Raises:
      ClusterError: no such cluster, or no node that holds a task.
    """
    ray, joined = crew.connect(address)
    try:
        kind = places.device_of(ray.nodes(), device)
        if not places.places(ray.nodes(), kind, cpus or 1):
            raise crew.ClusterError(crew.no_room(kind, cpus or 1))
        start = ray.remote(_start).options(
            num_cpus=cpus or 1, num_gpus=int(kind == 'gpu'), max_retries=RETRIES)
        started = {start.remote(task._asdict(), kind): i
                   for i, task in enumerate(tasks)}
        while started:
            for reference in ray.wait(list(started))[0]:
                position = started.pop(reference)
                try:
                    yield Ended(position, ray.get(reference))
                except ray.exceptions.RayTaskError:
                    raise
                except ray.exceptions.RayError:
                    yield Ended(position, None)
    finally:
        if joined:
            ray.shutdown()


def _start(task: Mapping, device: str) -> int:
    """On a node: run the program to its end."""
    pathlib.Path(task['log']).parent.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    if device == 'cpu':
        environment['JAX_PLATFORMS'] = 'cpu'
    with open(task['log'], 'a') as log:
        return subprocess.run(
            task['argv'], cwd=task['folder'], env=environment, stdout=log,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            preexec_fn=_end_with_parent).returncode


def _end_with_parent() -> None:
    """Let this process be told to end when the one that started it does."""
    if sys.platform == 'linux':
        # Of the system alone: nothing else ends what a killed process has started.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
