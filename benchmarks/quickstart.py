"""The quickstart's search twice: from an empty cache of programs, and from a full one.

python -m benchmarks.quickstart [--config=experiments/digits.py] [--runs=2]
                                [--flags='--config.search.rounds=1'] [--other=FOLDER]

Every run is a process of its own with a workdir of its own, and all share one folder of
compiled programs, empty at first. The goals are wall-clock on a machine that does
nothing else: 45 s for the first and 15 s for later ones. Processor time is that of all
threads, peak memory that of the largest process. Kernels of direct convolutions are
built once per user, not here.

--other: the sources of another version, which runs the same command in turn, with a
folder of programs of its own.
"""

import contextlib
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

from benchmarks import timing
from sparse_jax.study.records import Study


def search(command: list[str], sources: pathlib.Path, log: pathlib.Path
           ) -> tuple[float, float, float]:
    """(wall-clock seconds, processor seconds, peak MB) of a process.

    Raises:
      SystemExit: it fails.
    """
    begin = time.perf_counter()
    with open(log, 'w') as out:
        child = subprocess.Popen(
            command, cwd=sources, stdout=out, stderr=subprocess.STDOUT,
            env=dict(os.environ, PYTHONPATH=str(sources)))
        _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f'exit status {child.returncode}: {log.read_text()[-2000:]}')
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def trials(folder: pathlib.Path) -> list[str]:
    """What a search found, without how long it took."""
    with contextlib.closing(Study(folder, create=False)) as study:
        return [repr(row._replace(train_seconds=0.0)) for row in study.networks()]


def measure(config: str, runs: int, flags: str, other: str) -> list[list]:
    """Rows of the table: one for every run of every version."""
    rows, first = [], None
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for number in range(runs):
            for version, sources in timing.versions(other).items():
                place = folder / f'{version}{number}'
                seconds, used, peak = search(
                    [sys.executable, '-m', 'launch.search', f'--config={config}',
                     f'--workdir={place}', f'--cache_dir={folder / version}',
                     *shlex.split(flags)], sources, folder / f'{place.name}.log')
                same = ''
                if version == 'this':
                    found = trials(place)
                    first = first or found
                    same = 'yes' if found == first else 'no'
                rows.append([version, number + 1, f'{seconds:.1f}', f'{used:.1f}',
                             f'{peak:.0f}', same])
    return rows


def main() -> None:
    arguments = timing.parser(
        __doc__ or '', config='experiments/digits.py', runs=2, flags='', other=''
    ).parse_args()
    print(timing.machine())
    print(timing.table(
        ['version', 'run', 'wall-clock s', 'processor s', 'peak MB',
         'same trials as the first'],
        measure(arguments.config, arguments.runs, arguments.flags, arguments.other)))


if __name__ == '__main__':
    main()
