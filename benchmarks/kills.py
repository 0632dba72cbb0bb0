"""Kill every launcher at random moments, again and again, and compare the outcome.

    python -m benchmarks.kills --kills=120 > docs/kills.md

A launcher is started as a person would start it and killed (SIGKILL, its children
too) after a random time, some three times in a row; then the same command runs to its
end. What lies on disk then must be what an undisturbed run leaves: the same trials,
weights and files bit for bit, times apart, and nothing besides. The study itself is
checked after every single kill. Exits with 1 at the first difference.
"""

import argparse
import contextlib
import datetime
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

import numpy as np

from sparse_jax.search.clock import CLOCK
from sparse_jax.study.records import FILE
from sparse_jax.study.weights_file import unpack

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_SEARCH = (
    'search', '--config=experiments/digits.py', '--workdir={}/study',
    '--config.data.name=synthetic', '--config.train.epochs=2',
    '--config.search.rounds=3', '--config.search.batch=2', '--config.search.initial=4',
    '--config.search.algorithm=random', '--config.pruning.cuts=()',
    '--config.space.restrict=*-branch=false, num-conv-blocks=1, '
    'num-conv-layers-block-1=1, layer-type-*=Conv2D, kernel-size-*=3, '
    'num-filters-*=2:4, num-fc-layers=0, batch-norm=false, downsample-*=false, '
    'pool-*=false')
COMMANDS = {
    'search': _SEARCH,
    'retrain': ('retrain', '--workdir={}/study', '--out={}/again', '--repeats=2'),
    'report': ('report', '--workdir={}/study'),
    'export': ('export', '--workdir={}/study', '--out={}/chip', '--noverify'),
    'verify': ('verify', '--out={}/chip', '--limit=5'),
}
_NEEDS = {'search': {}, 'retrain': {'study': 'search'}, 'report': {'study': 'search'},
          'export': {'study': 'search'}, 'verify': {'chip': 'export'}}
"""{part of the folder that has to be there before: the launcher that makes it}."""
_IN_A_ROW = 3
_LOG = 'log.txt'
_UNEQUAL = ('seconds', 'finished', 'info', 'programs', 'checksum', 'digest')
"""In names of columns: times, what counts compilations, and what is made of these."""


class Score(NamedTuple):
    """What became of a launcher."""

    kills: int = 0
    hit: int = 0
    """Kills that met it running; the others came after its end."""
    runs: int = 0
    """Runs to the end after kills, each equal to the undisturbed one."""


def start(name: str, folder: pathlib.Path) -> subprocess.Popen:
    """The launcher on a folder, in a process group of its own."""
    words = [word.replace('{}', str(folder)) for word in COMMANDS[name]]
    return subprocess.Popen(
        [sys.executable, '-m', f'launch.{words[0]}', *words[1:]], cwd=_ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True)


def finish(name: str, folder: pathlib.Path) -> float:
    """Run a launcher to its end; seconds that it took."""
    begin = time.perf_counter()
    process = start(name, folder)
    _, errors = process.communicate(timeout=900)
    if process.returncode:
        raise SystemExit(f'{name}: exit {process.returncode}: {errors}')
    return time.perf_counter() - begin


def kill(name: str, folder: pathlib.Path, seconds: float) -> float | None:
    """Start a launcher and kill it after a time; how long it took if it ended first."""
    begin = time.perf_counter()
    process = start(name, folder)
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None
    if process.returncode:
        raise SystemExit(f'{name}: exit {process.returncode}')
    return time.perf_counter() - begin


def check_whole(folder: pathlib.Path) -> None:
    """Refuse a study that a kill has damaged."""
    for path in folder.rglob(FILE):
        with contextlib.closing(sqlite3.connect(path)) as db:
            found = db.execute('PRAGMA integrity_check').fetchall()
        if found != [('ok',)]:
            raise SystemExit(f'{path}: {found}')


def contents(folder: pathlib.Path) -> dict[str, object]:
    """{name: what is in it} of all that lies in a folder, times left out."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob('*')):
        name = str(path.relative_to(folder))
        if 'trial_' in name and 'checkpoints' in name:
            found[name.split('/trial_')[0]] = sorted(
                p.name for p in path.parents[0].iterdir())
        elif path.name == FILE:
            found[name] = _database(path)
        elif path.suffix == '.npz':
            with np.load(path) as arrays:
                found[name] = {k: arrays[k].tobytes() for k in arrays.files}
        elif path.name == _LOG:
            continue  # What was said in each session, with times.
        elif path.is_file():
            found[name] = path.read_bytes().replace(str(folder).encode(), b'DIR')
        else:
            found[name] = 'folder'
    return found


def _database(path: pathlib.Path) -> str:
    """Every table of a study, weights unpacked, times left out."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        names = [row[0] for row in db.execute(
            "SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")]
        tables = {}
        for table in names:
            cursor = db.execute(f'SELECT * FROM "{table}" ORDER BY 1, 2')
            columns = [column[0] for column in cursor.description]
            rows = [dict(zip(columns, row)) for row in cursor]
            tables[table] = [_values(row) for row in rows if row.get('key') != CLOCK]
    return json.dumps(tables, sort_keys=True)


def _values(row: dict[str, Any]) -> dict[str, Any]:
    """A row without times, and without its checksum, in which they are."""
    return {name: hashlib.sha256(repr(unpack(value)).encode()).hexdigest()
            if isinstance(value, bytes) and name == 'npz' else repr(value)
            for name, value in row.items() if not any(w in name for w in _UNEQUAL)}


def differences(found: dict[str, object], expected: dict[str, object]) -> list[str]:
    """Names of what is missing, additional or different."""
    return sorted(name for name in found.keys() | expected.keys()
                  if found.get(name) != expected.get(name))


def undisturbed(base: pathlib.Path) -> dict[str, float]:
    """Run every launcher to its end: the folders before and after it, its seconds."""
    seconds = {}
    for name in COMMANDS:
        before, after = base / name / 'before', base / name / 'after'
        before.mkdir(parents=True)
        for part, maker in _NEEDS[name].items():
            shutil.copytree(base / maker / 'after' / part, before / part)
        for _ in range(2):  # Again for its time, when everything is compiled.
            shutil.rmtree(after, ignore_errors=True)
            shutil.copytree(before, after)
            seconds[name] = finish(name, after)
    return seconds


def attempt(name: str, base: pathlib.Path, seconds: float, rng: random.Random,
            most: int) -> tuple[Score, float]:
    """Kill one launcher up to `most` times in one folder, then let it finish; and its
    seconds, fewer where it ended before the first kill: the machine is faster now."""
    planned, kills, hit = min(most, rng.randint(1, _IN_A_ROW)), 0, 0
    with tempfile.TemporaryDirectory(prefix='sparse_jax_kills_') as text:
        folder = pathlib.Path(text) / 'here'
        shutil.copytree(base / name / 'before', folder)
        while kills < planned and kills == hit:
            # Most of them after the libraries were imported, when there is work.
            low = 0.0 if rng.random() < 0.25 else 0.5
            took = kill(name, folder, rng.uniform(low, 1.05) * seconds)
            check_whole(folder)
            kills, hit = kills + 1, hit + (took is None)
            if took is not None and kills == 1:
                seconds = min(seconds, took)
        finish(name, folder)
        wrong = differences(contents(folder), contents(base / name / 'after'))
        if wrong:
            raise SystemExit(f'{name}: after {kills} kills these differ: {wrong}')
    return Score(kills, hit, 1), seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kills', type=int, default=120)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--only', default=','.join(COMMANDS))
    options = parser.parse_args()
    names, rng = options.only.split(','), random.Random(options.seed)
    scores = dict.fromkeys(names, Score())
    with tempfile.TemporaryDirectory(prefix='sparse_jax_kills_') as text:
        base = pathlib.Path(text)
        seconds = undisturbed(base)
        while (left := options.kills - sum(s.kills for s in scores.values())) > 0:
            name = min(names, key=lambda name: scores[name].kills)
            new, seconds[name] = attempt(name, base, seconds[name], rng, left)
            scores[name] = Score(*map(sum, zip(scores[name], new)))
            print(name, *scores[name], file=sys.stderr, flush=True)
    print(f'# Kills\n\nWritten by `python -m benchmarks.kills --kills={options.kills} '
          f'--seed={options.seed}`\n({datetime.date.today()}, {os.cpu_count()} cores); '
          'what it does is in its docstring.\n\n'
          '| launcher | kills | met it running | runs to the end afterwards, all equal '
          'to an undisturbed one |\n|---|---|---|---|')
    for name, score in scores.items():
        print(f'| `launch.{name}` | {score.kills} | {score.hit} | {score.runs} |')
    total = Score(*map(sum, zip(*scores.values())))
    print(f'| all | {total.kills} | {total.hit} | {total.runs} |')


if __name__ == '__main__':
    main()
