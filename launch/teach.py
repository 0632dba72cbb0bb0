"""Train a larger network and write what it says of the training images.

    python -m launch.teach --config=experiments/cifar10_binary_cpu.py \\
        --config.data.path=FILE.npz --workdir=runs/teacher
    python -m launch.search --config=experiments/cifar10_binary_cpu.py \\
        --config.data.path=FILE.npz --workdir=runs/taught \\
        --config.data.soft_labels=runs/teacher/soft_labels.npz

The candidates of such a search learn the teacher's probabilities in place of the labels
(distillation). Images, recipe and seed of the teacher are those of the configuration;
its budgets, its pruning and its search are not. Without --network it is a network of
some 50,000 weights that suits the images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from absl import flags

from launch import cli, config_flag, tables

if TYPE_CHECKING:
    from sparse_jax.data import Dataset
    from sparse_jax.space.architecture import Graph

FLAGS = cli.new_flags()
CONFIG = cli.define_config(FLAGS)
NETWORK = cli.define_path(
    'network', 'The teacher, a JSON file of nodes; by default one of some 50,000 '
    'weights.', FLAGS)
WORKDIR = cli.define_workdir('Folder of the soft labels; it is made.', FLAGS)
EPOCHS = flags.DEFINE_integer(
    'epochs', 0, 'Of the teacher; 0 for a third of config.train.epochs.', 0,
    flag_values=FLAGS)
TRUST = cli.define_trust(FLAGS)


def teacher_of(dataset: Dataset) -> Graph:
    """The network of --network, or one that suits the images."""
    from sparse_jax.search import alone, teacher
    from sparse_jax.space import graph_file, network_file

    if NETWORK.value is None:
        return teacher.network(dataset.input_shape, dataset.num_classes)
    document = network_file.document(NETWORK.value)
    if not graph_file.is_graph(document):
        raise network_file.NetworkFileError(
            'no list of nodes; allowed: a file as those of experiments/networks')
    graph = graph_file.parse(document)
    alone.check_task(graph, dataset)
    return graph


def main(argv: list[str]) -> None:
    import pathlib

    from sparse_jax import status
    from sparse_jax.data import soft_labels
    from sparse_jax.search import alone, setup, teacher
    from sparse_jax.settings.reading import read
    from sparse_jax.space.network_file import NetworkFileError
    from sparse_jax.study import files, lock

    del argv
    path, out = pathlib.Path(WORKDIR.value) / soft_labels.FILE, tables.console()
    tables.line(out, f'teach in {WORKDIR.value!r}: images of {CONFIG.value.data.name}; '
                     f'{config_flag.source_text()}; loading')
    alone.check_folder(WORKDIR.value)
    if path.exists():
        cli.fail(f'workdir {WORKDIR.value!r} holds {soft_labels.FILE}; allowed: '
                 'another folder')
    built = setup.build(read(teacher.settings_of(read(CONFIG.value), EPOCHS.value)))
    try:
        graph = teacher_of(built.dataset)
        with lock.hold(WORKDIR.value):
            outcome, = alone.train_graph(built, graph, 1)
            if outcome.status != status.OK:
                cli.fail(f'the teacher gives no network: {status.name(outcome.status)}')
            found = teacher.probabilities(built, graph, outcome)
            with files.replacing(path) as file:
                soft_labels.write(file, found, built.dataset)
    except NetworkFileError as error:
        cli.fail(f'{NETWORK.value}: {error}')
    finally:
        built.evaluator.executor.close()
    tables.line(out, f'teacher: validation error {outcome.error:.2%} after '
                     f'{built.settings.train.epochs} epochs')
    tables.line(out, f'written: {path}, for --config.data.soft_labels')


if __name__ == '__main__':
    cli.run(main, FLAGS)
