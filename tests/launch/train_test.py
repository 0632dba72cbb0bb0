"""Network files, trained from the command line."""

import json
import re

import numpy as np
import pytest

from sparse_jax.export.project.folder import read_report
from sparse_jax.search.alone import EXPORT, WEIGHTS
from sparse_jax.study.opened import open_study
from sparse_jax.study.outcome import Trial
from sparse_jax.study.weights_file import unpack
from tests import tiny_study
from tests.launch import command_line

LAYERS = {name: value for name, value in tiny_study.POINT.items()
          if name not in ('zero-regularization-epochs', 'annealing-epochs', 'alpha',
                          'pretraining')}
NODES = {'input_shape': [6, 6, 1], 'nodes': [
    {'name': 'a', 'op': 'dense', 'inputs': ['input'], 'channels': 5},
    {'name': 'classifier', 'op': 'dense', 'inputs': ['a'], 'channels': 3,
     'relu': False}]}


def _train(capsys, folder, network, *more):
    path = folder / 'network.json'
    path.write_text(json.dumps(network))
    settings = {name: value for name, value in tiny_study.overrides().items()
                if not name.startswith('search.')}
    return command_line.run(
        capsys, 'train', f'--network={path}', f'--workdir={folder}/trained', *more,
        *(f'--config.{name}={value}' for name, value in settings.items()))


def test_a_network_of_the_table_becomes_a_study(tmp_path, capsys):
    fixed = '--config.space.restrict=learning-rate=0.004'
    found = _train(capsys, tmp_path, LAYERS, '--repeats=2', '--method=none', fixed)
    assert found.code == 0, found.err
    with open_study(tmp_path / 'trained') as study:
        rows = study.records.rows()
        weights = [study.records.weights(n) for n in (0, 1)]
    assert [row.status for row in rows] == ['ok', 'ok']
    for row in rows:
        shown = {n: v for n, v in LAYERS.items() if n in row.point}
        assert shown.items() <= row.point.items() and len(shown) > 8
        assert row.point['learning-rate'] == 0.004 and row.trial.parent is None
        # 54 + 6 weights of the convolution, whose pool leaves 2x2 of 6 maps.
        assert row.costs.model_size == 60 + 3 * 24 + 3
    kernels = [w.params['block-1-layer-1']['kernel'] for w in weights]
    assert np.abs(kernels[0] - kernels[1]).max() > 1e-3
    lines = found.out.strip().splitlines()
    assert re.match(r"train \S+network\.json in '\S+trained': images of tiny; settings "
                    r'of experiments/digits\.py, as --config names no other file, \d+ '
                    'changed; loading$', lines[0])
    errors = [100 * row.error for row in rows]
    assert lines[-2] == '2 of 2 starts give a network (2 ok)'
    assert lines[-1].startswith(f'validation error {np.mean(errors):.2f}% '
                                f'({min(errors):.2f}% to {max(errors):.2f}%), ')
    # The study is one like others, and goes on without training again.
    found = command_line.run(capsys, 'report', f'--workdir={tmp_path}/trained')
    assert found.code == 0, found.err
    again = _train(capsys, tmp_path, LAYERS, '--repeats=2', '--method=none', fixed)
    assert again.code == 0 and 'continuing: 2 of 2' in again.out
    other = LAYERS | {'num-filters-block-1-layer-1': 5}
    found = _train(capsys, tmp_path, other, '--repeats=2', '--method=none', fixed)
    assert found.code == 2 and 'trainings of another network than' in found.err


def test_a_start_is_a_trial_of_a_search(tmp_path, capsys):
    """The same point, number and seed give the same weights, bit for bit."""
    found = _train(capsys, tmp_path, tiny_study.POINT)
    assert found.code == 0, found.err
    with open_study(tmp_path / 'trained') as study:
        row, weights = study.records.rows()[0], study.records.weights(0)
    built = tiny_study.build()
    trial = Trial(0, row.trial.row, built.settings.train.epochs)
    outcome, = (o for some in built.evaluator.evaluate([trial]) for o in some)
    assert row.error == outcome.error
    assert tiny_study.same_weights(weights, outcome.weights)


def test_a_network_of_nodes_becomes_weights_and_c(tmp_path, capsys):
    found = _train(capsys, tmp_path, NODES, '--method=magnitude', '--repeats=2')
    assert found.code == 0, found.err
    assert 'is no point of the table: no study is made' in found.out
    folder = tmp_path / 'trained'
    weights = unpack((folder / WEIGHTS).read_bytes())
    assert weights.params['a']['kernel'].shape == (5, 36)
    assert 0 < np.count_nonzero(weights.folded['a']['kernel']) < 180
    report = read_report(folder / EXPORT)
    with np.load(folder / EXPORT / 'testset.npz') as tests:
        assert len(tests['images' if 'images' in tests else tests.files[0]]) == 60
    assert report['made_by'] == 'sparse_jax export'
    found = _train(capsys, tmp_path, NODES)
    assert found.code == 2 and f'holds {WEIGHTS}; allowed: another folder' in found.err


@pytest.mark.parametrize('network, line', [
    (LAYERS | {'filters': 3}, "unknown key 'filters'"),
    ({k: v for k, v in LAYERS.items() if k != 'batch-norm'},
     "missing key 'batch-norm'"),
    (NODES | {'input_shape': [5, 6, 1]}, 'input_shape: [5, 6, 1] is not allowed with '
     "'tiny'; allowed: [6, 6, 1]"),
    (NODES | {'nodes': [NODES['nodes'][0], NODES['nodes'][1] | {'channels': 4}]},
     "the last node has 4 channels, not allowed with 'tiny'; allowed: 3"),
    ([3], 'a network is a JSON object')])
def test_a_network_that_does_not_fit_is_one_line(tmp_path, capsys, network, line):
    found = _train(capsys, tmp_path, network)
    assert found.code == 2 and line in found.err
    assert found.err.startswith(f'error: {tmp_path}/network.json: ')
    assert len(found.err.strip().splitlines()) == 1
    assert not (tmp_path / 'trained').exists()


def test_an_unknown_method_is_one_line(tmp_path, capsys):
    found = _train(capsys, tmp_path, LAYERS, '--method=nothing')
    assert found.code == 2 and 'config.pruning.method' in found.err


def test_describe_says_whose_shapes_it_takes(tmp_path, capsys):
    path = tmp_path / 'network.json'
    path.write_text(json.dumps(tiny_study.POINT))
    words = ('describe', f'--network={path}')
    data = tuple(f'--config.data.{name}={tiny_study.overrides()[f"data.{name}"]}'
                 for name in ('name', 'path'))
    found = command_line.run(capsys, *words, *data)
    assert found.code == 0, found.err
    assert found.out.startswith(
        'for 6x6x1 images of 3 classes, those of tiny: settings of '
        'experiments/digits.py, as --config names no other file, 2 changed\n')
    given = command_line.run(capsys, *words, '--input_shape=6,6,1', '--num_classes=3')
    assert given.code == 0 and found.out.endswith(given.out)
    plain = command_line.run(capsys, *words, *data, '--json')
    assert json.loads(plain.out)['layers']
