"""Search for pruned networks.

    python -m launch.search --config=experiments/digits.py --workdir=runs/digits

The workdir holds the locked configuration (config.json), the study (study.sqlite) and
the weights of the front (checkpoints/). The same command again continues the study;
raising --config.search.rounds, max_minutes or patience extends it. A front with figures
of a board is verified on the emulated one at the end.
"""

from __future__ import annotations

import contextlib
import gc
import time
from typing import TYPE_CHECKING

from absl import flags

from launch import cli, machines, tables

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from sparse_jax.data import Dataset
    from sparse_jax.search import setup
    from sparse_jax.study.records import Study

FLAGS = cli.new_flags()
CONFIG = cli.define_config(FLAGS)
WORKDIR = cli.define_workdir('Folder of the study; it is made, or continued.', FLAGS)
TRUST = cli.define_trust(FLAGS)
VERIFY = flags.DEFINE_bool(
    'verify', None, 'Verify the front on the emulated board at the end; by default if '
    'an objective or a budget is measured on it.', flag_values=FLAGS)
DRY_RUN = flags.DEFINE_bool(
    'dry_run', False, 'Only say how large the space is and what the search will take; '
    'nothing is trained or written.', flag_values=FLAGS)
MACHINES = machines.define(FLAGS)
VERIFIED_IMAGES = 100
"""Test images at the end of a search; launch.verify runs all."""


def first_line() -> str:
    """What is about to happen, as far as the flags say it."""
    config = CONFIG.value
    data, search = config.data, config.search
    limits = [f'{search.rounds} rounds of {search.batch}']
    if search.max_minutes:
        limits.append(f'{search.max_minutes:g} minutes')
    what = 'what a search would take' if DRY_RUN.value else 'search'
    fills = search.initial_design == 'filled' and any(config.budgets.values())
    slow = 'looking for starts that fill the budgets may take minutes; ' * fills
    return (f'{what} in {WORKDIR.value!r}: {data.name}, at most '
            f'{" and ".join(limits)}; {slow}loading')


def verify_front(built: setup.Setup, records: Study, folder: str) -> None:
    """The front on the emulated board, if that is wanted and possible."""
    from launch import verified
    from sparse_jax.export import MissingToolError

    wanted = built.objectives.on_board if VERIFY.value is None else VERIFY.value
    if not wanted or not any(row.ok for row in records.networks()):
        return
    try:
        # The study is the one of these settings, which are the person's own.
        verified.verify_front(folder, limit=VERIFIED_IMAGES, trust_factories=True)
    except MissingToolError as error:
        if VERIFY.value:
            cli.fail(f'front not verified: {error}')
        tables.line(tables.console(), f'front not verified: {error}')


def prepare(config: ConfigDict, folder: str) -> setup.Setup:
    """The objects of the search, once all hosts have them."""
    from sparse_jax.evaluation import hosts
    from sparse_jax.search import setup
    from sparse_jax.settings.reading import read
    from sparse_jax.study import folder as workdir
    from sparse_jax.study import lock

    lowering = None
    try:
        settings = read(config)
        if hosts.leads():
            # Before the data is loaded: it fails fast, changing nothing.
            workdir.check_settings(folder, settings)
            lock.check_free(folder)
        settings, make_executor = machines.suited(MACHINES.executor, settings)
        if hosts.leads():
            lowering = workdir.lowering_of(
                folder, settings, machines.platform_of(MACHINES.executor))
        built = setup.build(
            settings, make_executor=make_executor, lowering=lowering)
    except BaseException:
        hosts.agree(None)
        raise
    if not hosts.alone():
        hosts.agree(setup.fingerprint(built))
    return built


def name_missing(dataset: Dataset) -> None:
    """One line for every part that lacks classes: a search would not show it."""
    import numpy as np

    for name, part in (('training', dataset.train), ('validation', dataset.validation)):
        missing = dataset.num_classes - len(np.unique(part.labels))
        if missing:
            tables.line(tables.console(), f'warning: {missing} of '
                        f'{dataset.num_classes} classes have no {name} image')


def search(built: setup.Setup, folder: str, began: float) -> None:
    """Run the search in its workdir and say what it found.

    began: of `time.monotonic`, when this session began.
    """
    from launch import progress, running
    from sparse_jax.search import loop
    from sparse_jax.search.clock import Clock

    platform = machines.platform_of(MACHINES.executor)
    with running.locked_study(built, folder, platform) as records:
        tables.notes(tables.console(), built.dataset)
        for text in built.notes:
            tables.line(tables.console(), f'note: {text}')
        name_missing(built.dataset)
        # What is there now stays: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        with progress.Reporter(built, records) as reporter:
            loop.run(built, records, reporter, timer=Clock(records, began))
        progress.print_summary(built, records)
        verify_front(built, records, folder)


def look_ahead(folder: str) -> None:
    """Say what a search will take, by what its study has measured if there is one."""
    import pathlib

    from launch import ahead
    from sparse_jax.search import clock, forecast, setup
    from sparse_jax.settings.reading import read
    from sparse_jax.study import folder as workdir
    from sparse_jax.study.records import FILE, Study

    settings, out = read(CONFIG.value), tables.console()
    workdir.check_settings(folder, settings)
    built = setup.build(settings)
    for text in ahead.lines(forecast.forecast(built), built):
        tables.line(out, text)
    if (pathlib.Path(folder) / FILE).is_file():
        with contextlib.closing(Study(folder, create=False)) as records:
            rounds = records.rounds()
            if clock.durations(rounds):
                tables.line(out, ahead.measured_text(
                    built.settings.search, rounds, clock.seconds_of(records)))


def main(argv: list[str]) -> None:
    from sparse_jax.evaluation import hosts

    del argv
    began = time.monotonic()
    if DRY_RUN.value:
        look_ahead(WORKDIR.value)
        return
    machines.join(MACHINES)
    try:
        built = prepare(CONFIG.value, WORKDIR.value)
        if not hosts.leads():
            executor = built.evaluator.executor
            assert isinstance(executor, hosts.HostsExecutor)
            hosts.follow(executor, built.space, built.evaluator.policy)
            return
        try:
            search(built, WORKDIR.value, began)
        finally:
            built.evaluator.executor.close()
    except hosts.HostsError as error:
        cli.fail(error)
    finally:
        hosts.leave()


if __name__ == '__main__':
    cli.run(main, FLAGS)
