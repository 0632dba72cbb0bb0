"""Recall and confusion as tables of text."""

import numpy as np

from launch import classes, tables

MATRIX = np.array([[3, 1, 0], [2, 2, 0], [0, 0, 0]])


def _text(table, capsys):
    tables.show(tables.console(), table)
    return capsys.readouterr().out.splitlines()


def test_the_worst_class_comes_first(capsys):
    lines = _text(classes.recall_table(MATRIX, ['cat', 'a very long name of a class',
                                                'none']), capsys)
    rows = [line.split() for line in lines if '(' in line or 'none' in line]
    assert rows == [
        ['a', 'very', 'long', 'name', 'of…', '4', '50.0', 'cat', '(2)'],
        ['cat', '4', '75.0', 'a', 'very', 'long', 'name', 'of…', '(1)'], ['none', '0']]
    assert max(map(len, lines)) <= 80


def test_the_matrix_of_few_classes(capsys):
    lines = _text(classes.matrix_table(MATRIX, ['cat', 'dog', 'none']), capsys)
    assert [line.split() for line in lines if line[1:4] in ('cat', 'dog', 'non')] == [
        ['cat', '3', '1', '.'], ['dog', '2', '2', '.'], ['none', '.', '.', '.']]
    assert classes.matrix_table(np.eye(11), list('abcdefghijk')) is None
    wide = classes.matrix_table(1000 * np.ones((10, 10), int), ['n' * 30] * 10)
    assert max(map(len, _text(wide, capsys))) <= 80


def test_many_classes_and_plain_values(capsys):
    names = [str(i) for i in range(62)]
    lines = _text(classes.recall_table(np.eye(62, dtype=int), names), capsys)
    assert any('... 22 more' in line for line in lines)
    assert classes.as_json(MATRIX, ['a', 'b', 'c']) == {
        'names': ['a', 'b', 'c'], 'confusion': MATRIX.tolist(),
        'recall': [0.75, 0.5, None]}
