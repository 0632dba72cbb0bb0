"""Interleaved timing: figures of one run, compared round by round."""

import argparse
import importlib.util
import os
import pathlib
import platform
import time
from collections.abc import Callable

import jax
import numpy as np

from sparse_jax.processor import vectors


def interleaved(
    calls: dict[str, Callable[[], object]], rounds: int, *, seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, np.ndarray]:
    """Seconds [rounds] of every call, after one unmeasured round.

    A round makes every call once, in a new random order: a slow second of a shared
    machine hits all of them alike. `clock` may be `both`.
    """
    rng, names = np.random.default_rng(seed), list(calls)
    seconds = {name: np.zeros((rounds, *np.shape(clock()))) for name in names}
    for name in names:
        calls[name]()
    for i in range(rounds):
        for name in rng.permutation(names):
            begin = clock()
            calls[name]()
            seconds[name][i] = clock() - begin
    return seconds


def both() -> np.ndarray:
    """(wall-clock, CPU seconds of all threads); waiting lengthens the first only."""
    return np.array([time.perf_counter(), time.process_time()])


def spread(values: np.ndarray, scale: float = 1.0, digits: int = 2) -> str:
    """'median (lower quartile-upper quartile)'."""
    low, middle, high = np.quantile(np.asarray(values) * scale, (0.25, 0.5, 0.75))
    return f'{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})'


def table(header: list[str], rows: list[list]) -> str:
    """A Markdown table; all columns but the first are aligned to the right."""
    lines = [header, ['---'] + ['---:'] * (len(header) - 1), *rows]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in lines)


def machine() -> str:
    """What the figures were measured on, in words."""
    device = jax.devices()[0]
    kind = device.device_kind
    if device.platform == 'cpu':
        kind = ', '.join(filter(None, [f'{os.cpu_count()} cores', vectors()]))
    return (f'{device.platform.upper()}, {kind}, jax {jax.__version__}, '
            f'Python {platform.python_version()}')


def versions(other: str) -> dict[str, pathlib.Path]:
    """Folders of the sources to compare: 'other', if one is given, and 'this'."""
    named = {'other': pathlib.Path(other).resolve()} if other else {}
    return named | {'this': pathlib.Path(__file__).resolve().parents[1]}


def whole(text: str) -> list[int]:
    """'1,4' -> [1, 4]."""
    return [int(part) for part in text.split(',')]


def has_torch() -> bool:
    """Whether PyTorch is installed."""
    return importlib.util.find_spec('torch') is not None


def parser(doc: str, **defaults) -> argparse.ArgumentParser:
    """Arguments --name of the defaults' types."""
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in defaults.items():
        made.add_argument(f'--{name}', type=type(default), default=default,
                          help=f'default {default}')
    return made
