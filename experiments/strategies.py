"""Strategies side by side: searches of equal processor time.

    python -m experiments.strategies --workdir=runs/strategies --data=digits
    python -m experiments.strategies --workdir=runs/strategies --data=mnist --path=DIR
    python -m experiments.strategies --workdir=runs/strategies --data=mnist --table
    python -m experiments.strategies --workdir=runs/open --templates=xx --seeds=0

Every search is a study of its own in WORKDIR/DATA/STRATEGY_SEED and a process of its
own, without a cache of compiled programs. Its clock is that of the processor, all
threads together: what else runs on the machine changes nothing. The same command goes
on where it was stopped, runs no search twice, and longer ones with more --seconds. At
the end it writes WORKDIR/DATA.md and, if matplotlib is there, DATA.png; --table does
only that. docs/strategies.md has both.
"""

import argparse
import contextlib
import json
import math
import multiprocessing
import pathlib
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, NamedTuple, NoReturn

import jax
import ml_collections

from experiments import digits, mnist_2kb_cpu, strategies_reading
from experiments.paper import command
from sparse_jax import default_config
from sparse_jax.paths import local, refusal
from sparse_jax.search import loop, setup
from sparse_jax.search.clock import Clock, seconds_of
from sparse_jax.search.loop import Progress
from sparse_jax.settings.reading import read
from sparse_jax.study import folder as workdir
from sparse_jax.study import lock
from sparse_jax.study.records import FILE, Study, StudyError

NOTES = 'strategies'
"""What a study remembers under this name: the `Notes` of its search."""
COMPILED = '/jax/core/compile/backend_compile_duration'
LEAST_COMPILE = 0.1
"""Seconds from which on a compilation is counted: smaller ones move arrays."""
STRATEGIES: dict[str, dict[str, Any]] = {
    'random': {'search.algorithm': 'random'},
    'blind': {'search.algorithm': 'random', 'search.initial_design': 'filled',
              'search.inherit': False, 'search.rungs': (0.25, 1.0),
              'search.promote': 0.25},
    'sparse': {'search.algorithm': 'sparse'},
    'default': {},
    'differentiable': {'search.strategy': 'differentiable'},
    'hybrid': {'search.initial_from': 'differentiable'},
}
"""{name: settings}; `blind` trains structures that fill the budgets for a quarter of
the epochs, and the best quarter of them to the end; `sparse` is the paper's: Thompson
samples and scalarizations."""


class Task(NamedTuple):
    """A data set with the budgets and the trainings of all its searches."""

    seconds: float
    """Of a processor, for every search."""
    config: Callable[[], ml_collections.ConfigDict]
    changes: dict[str, Any]
    """Of its settings."""
    reading: strategies_reading.Task


def _limits(size: int, memory: int) -> dict[str, Any]:
    """Hard budgets, which are the scales of the objectives too."""
    return {f'{group}.{name}': most for group in ('budgets', 'objectives')
            for name, most in (('model_size', size), ('working_memory', memory))}


TASKS = {
    'digits': Task(60.0, digits.get_config, _limits(2048, 2048) | {
        'train.epochs': 15}, strategies_reading.Task(
            'digits within 2,048 B of model size and of working memory',
            (2048, 2048), 0.9, (0.03, 1024, 256), '97 % with 1,024 B and 256 B')),
    'mnist': Task(180.0, mnist_2kb_cpu.get_config, _limits(2048, 2048) | {
        'data.max_train': 12_000}, strategies_reading.Task(
            'MNIST within 2,048 B of model size and of working memory',
            (2048, 2048), 0.9, (0.042, 1802, 635), '95.8 % with 1.76 KB and 0.62 KB')),
    'cifar10_binary': Task(300.0, default_config, _limits(1925, 1434) | {
        'data.name': 'cifar10_binary', 'data.max_train': 12_000, 'train.epochs': 6,
        'objectives.error': 0.3, 'pruning.method': 'none', 'pruning.cuts': (),
        'pruning.bisect': False, 'space.prior': 'scaled', 'space.rows': 'extended',
        'space.restrict': 'learning-rate=0.007, batch-norm=true, '
                          'input-downsampling-type=average, residual-block-*=false',
        'search.initial_design': 'filled',
        'limits.max_macs': 200_000}, strategies_reading.Task(
            'CIFAR-10 in two groups within 1,925 B and 1,434 B',
            (1925, 1434), 0.5, (0.2824, 1925, 1434), '71.76 % within the same')),
}


class Notes(NamedTuple):
    """What a search is measured by, beside its study."""

    finished: dict[str, float]
    """{number of a trial: processor seconds of the search when it had ended}."""
    programs: int
    """Compilations of `LEAST_COMPILE` seconds and more, of every kind."""
    compile_seconds: float
    ended: bool
    """Whether the search had nothing more to do before its time was used up."""


class UsedUp(Exception):
    """Ends a search."""


def settings_of(
    name: str, strategy: str, seed: int, path: str, templates: str = ''
) -> Any:
    """The checked settings of a search; `templates` as of the command line."""
    task = TASKS[name]
    config = task.config()
    config.update_from_flattened_dict(task.changes | STRATEGIES[strategy] | {
        'seed': seed, 'data.path': path, 'search.rounds': 1000, 'search.batch': 8,
        'search.initial': 16, 'runtime.workers': 1} | ({
            'differentiable.templates': tuple(templates.split(','))} if templates
            else {}))
    return read(config)


def search(settings: Any, folder: str, seconds: float) -> None:
    """Search, or go on, until so many processor seconds are used up."""
    begin = time.process_time()
    built = setup.build(settings, lowering=workdir.lowering_of(folder, settings))
    with lock.hold(folder), contextlib.closing(built.evaluator.executor):
        study = workdir.start_study(folder, settings, built.dataset, built.lowering)
        known = notes_of(study)
        finished, timer = known.finished, Clock(study, begin, time.process_time)
        compiled = _compilations()

        def keep(ended: bool) -> None:
            study.set_meta(NOTES, json.dumps(Notes(
                finished, known.programs + len(compiled),
                known.compile_seconds + sum(compiled), ended)))

        def callback(news: Progress) -> None:
            if news.phase == 'finished group':
                finished.update(
                    (str(o.trial.number), news.seconds) for o in news.outcomes)
                keep(False)
                if news.seconds >= seconds:
                    raise UsedUp

        with contextlib.suppress(UsedUp):
            loop.run(built, study, callback, timer=timer)
            keep(True)
        timer.save()
        study.close()


def notes_of(study: Study) -> Notes:
    """Of a study; empty ones where it has none.

    Raises:
      StudyError: what it remembers under this name is something else.
    """
    text = study.meta(NOTES)
    try:
        notes = Notes(*json.loads(text)) if text else Notes({}, 0, 0.0, False)
        return notes._replace(finished=dict(notes.finished))
    except (TypeError, ValueError):
        raise StudyError(f'workdir {str(study.workdir)!r}: its notes are damaged; '
                         'allowed: another workdir') from None


def is_done(folder: pathlib.Path, seconds: float) -> bool:
    """Whether a search needs no further time."""
    if not (folder / FILE).is_file():
        return False
    with contextlib.closing(Study(folder, create=False)) as study:
        return notes_of(study).ended or seconds_of(study) >= seconds


def cells(given: argparse.Namespace) -> Iterator[tuple[str, str, int, pathlib.Path]]:
    """(data set, strategy, seed, folder) of all searches that are wanted."""
    for seed in given.seeds:
        for strategy in given.strategies:
            yield given.data, strategy, seed, (
                given.workdir / given.data / f'{strategy}_{seed}')


def print_table(root: pathlib.Path, name: str, seconds: float) -> None:
    """Print and write the table of the finished searches on a data set, and a picture
    of them."""
    found: dict[str, list[strategies_reading.Search]] = {}
    task = TASKS[name].reading
    for strategy in STRATEGIES:
        for folder in sorted((root / name).glob(f'{strategy}_*')):
            if is_done(folder, seconds):
                with contextlib.closing(Study(folder, create=False)) as study:
                    notes = notes_of(study)
                    found.setdefault(strategy, []).append(strategies_reading.search_of(
                        study, task, notes.finished, notes.programs))
    if not found:
        print(f'{str(root / name)!r}: no finished search')
        return
    text = strategies_reading.table(task, found, seconds)
    print(text)
    (root / f'{name}.md').write_text(text + '\n')
    strategies_reading.draw(root / f'{name}.png', task, found, seconds)


def _compilations() -> list[float]:
    """Seconds of every larger compilation of this process from now on."""
    found: list[float] = []

    def listen(event: str, duration_secs: float, **kwargs: str | int) -> None:
        if event == COMPILED and duration_secs >= LEAST_COMPILE:
            found.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return found


@contextlib.contextmanager
def _ends_too(process: BaseProcess) -> Iterator[None]:
    """Inside, SIGTERM of this process ends another one first."""
    def end(number: int, _: FrameType | None) -> NoReturn:
        process.terminate()
        process.join()
        command.fail(f'ended by signal {number}; the same command goes on',
                     128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(given: argparse.Namespace, seconds: float) -> None:
    """All searches that are not finished, each in a process."""
    spawn = multiprocessing.get_context('spawn')
    for name, strategy, seed, folder in cells(given):
        if is_done(folder, seconds):
            continue
        settings = settings_of(name, strategy, seed, given.path, given.templates)
        print(f'{name}: {strategy}, seed {seed}', flush=True)
        process = spawn.Process(target=_child, args=(settings, str(folder), seconds))
        process.start()
        with _ends_too(process):
            process.join()
        code = process.exitcode or 0
        if code < 0:
            command.fail(f'workdir {str(folder)!r}: its search was ended by signal '
                         f'{-code}; the same command goes on', 128 - code)
        if code:
            sys.exit(code)


def _child(settings: Any, folder: str, seconds: float) -> None:
    jax.config.update('jax_platforms', 'cpu')
    # Ctrl-C reaches both processes: this one ends at once, the other says so.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with command.one_line():
        search(settings, folder, seconds)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; what is wrong with it ends in one line and exit code 2."""
    parser = command.Parser(__doc__)
    parser.add_argument('--workdir', required=True, help='Of all searches.')
    parser.add_argument('--data', default='digits', help=', '.join(TASKS))
    parser.add_argument('--path', default='', help='Where the images are.')
    parser.add_argument('--seconds', type=float, default=0.0,
                        help='Of a processor for each; by default as the data set has.')
    parser.add_argument('--seeds', default='0,1,2', metavar='N,N,...')
    parser.add_argument('--strategies', default=','.join(STRATEGIES),
                        metavar='NAME,NAME,...')
    parser.add_argument('--templates', default='', metavar='TEXT,TEXT,...',
                        help='Of the search by gradient, in a workdir of their own.')
    parser.add_argument('--table', action='store_true', help='Run nothing.')
    given = parser.parse_args(argv)
    given.strategies = given.strategies.split(',')
    for flag, names, allowed in (('data', [given.data], TASKS),
                                 ('strategies', given.strategies, STRATEGIES)):
        for name in names:
            if name not in allowed:
                command.fail(f'--{flag}={name}: allowed: {", ".join(allowed)}')
    seeds = given.seeds.split(',')
    if not all(seed.isdecimal() and int(seed) < 2**32 for seed in seeds):
        command.fail(f'--seeds={given.seeds}: allowed: whole numbers of 0 to '
                     '4294967295, such as 0,1,2')
    given.seeds = [int(seed) for seed in seeds]
    if not 0 <= given.seconds < math.inf:
        command.fail(f'--seconds={given.seconds:g}: allowed: 0 for those of the data '
                     'set, or more')
    given.seconds = given.seconds or TASKS[given.data].seconds
    if not given.workdir:
        command.fail('--workdir is empty; allowed: a folder')
    return given


def main(argv: Sequence[str] | None = None) -> None:
    """Run the searches that are missing and print the table."""
    given = parse(argv)
    with command.one_line():
        given.workdir = local(given.workdir)
        if not given.table:
            if refused := refusal(given.workdir):
                command.fail(f'--workdir={given.workdir}: {refused}')
            _run(given, given.seconds)
        print_table(given.workdir, given.data, given.seconds)


if __name__ == '__main__':
    main()
