"""experiments.paper.networks: networks of files as competitors."""

import json

import pytest

from experiments.paper import competitors, networks, published
from sparse_jax import data
from sparse_jax.baselines import rows
from sparse_jax.objectives.graph_costs import graph_totals, layer_rows

TINY = {'input_shape': [8, 8, 1], 'nodes': [
    {'name': 'conv', 'op': 'conv', 'inputs': ['input'], 'channels': 4, 'kernel': 3,
     'pool': 2},
    {'name': 'classifier', 'op': 'dense', 'inputs': ['conv'], 'channels': 10,
     'relu': False}]}


@pytest.fixture
def network(tmp_path):
    """A file of a small network."""
    path = tmp_path / 'tiny.json'
    path.write_text(json.dumps(TINY))
    return str(path)


def test_the_network_of_modc_is_as_published():
    graph = networks.find('modc')
    # 3003 parameters as its authors count them, 12 of them scales.
    assert graph_totals(graph).model_size == 50 + 368 + 803 + 1770 == 2991
    assert [row.inputs + row.outputs for row in layer_rows(graph)] == [
        196 + 720, 720 + 800, 800 + 704, 176 + 10]
    assert graph.downsample_type == 'average'
    known, = [row for row in published.rows('A', 'mnist-10') if row.system == 'MODC']
    assert known.model_size == 2991 + 12


def test_a_known_network_takes_the_form_of_the_data():
    images = data.load(data.DataSpec('digits', classes='0-4/5-9'))
    graph = networks.find('lenet-300-100', images)
    assert graph.input_shape == (8, 8, 1) and graph.nodes[-1].channels == 2
    whole = networks.find('lenet-300-100')
    assert graph.nodes[:-1] == whole.nodes[:-1]
    assert whole.input_shape == (28, 28, 1) and whole.nodes[-1].channels == 10


def test_a_network_becomes_a_row_and_is_trained_once(network, tmp_path, capsys):
    words = [network, '--set=digits', f'--workdir={tmp_path / "run"}', '--epochs=4',
             '--batch-size=32', '--learning-rate=0.01']
    networks.main(words)
    row, = rows.read(tmp_path / 'run')
    assert row.method == 'tiny' and row.tried == 1 and row.seed == 0
    # Four kernels and the classifier on 4 x 3 x 3 inputs, with their biases.
    assert row.values == 40 + 370 and row.one_byte_bytes == 410
    assert row.published_bytes == 4 * 410 and row.validation > 0.5
    # The convolution reads 8 x 8 and writes 4 x 6 x 6.
    assert row.memory['working_memory'] == 64 + 144
    assert row.memory['working_memory_weights'] == 36 + 360
    first = capsys.readouterr().out
    networks.main(words)
    assert capsys.readouterr().out == first and rows.read(tmp_path / 'run') == [row]
    networks.main([*words, '--method=sparse_vd'])
    *_, pruned = rows.read(tmp_path / 'run')
    assert pruned.method == 'tiny+sparse_vd' and 1 <= pruned.tried <= 5
    assert pruned.values <= row.values and pruned.split == row.split
    with pytest.raises(SystemExit) as stop:
        networks.main([*words, '--seed=1'])
    assert stop.value.code == 2 and 'has tiny with' in capsys.readouterr().err


def test_names_of_the_tables():
    for method in ('lenet-5', 'lenet-5+sparse_vd', 'modc'):
        assert method in competitors.NAMES
    systems = {row.system for row in published.rows('A', 'mnist-10')}
    assert {'LeNet + SpVD', 'MODC'} <= systems & set(competitors.NAMES.values())


@pytest.mark.parametrize('words, line', [
    (['none', '--workdir={}'], 'none: No such file'),
    ([str(networks.FOLDER / 'modc.json'), '--workdir={}', '--set=digits'],
     'modc.json: reads 28x28x1 images of 10 classes'),
    (['modc', '--workdir={}', '--epochs=0'], '--epochs=0: allowed'),
    (['modc', '--workdir={}', '--learning-rate=2'], '--learning-rate=2.0: allowed')])
def test_mistakes_are_one_line(tmp_path, capsys, words, line):
    with pytest.raises(SystemExit) as stop:
        networks.main([word.format(tmp_path / 'new') for word in words])
    found = capsys.readouterr()
    assert stop.value.code == 2 and not found.out and not list(tmp_path.iterdir())
    assert line in found.err and found.err.count('\n') == 1
