"""Describe one network: shapes, weights, MACs and memory of every layer.

    python -m launch.describe --network=FILE.json
    python -m launch.describe --workdir=runs/digits --trial=24@-1

The first reads a network file: names of the search table with their values, or any
network as a list of nodes (experiments/networks/*.json); the second shows a trained
member of a study before and after pruning, and how well it tells the classes of the
validation images apart. --json is for machines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags
from rich import box
from rich.console import Console
from rich.table import Table

from launch import classes, cli, config_flag, tables
from sparse_jax.objectives.goal import BOARD

if TYPE_CHECKING:
    import numpy as np

    from sparse_jax.data import Dataset
    from sparse_jax.objectives import graph_costs
    from sparse_jax.space import architecture
    from sparse_jax.study.opened import OpenStudy
    from sparse_jax.study.record import Record

FLAGS = cli.new_flags()
CONFIG = cli.define_config(FLAGS)
NETWORK = cli.define_path('network', 'Network file to describe.', FLAGS)
WORKDIR = cli.define_path('workdir', 'Study that holds a trained network.', FLAGS)
TRIAL = flags.DEFINE_string(
    'trial', None, 'best, or a network of the study as launch.report names it.',
    flag_values=FLAGS)
SHAPE = flags.DEFINE_list(
    'input_shape', None, 'Image height,width,channels; those of config.data if absent.',
    flag_values=FLAGS)
CLASSES = flags.DEFINE_integer(
    'num_classes', None, 'Classes; those of config.data if absent.', flag_values=FLAGS)
TRUST = cli.define_trust(FLAGS)
JSON = flags.DEFINE_bool(
    'json', False, 'Print JSON instead of a table.', flag_values=FLAGS)

MOST = 65_536
"""Of rows, columns, channels and classes: beyond what is a picture."""


def task_shape() -> tuple[tuple[int, int, int], int]:
    """(input shape, classes) from the flags or from the configured data."""
    from sparse_jax import data
    from sparse_jax.settings import reading
    from sparse_jax.space.sparse_space import sparse_space

    given, classes = SHAPE.value, CLASSES.value
    if given is None and classes is None:
        dataset = data.load(reading.data_spec(reading.read(CONFIG.value)))
        if not JSON.value:
            tables.line(tables.console(), task_text(dataset))
        return dataset.input_shape, dataset.num_classes
    if given is None or classes is None:
        cli.fail('--input_shape and --num_classes go together')
    try:
        height, width, channels = map(int, given)
        if max(height, width, channels, classes) > MOST:
            raise ValueError
        sparse_space((height, width, channels), classes)
    except ValueError:
        cli.fail(f'--input_shape={",".join(given)} --num_classes={classes}: '
                 'allowed: height,width,channels of at least 2,2,1, and 2 or more '
                 f'classes, none above {MOST}')
    return (height, width, channels), classes


def task_text(dataset: Dataset) -> str:
    """Whose images decide the shapes of a network."""
    shape = 'x'.join(map(str, dataset.input_shape))
    return (f'for {shape} images of {dataset.num_classes} classes, those of '
            f'{dataset.name}: {config_flag.source_text()}')


def as_dict(row: graph_costs.LayerRow) -> dict[str, Any]:
    """A layer as plain JSON values."""
    plain = row._asdict() | {
        'input_shapes': [list(s) for s in row.input_shapes],
        'output_shape': list(row.output_shape),
        'working_memory': row.input_output, 'working_memory_weights': row.input_weights}
    # A cost has one name: that of the totals.
    return plain | {'working_memory_without_image': plain.pop('alive')}


def as_json(
    rows: Sequence[graph_costs.LayerRow], as_two: graph_costs.Totals | None
) -> dict[str, Any]:
    """A network as plain JSON values; `as_two` are its costs by two output units."""
    from sparse_jax.objectives import graph_costs

    found = {'layers': [as_dict(r) for r in rows],
             'totals': graph_costs.totals(rows)._asdict()}
    return found if as_two is None else found | {'two_output_units': as_two._asdict()}


def print_two_units(
    console: Console, costs: Mapping[str, graph_costs.Totals | None]
) -> None:
    """The paper's count of two classes, where it is another."""
    if text := tables.two_units_text(costs):
        tables.line(console, text)


def print_rows(
    console: Console, title: str, rows: Sequence[graph_costs.LayerRow],
    totals: graph_costs.Totals,
) -> None:
    """One network as a table."""
    table = Table(
        title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
        caption='total: sums of weights with biases and of MACs, maxima of x+y, x+w '
                'and of what is alive at once without the image')
    # Where room is short, names and inputs fold; numbers stay whole.
    table.add_column('layer', overflow='fold')
    table.add_column('input', justify='right')
    for name in ('output', 'weights', 'biases', 'MACs', 'x+y', 'x+w', 'alive'):
        table.add_column(name, justify='right', no_wrap=True)
    shape = lambda s: 'x'.join(map(str, s))
    for row in rows:
        table.add_row(
            row.name, ' + '.join(map(shape, row.input_shapes)),
            shape(row.output_shape), *map(str, (
                row.weights, row.biases, row.macs, row.input_output,
                row.input_weights, row.alive)))
    table.add_section()
    table.add_row('total', '', '', str(totals.model_size), '',
                  str(totals.macs), str(totals.working_memory),
                  str(totals.working_memory_weights),
                  str(totals.working_memory_without_image))
    tables.show(console, table)


def read_graph() -> architecture.Graph:
    """The exact graph of the network file."""
    from sparse_jax.settings import reading
    from sparse_jax.space import architecture, graph_file, network_file
    from sparse_jax.space.sparse_space import sparse_space

    document = network_file.document(NETWORK.value)
    fold = reading.read(CONFIG.value).objectives.fold_binary
    if graph_file.is_graph(document):
        try:
            return graph_file.parse(document, fold_binary=fold)
        except network_file.NetworkFileError as error:
            cli.fail(f'{NETWORK.value}: {error}')
    shape, classes = task_shape()
    point = network_file.read(
        sparse_space(shape, classes, rows='extended'), NETWORK.value)
    return architecture.resolve(point, shape, classes, fold_binary=fold)


def describe_network(console: Console) -> None:
    """A network file, before any training."""
    from sparse_jax.objectives import graph_costs

    graph = read_graph()
    rows = graph_costs.layer_rows(graph)
    totals, as_two = graph_costs.totals(rows), graph_costs.as_two_units(graph)
    if JSON.value:
        json.dump(as_json(rows, as_two), sys.stdout, indent=2)
        print()
        return
    print_rows(console, NETWORK.value, rows, totals)
    print_two_units(console, {'before pruning': as_two})


def describe_trial(console: Console) -> None:
    """A trained member of a study, before and after pruning."""
    from sparse_jax.evaluation.predictions import confusions_of
    from sparse_jax.objectives import compact_costs, graph_costs
    from sparse_jax.objectives.goals import costs_text, exceeded
    from sparse_jax.study.front import as_two_units
    from sparse_jax.study.opened import open_study

    study = open_study(
        WORKDIR.value, trust_factories=TRUST.value, needs_images=False)
    if study.missing and not JSON.value:
        tables.line(console, f'note: without the images: {study.missing}')
    member = study.network(TRIAL.value or 'best')
    before = graph_costs.layer_rows(member.graph)
    after = compact_costs.layer_rows(member.net)
    pairs = [('before', before, graph_costs.as_two_units(member.graph)),
             ('after', after, as_two_units(member))]
    told_apart = confusions_of(study, [member], keep=False).get(member.row.name)
    names = study.about.class_names
    if JSON.value:
        found = {name: as_json(rows, as_two) for name, rows, as_two in pairs}
        json.dump(found | {'classes': classes.as_json(told_apart, names)},
                  sys.stdout, indent=2)
        print()
        return
    for name, rows, _ in pairs:
        print_rows(console, f'trial {member.row.name}, {name} pruning', rows,
                   graph_costs.totals(rows))
    print_two_units(console, {f'{name} pruning': two for name, _, two in pairs})
    print_classes(console, told_apart, names)
    accuracy = 100 * (1 - (member.row.error or 0.0))
    balanced = 'balanced ' if study.settings.objectives.balanced else ''
    tables.line(console, f'{balanced}validation accuracy after pruning: {accuracy:.2f} '
                         f'%{_in_float(study, member.row)}')
    for what, wanted in ((f'on {study.settings.objectives.board} (RAM without stack is '
                          'exact, the rest predicted)', True),
                         ('measured', False)):
        goals = [goal for goal in study.objectives.measured
                 if (goal.name in BOARD) == wanted]
        if costs := costs_text(member.row, goals, study.objectives):
            tables.line(console, f'{what}: {costs}')
    if not member.row.ok:
        over = ', '.join(exceeded(member.row, study.objectives))
        tables.line(console, f'over its budget of {over or "what can be generated"}')


def print_classes(
    console: Console, told_apart: np.ndarray | None, names: Sequence[str]
) -> None:
    """Which classes are taken for which; their names alone where that is unknown."""
    if told_apart is None:
        tables.line(console, f'classes: {", ".join(names)}')
        return
    tables.show(console, classes.recall_table(told_apart, names))
    if (table := classes.matrix_table(told_apart, names)) is not None:
        tables.show(console, table)


def _in_float(study: OpenStudy, row: Record) -> str:
    """What quantisation costs a trial; its curve is known in int8 only."""
    if not study.settings.objectives.quantized:
        return ''
    if row.float_error is None:
        return ' (int8)'
    return f' (int8; {100 * (1 - row.float_error):.2f} % before)'


def main(argv: list[str]) -> None:
    del argv
    console = tables.console()
    files, studies = NETWORK.value is not None, WORKDIR.value is not None
    if files == studies or studies != (TRIAL.value is not None):
        cli.fail('give either --network=FILE.json, or --workdir=DIR with --trial=N')
    if files:
        describe_network(console)
    else:
        describe_trial(console)


if __name__ == '__main__':
    cli.run(main, FLAGS)
