"""Limits that keep the code readable, and the names of operations in their tables."""

import ast
import pathlib

import pytest

from sparse_jax import ops

ROOT = pathlib.Path(__file__).resolve().parents[1]
MOST_LINES, MOST_ARGUMENTS, MOST_STATEMENTS = 320, 8, 60
TABLES = ('sparse_jax/ops/', 'sparse_jax/quantize/operations/',
          'sparse_jax/export/operations/')
"""Where an operation is named because it is described."""
_FORMAT = "'dense' is a format of stored weights"
NAMING = {
    'sparse_jax/space/architecture.py': 'the table of the paper in operations',
    'sparse_jax/space/layer_types.py': 'the layers of the paper in operations',
    'sparse_jax/objectives/structure.py': 'kinds of layers are features of a network',
    'sparse_jax/space/sides.py': 'asks the table how an average pool shrinks a map',
    'sparse_jax/space/graph_file.py': 'a network ends in one dense classifier',
    'sparse_jax/search/teacher.py': 'the network of a teacher',
    'sparse_jax/evaluation/own_goals.py': 'a small network to call own goals on',
    'sparse_jax/quantize/random_nets.py': 'draws networks of all operations',
    'sparse_jax/export/code/formats.py': _FORMAT,
    'sparse_jax/export/code/kernel_choice.py': _FORMAT,
    'sparse_jax/export/code/layer_kernels.py': _FORMAT,
    'sparse_jax/export/cost_model/features.py': _FORMAT,
    'sparse_jax/export/project/ledger.py': _FORMAT,
    'sparse_jax/export/project/report_text.py': _FORMAT,
    'launch/export.py': _FORMAT,
    'sparse_jax/differentiable/boards.py': _FORMAT,
}
"""All other files that may name one, each with its reason."""


def _files(*folders):
    return [path for folder in folders
            for path in sorted((ROOT / folder).rglob('*.py'))]


def _name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    'path', _files('sparse_jax', 'launch', 'experiments'), ids=_name)
def test_files_and_functions_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES, path
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            count = len([*given.posonlyargs, *given.args, *given.kwonlyargs])
            assert count <= MOST_ARGUMENTS, node.name
            inside = sum(isinstance(part, ast.stmt) for part in ast.walk(node)) - 1
            assert inside <= MOST_STATEMENTS, node.name


def _strings(tree):
    """All string constants of a module but its documentation."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {node.value for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            and id(node) not in told}


def test_operations_are_named_in_their_tables():
    naming = {_name(path) for path in _files('sparse_jax', 'launch')
              if _strings(ast.parse(path.read_text())) & set(ops.OPERATIONS)}
    assert {name for name in naming if not name.startswith(TABLES)} == set(NAMING)


@pytest.mark.parametrize('path', _files('sparse_jax', 'launch'), ids=_name)
def test_every_function_is_annotated(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        where, given = f'{path}:{node.lineno}', node.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs,
                     *filter(None, (given.vararg, given.kwarg))]
        bare = [a.arg for a in arguments if a.annotation is None]
        assert not set(bare) - {'self', 'cls'}, where
        assert node.returns is not None or node.name == '__init__', where
