"""Train one network file as a trial of a search is trained.

    python -m launch.train --network=FILE.json --workdir=runs/mine
    python -m launch.train --network=FILE.json --workdir=DIR --method=none --repeats=3

A file with the names of the table needs its layers alone: rows of training and pruning
that it lacks are in the middle of their range, or as --config.space.restrict has them.
The workdir becomes a study with one trial per random start, which the other launchers
read. The same command again continues.

A file of nodes (experiments/networks) is no study: the best of its starts is written as
weights.npz and as C, which launch.verify --out=WORKDIR/export runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from launch import cli, config_flag, tables

if TYPE_CHECKING:
    from sparse_jax.objectives.goals import Objectives
    from sparse_jax.search.setup import Setup
    from sparse_jax.settings.groups import Settings
    from sparse_jax.study.outcome import Outcome
    from sparse_jax.study.records import Record

FLAGS = cli.new_flags()
CONFIG = cli.define_config(FLAGS)
NETWORK = cli.define_path('network', 'The network, a JSON file.', FLAGS, required=True)
WORKDIR = cli.define_workdir('Folder of the new study.', FLAGS)
METHOD = flags.DEFINE_string(
    'method', None, 'Pruning method; config.pruning.method if absent.',
    flag_values=FLAGS)
REPEATS = flags.DEFINE_integer(
    'repeats', 1, 'Random starts.', 1, flag_values=FLAGS)
TRUST = cli.define_trust(FLAGS)


def first_line() -> str:
    """What is about to happen, and on which images."""
    data = CONFIG.value.data
    grouped = f', classes {data.classes}' if data.classes else ''
    return (f'train {NETWORK.value} in {WORKDIR.value!r}: images of {data.name}'
            f'{grouped}; {config_flag.source_text()}; loading')


def settings_of(config: Any) -> Settings:
    """Those of the configuration, for one round of starts that no limit refuses."""
    import dataclasses

    from sparse_jax.settings.groups import Limits
    from sparse_jax.settings.reading import read
    from sparse_jax.study import planned

    settings, change = read(config), dataclasses.replace
    if METHOD.value is not None:
        settings = change(
            settings, pruning=change(settings.pruning, method=METHOD.value))
    limits = Limits(**dict.fromkeys(vars(settings.limits), 0))
    return read(planned.one_round(change(settings, limits=limits), REPEATS.value))


def figures(runs: Sequence[Record | Outcome], aims: Objectives) -> str:
    """Means and ranges of the objectives over the starts that gave a network."""
    from sparse_jax.objectives.goals import figure

    parts = []
    for name in aims.names:
        goal = aims.goal(name)
        values = [v for run in runs if (v := figure(run, name, aims)) is not None]
        parts.append(f'{goal.title} {tables.spread(values, goal.text)}')
    return ', '.join(parts)


def train_point(built: Setup, point: dict) -> None:
    """Train a network of the table in a study of its own."""
    from launch import progress, running
    from sparse_jax.search import loop
    from sparse_jax.space import encoding, network_file
    from sparse_jax.study import planned

    space, count = built.space, REPEATS.value
    point = network_file.check(space, network_file.complete(space, point))
    row = encoding.canonical(space, encoding.encode(space, point)[None])[0]
    planned.check_points(WORKDIR.value, [row] * count, NETWORK.value)
    with running.locked_study(built, WORKDIR.value) as records:
        tables.notes(tables.console(), built.dataset)
        described = encoding.active_point(space, row)
        planned.plan(records, built.settings, [row] * count, [described] * count,
                     [None] * count)
        with progress.Reporter(built, records) as reporter:
            loop.run(built, records, reporter)
        runs = records.rows()
    good, out = [run for run in runs if run.ok], tables.console()
    tables.line(out, f'{len(good)} of {count} starts give a network ('
                     f'{tables.statuses_text(runs)})')
    if good:
        tables.line(out, figures(good, built.objectives))


def train_nodes(built: Setup, document: dict) -> None:
    """Train a network outside of the table and write its best start."""
    from sparse_jax import status
    from sparse_jax.export import ExportError
    from sparse_jax.search import alone
    from sparse_jax.space import graph_file
    from sparse_jax.study import lock

    out = tables.console()
    graph = graph_file.parse(document, fold_binary=built.space.fold_binary)
    alone.check_task(graph, built.dataset)
    tables.line(out, f'{NETWORK.value} is no point of the table: no study is made')
    with lock.hold(WORKDIR.value):
        outcomes = alone.train_graph(built, graph, REPEATS.value)
        good = [o for o in outcomes if o.status == status.OK]
        others = [status.name(o.status) for o in outcomes if o.status != status.OK]
        tables.line(out, f'{len(good)} of {len(outcomes)} starts give a network'
                         + f' ({", ".join(others)})' * bool(others))
        if not good:
            return
        tables.line(out, figures(good, built.objectives))
        best = min(good, key=lambda outcome: outcome.error)
        try:
            alone.write(WORKDIR.value, built, graph, best)
        except (ExportError, ValueError) as error:
            cli.fail(f'{WORKDIR.value}/{alone.WEIGHTS} is written, its C is not: '
                     f'{error}')
    tables.line(out, f'written: {WORKDIR.value}/{alone.WEIGHTS} and '
                     f'{WORKDIR.value}/{alone.EXPORT}, start {best.trial.number}')


def main(argv: list[str]) -> None:
    from sparse_jax.search import alone, setup
    from sparse_jax.space import graph_file, network_file
    from sparse_jax.study import lock
    from sparse_jax.study.folder import check_settings, lowering_of

    del argv
    document = network_file.document(NETWORK.value)
    settings = settings_of(CONFIG.value)
    nodes = graph_file.is_graph(document)
    if nodes:
        graph_file.parse(document)
        alone.check_folder(WORKDIR.value)
    check_settings(WORKDIR.value, settings)
    lock.check_free(WORKDIR.value)
    built = setup.build(settings, lowering=lowering_of(WORKDIR.value, settings))
    try:
        (train_nodes if nodes else train_point)(built, document)
    except network_file.NetworkFileError as error:
        cli.fail(f'{NETWORK.value}: {error}')
    finally:
        built.evaluator.executor.close()


if __name__ == '__main__':
    cli.run(main, FLAGS)
