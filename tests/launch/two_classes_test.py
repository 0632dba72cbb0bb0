"""Two classes: one output unit, and the paper's count of two in one line."""

import json

import jax

from sparse_jax.space import encoding
from sparse_jax.space.sparse_space import sparse_space
from tests.launch import command_line

NODES = {'input_shape': [4, 4, 1], 'nodes': [
    {'name': 'fc', 'op': 'dense', 'inputs': ['input'], 'channels': 3},
    {'name': 'classifier', 'op': 'dense', 'inputs': ['fc', 'input'], 'channels': 2,
     'relu': False}]}


def _describe(capsys, path, *arguments):
    result = command_line.run(capsys, 'describe', f'--network={path}', *arguments)
    assert result.code == 0
    return result.out


def test_describe_gives_both_counts(tmp_path, capsys):
    path = tmp_path / 'net.json'
    path.write_text(json.dumps(NODES))
    hidden = 3 * 16 + 3
    found = json.loads(_describe(capsys, path, '--json'))
    assert found['totals']['model_size'] == hidden + 19 + 1
    assert found['totals']['working_memory'] == 19 + 1
    # A cost has one name in the layers and in the totals.
    for name in ('working_memory', 'working_memory_weights',
                 'working_memory_without_image'):
        assert found['totals'][name] == max(row[name] for row in found['layers'])
    assert not any('alive' in row for row in found['layers'])
    assert found['two_output_units']['model_size'] == hidden + 2 * 19 + 2
    both = json.loads(_describe(
        capsys, path, '--json', '--config.objectives.fold_binary=False'))
    assert both['totals'] == found['two_output_units']
    assert 'two_output_units' not in both
    lines = [line for line in _describe(capsys, path).splitlines() if 'two' in line]
    assert lines == ['two classes are one output unit; model size with two units, as '
                     f'the paper counts: before pruning: {hidden + 40}']


def test_a_point_of_the_table_is_counted_in_the_same_way(tmp_path, capsys):
    path = tmp_path / 'point.json'
    space = sparse_space((8, 8, 1), 3)
    row = encoding.sample(jax.random.key(0), space, 1)[0]
    path.write_text(json.dumps(encoding.active_point(space, row)))
    shape = '--input_shape=8,8,1', '--json'
    two, three = (json.loads(_describe(capsys, path, *shape, f'--num_classes={n}'))
                  for n in (2, 3))
    weights = three['layers'][-1]['weights'] // 3
    assert two['layers'][-1]['weights'] == weights
    assert three['totals']['model_size'] - two['totals']['model_size'] == (
        2 * (weights + 1))
    assert 'two_output_units' not in three
    text = _describe(capsys, path, '--input_shape=8,8,1', '--num_classes=3')
    assert 'output unit' not in text
