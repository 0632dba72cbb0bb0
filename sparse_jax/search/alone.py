"""Networks outside of the table, trained as a trial of a search is."""

import os
import pathlib

import jax
import numpy as np

from sparse_jax import data
from sparse_jax.evaluation.exporting import FLOAT_CALIBRATION
from sparse_jax.evaluation.grouping import Group, Member, screen
from sparse_jax.export import ExportData, export_network
from sparse_jax.model.compact import CompactNet
from sparse_jax.model.shrink import shrink
from sparse_jax.model.skeleton import candidate_of, pad
from sparse_jax.search.setup import Setup
from sparse_jax.settings import reading
from sparse_jax.space import network_file
from sparse_jax.space.architecture import Graph
from sparse_jax.space.network_file import NetworkFileError
from sparse_jax.status import OK
from sparse_jax.study import files
from sparse_jax.study.outcome import Outcome, Trial
from sparse_jax.study.records import FILE, StudyError
from sparse_jax.study.weights_file import plain

WEIGHTS, EXPORT = 'weights.npz', 'export'
"""What is written: the posterior and the pruned network, and its C."""


def check_task(graph: Graph, dataset: data.Dataset) -> None:
    """Refuse a network that is not one for these images.

    Raises:
      NetworkFileError: images or classes are others.
    """
    if graph.input_shape != dataset.input_shape:
        raise NetworkFileError(
            f'input_shape: {list(graph.input_shape)} is not allowed with '
            f'{dataset.name!r}; allowed: {list(dataset.input_shape)}')
    classes = graph.nodes[-1].channels
    if classes != dataset.num_classes:
        raise NetworkFileError(
            f'the last node has {classes} channels, not allowed with {dataset.name!r}; '
            f'allowed: {dataset.num_classes}')


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Refuse a folder that holds a study or an earlier training.

    Raises:
      StudyError: it does.
    """
    for name in (FILE, WEIGHTS):
        if (pathlib.Path(folder) / name).exists():
            raise StudyError(f'workdir {os.fspath(folder)!r} holds {name}; allowed: '
                             'another folder')


def train_graph(built: Setup, graph: Graph, starts: int) -> list[Outcome]:
    """Train a network from several random starts.

    Settings of training and pruning are the middles of the rows of the space, which
    `space.restrict` may narrow to one value.

    Args:
      built: the objects of a search; its data, method, executor and budgets count.
      graph: the exact network.
      starts: start k is the training of trial k of a search.

    Returns:
      One outcome per start, in order.
    """
    evaluator, epochs = built.evaluator, built.settings.train.epochs
    skeleton = pad(graph, evaluator.policy)
    candidate = candidate_of(graph, network_file.complete(built.space, {}))
    members = []
    for number in range(starts):
        trial = Trial(number, np.zeros(0), epochs)
        key = jax.random.key_data(jax.random.fold_in(evaluator.root_key, number))
        members.append(Member(trial, graph, candidate, np.asarray(key), None))
    code = screen(graph, evaluator.refuses)
    if code != OK:
        return [Outcome(member.trial, code) for member in members]
    group = Group(skeleton, epochs, tuple(members))
    found = evaluator.executor.run(
        [group], evaluator.finish, lambda phase, members: None)
    outcomes = [outcome for some in found for outcome in some]
    return sorted(outcomes, key=lambda outcome: outcome.trial.number)


def compact_of(built: Setup, graph: Graph, outcome: Outcome) -> CompactNet:
    """The network that a training gave, its weights among them."""
    weights, dataset = outcome.weights, built.dataset
    assert weights is not None
    return shrink(graph, weights.folded, weights.units, mean=dataset.mean,
                  std=dataset.std)


def write(
    folder: str | os.PathLike[str], built: Setup, graph: Graph, outcome: Outcome
) -> None:
    """Write the weights of a training, and the network as C with the test images.

    `launch.verify --out=FOLDER/export` runs it on the emulated board. No test label is
    looked at.

    Raises:
      ExportError: the network does not fit the board, or the folder cannot be written.
    """
    path, dataset = pathlib.Path(folder), built.dataset
    assert outcome.weights is not None
    path.mkdir(parents=True, exist_ok=True)
    with files.replacing(path / WEIGHTS) as file:
        file.write(plain(outcome.weights))
    net = compact_of(built, graph, outcome)
    test = data.load_test(reading.data_spec(built.settings))
    export_network(
        net, ExportData(dataset.train.images[:FLOAT_CALIBRATION], test.images,
                        resized_from=dataset.resized_from,
                        class_names=dataset.class_names),
        reading.board(built.settings), os.fspath(path / EXPORT))
