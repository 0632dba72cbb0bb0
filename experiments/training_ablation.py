"""What each part of a training is worth, the network held fixed.

    python -m experiments.training_ablation --cifar10=FILE.npz --chars4k=FILE.npz \
        --mnist=DIR --out=runs/training_ablation.json

Three networks of the table per data set (CIFAR-10 and Chars4K in two groups, MNIST), a
few seeds, validation data alone. Finished trainings are kept in `out` and not repeated.
"""

import dataclasses
import functools
import json
import pathlib
import re
import time
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.paper import command
from sparse_jax import pruning
from sparse_jax.data import Dataset, DataSpec, load
from sparse_jax.evaluation.measure import measure
from sparse_jax.model.skeleton import Candidate, Skeleton, candidate_of
from sparse_jax.ops.lowering import FORMS, default_lowering
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.training import (
    Augment,
    Procedure,
    TrainConfig,
    TrainData,
    initialise,
    prune,
    train,
    train_data,
)
from sparse_jax.training.augment import suited


class Net(NamedTuple):
    """A network of the table: convolutions of (side, maps, whether pooled)."""

    convs: tuple[tuple[int, int, bool], ...]
    rate: int = 1
    grey: bool = False
    units: int = 0


NETS = {
    'cifar10_binary': {
        'b2': Net(((3, 13, True), (2, 40, False)), rate=3),
        'b5': Net(((5, 4, True), (3, 32, True)), rate=2),
        'a1': Net(((5, 8, True), (3, 16, True)), rate=2)},
    'chars4k_binary': {
        'c3': Net(((5, 6, True), (3, 16, True)), grey=True),
        'c10': Net(((3, 4, False),), rate=2, grey=True, units=66),
        'c12': Net(((5, 4, True), (3, 8, False)), grey=True)},
    'mnist': {
        'm1': Net(((3, 8, True), (3, 16, True)), rate=2),
        'm2': Net(((5, 5, True), (3, 12, False)), rate=2),
        'm3': Net(((4, 2, True), (3, 8, True)))},
}
EPOCHS = {'cifar10_binary': 15, 'chars4k_binary': 60, 'mnist': 4}
AUTO = Augment(-1, 'auto')

PLAIN: dict[str, dict[str, Any]] = {
    'as before: rate 0.003, flat then linear': {},
    '+ warm-up 5 %': {'warmup': 0.05},
    '+ fall from the start': {'decay': 1.0},
    '+ fall by a cosine': {'decay': 1.0, 'schedule': 'cosine'},
    '+ weight decay 0.01': {'weight_decay': 0.01},
    '+ batch norm': {'batch_norm': True},
    '+ augmentation': {'augment': AUTO},
    '+ Muon': {'optimizer': 'muon'},
    'rate 0.01': {'rate': 0.01},
    'rate 0.03': {'rate': 0.03},
    'rate 0.01, warm-up': {'rate': 0.01, 'warmup': 0.05},
    'rate 0.03, warm-up': {'rate': 0.03, 'warmup': 0.05},
    'together, rate 0.003': {
        'warmup': 0.05, 'decay': 1.0, 'augment': AUTO, 'batch_norm': True},
    'together, rate 0.01': {'warmup': 0.05, 'decay': 1.0, 'augment': AUTO,
                            'batch_norm': True, 'rate': 0.01},
    'the same, Muon, rate 0.007': {
        'warmup': 0.05, 'decay': 1.0, 'augment': AUTO, 'batch_norm': True,
        'rate': 0.007, 'optimizer': 'muon'},
}
"""Trainings without pruning."""

BAYES: dict[str, dict[str, Any]] = {
    **{f'alpha {a:g}, variances x{v:g}': {'alpha': a, 'variational_rate': v}
       for a, v in ((0.05, 30.0), (0.5, 30.0), (0.05, 10.0), (0.5, 10.0))},
    **{f'share {s:g}, variances travel 30': {'kl_share': s, 'variational_travel': 30.0}
       for s in (0.1, 0.3, 1.0, 3.0, 10.0)},
    **{f'share {s:g}, the same, together, rate 0.01': {
        'kl_share': s, 'variational_travel': 30.0, 'warmup': 0.05, 'rate': 0.01,
        'augment': AUTO, 'batch_norm': True} for s in (0.3, 1.0)},
}
"""With structured pruning."""


def graph_of(net: Net, dataset: Dataset, *, batch_norm: bool) -> Graph:
    """The exact graph of a network."""
    nodes, source = [], 'input'
    for number, (side, maps, pooled) in enumerate(net.convs, 1):
        nodes.append(Node(
            f'conv{number}', 'conv', (source,), maps, side, side,
            batch_norm=batch_norm, pool=2 if pooled else 1))
        source = f'conv{number}'
    if net.units:
        nodes.append(Node('fc', 'dense', (source,), net.units, batch_norm=batch_norm))
        source = 'fc'
    nodes.append(Node('classifier', 'dense', (source,), dataset.num_classes,
                      relu=False))
    return Graph(dataset.input_shape, net.rate, net.grey, tuple(nodes))


def settings_of(graph: Graph, change: dict[str, Any]) -> Candidate:
    """The traced half of a training."""
    return candidate_of(graph, {
        'alpha': change.get('alpha', 0.0), 'kl-share': change.get('kl_share', 0.0),
        'pretraining': change.get('pretraining', True),
        'zero-regularization-epochs': change.get('zero', 20), 'annealing-epochs': 20,
        'learning-rate': change.get('rate', 0.003), 'log-alpha-offset': 0.0})


def config_of(change: dict[str, Any], epochs: int, dataset: Dataset) -> TrainConfig:
    """The static half."""
    fields = {field.name for field in dataclasses.fields(TrainConfig)}
    config = TrainConfig(epochs=epochs, **{
        name: value for name, value in change.items() if name in fields})
    return dataclasses.replace(config, augment=suited(
        config.augment, dataset.name.removesuffix('_binary'), dataset.input_shape))


@functools.cache
def program(procedure: Procedure) -> Any:
    """Compiled training, pruning and measuring of one candidate."""
    @jax.jit
    def run(
        key: jax.Array, candidate: Candidate, training: TrainData,
        validation: TrainData,
    ) -> Any:
        start, noise, order = jax.random.split(key, 3)
        state = initialise(start, candidate, procedure=procedure)
        state, _ = train(noise, state, candidate, training, order,
                         procedure=procedure)
        pruned, folded = prune(state, candidate, procedure=procedure)
        return measure(
            state, candidate, validation, pruned, folded, procedure=procedure)

    return run


def trained(
    net: Net, change: dict[str, Any], method: str, dataset: Dataset, epochs: int,
    seed: int, conv: str,
) -> dict[str, float]:
    """Validation accuracy in percent, bytes that are left, and seconds."""
    graph = graph_of(net, dataset, batch_norm=change.get('batch_norm', False))
    procedure = Procedure(
        Skeleton(graph), pruning.find(method), config_of(change, epochs, dataset),
        conv)
    parts = _parts(dataset)
    begin = time.process_time()
    found = jax.device_get(program(procedure)(
        jax.random.key(seed), settings_of(graph, change), *parts))
    return {'accuracy': 100 * (1 - float(found.error)),
            'model_size': float(found.costs.model_size),
            'seconds': time.process_time() - begin}


@functools.cache
def _parts(dataset: Dataset) -> tuple[TrainData, TrainData]:
    return train_data(dataset.train, dataset), train_data(dataset.validation, dataset)


def report(results: dict[str, dict[str, float]], variants: dict[str, Any],
           method: str, seeds: list[int]) -> str:
    """A Markdown table: means over seeds, one column per network."""
    lines = []
    heads = [f'{task[:5]} {name}' for task, nets in NETS.items() for name in nets]
    lines += [['recipe', *heads], ['---'] * (len(heads) + 1)]
    for variant in variants:
        cells = []
        for task, nets in NETS.items():
            for name in nets:
                rows = [results[key] for seed in seeds if (
                    key := f'{method}/{task}/{name}/{variant}/{seed}') in results]
                cells.append('' if not rows else f'{_mean(rows, "accuracy"):.1f}' + (
                    f' / {_mean(rows, "model_size"):.0f} B' * (method != 'none')))
        lines.append([variant, *cells])
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def _mean(rows: list[dict[str, float]], name: str) -> float:
    return float(np.mean([row[name] for row in rows]))


def main() -> None:
    """Train what is missing and print the tables."""
    parser = command.Parser(__doc__)
    add = parser.add_argument
    add('--mnist', default='', help='folder of the idx files; left out if empty')
    add('--cifar10', default='', help='.npz file; left out if empty')
    add('--chars4k', default='', help='.npz file; left out if empty')
    add('--seeds', default='0,1,2', help='separated by commas')
    add('--conv', default=default_lowering().conv, help=', '.join(FORMS))
    add('--max-train', type=int, default=0, help='training images; 0 for all')
    add('--nets', default='', help='names separated by commas; all if empty')
    add('--only', type=re.compile, default=re.compile(''),
        help='variants that this matches')
    add('--out', type=pathlib.Path, default='runs/training_ablation.json')
    arguments = parser.parse_args()
    cache = pathlib.Path('~/.cache/sparse_jax/xla').expanduser()
    jax.config.update('jax_compilation_cache_dir', str(cache))
    paths = {'cifar10_binary': arguments.cifar10, 'chars4k_binary': arguments.chars4k,
             'mnist': arguments.mnist}
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    seeds = [int(seed) for seed in arguments.seeds.split(',')]
    for task in filter(paths.get, NETS):
        dataset = load(DataSpec(task, paths[task], max_train=arguments.max_train))
        for method, variants in (('none', PLAIN), ('bayes_compress', BAYES)):
            for name, net in NETS[task].items():
                if arguments.nets and name not in arguments.nets.split(','):
                    continue
                for variant, change in variants.items():
                    for seed in seeds:
                        key = f'{method}/{task}/{name}/{variant}/{seed}'
                        if key in results or not arguments.only.search(
                                variant):
                            continue
                        results[key] = trained(
                            net, change, method, dataset, EPOCHS[task], seed,
                            arguments.conv)
                        arguments.out.write_text(json.dumps(results, indent=1))
                        print(key, results[key], flush=True)
    for method, variants in (('none', PLAIN), ('bayes_compress', BAYES)):
        print(f'\n{method}\n\n{report(results, variants, method, seeds)}')


if __name__ == '__main__':
    main()
