"""Imports point one way: a package may import lower ranks and itself, never others."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]

LEVELS = (
    ('types', 'status', 'counter_noise', 'host_random', 'factories', 'paths',
     'replacing', 'train_config', 'efforts', 'hashing', 'processor'),
    ('native', 'compiler', 'lowered'),
    ('ops',),
    ('space', 'data'),
    ('model',),
    ('pruning', 'quantize'),
    ('training',),
    ('objectives', 'baselines'),
    ('export',),
    ('surrogate', 'differentiable'),
    ('acquisition',),
    ('settings',),
    ('study',),
    ('sweep',),
    ('evaluation',),
    ('search',),
    ('report', 'comparison', 'logs'),
)
"""From the bottom up; packages of one line know nothing of each other."""
RANKS = {name: rank for rank, level in enumerate(LEVELS) for name in level}


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if node.module == 'sparse_jax':
                yield from (f'sparse_jax.{a.name}' for a in node.names)
            else:
                yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _sources():
    root = ROOT / 'sparse_jax'
    return sorted(p for p in root.rglob('*.py') if p.name != '__init__.py')


def test_every_source_has_a_rank():
    owners = {p.relative_to(ROOT / 'sparse_jax').parts[0].removesuffix('.py')
              for p in _sources()}
    assert owners <= set(RANKS), owners - set(RANKS)


@pytest.mark.parametrize('path', _sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down_the_ranks(path):
    owner = path.relative_to(ROOT / 'sparse_jax').parts[0].removesuffix('.py')
    for module in _imports(path):
        parts = module.split('.')
        if parts[0] in ('launch', 'experiments'):
            raise AssertionError(f'{path} imports {module}')
        if parts[0] != 'sparse_jax' or len(parts) < 2:
            continue
        target = parts[1]
        assert target == owner or RANKS[target] < RANKS[owner], f'{path}: {module}'


WINGS = (
    ('errors', 'labels'),
    ('operations', 'chip'),
    ('code', 'tflite'),
    ('project', 'cost_model'),
)
"""Of `export`, from the bottom up, as LEVELS."""


def test_wings_of_export_import_one_way():
    ranks = {name: rank for rank, level in enumerate(WINGS) for name in level}
    root = ROOT / 'sparse_jax' / 'export'
    for path in root.rglob('*.py'):
        owner = path.relative_to(root).parts[0].removesuffix('.py')
        if owner == '__init__':
            continue
        for module in _imports(path):
            if module.startswith('sparse_jax.export.'):
                target = module.split('.')[2]
                assert target == owner or ranks[target] < ranks[owner], \
                    f'{path}: {module}'


def _users_of(package, roots=('sparse_jax', 'launch', 'experiments')):
    found = set()
    for root in roots:
        for path in (ROOT / root).rglob('*.py'):
            if any(m.split('.')[0] == package for m in _imports(path)):
                found.add(str(path.relative_to(ROOT)))
    return found


def test_fragile_packages_are_imported_in_one_place():
    assert _users_of('gpjax') == {'sparse_jax/surrogate/gp.py'}
    assert _users_of('ray') == {'sparse_jax/evaluation/cluster/crew.py'}
    assert _users_of('tensorflow_datasets') <= {
        'sparse_jax/data/tfds.py', 'sparse_jax/data/tfds_builders.py'}
    assert not _users_of('tensorflow')


@pytest.mark.parametrize('package', [
    'unicorn', 'elftools', 'capstone', 'ziglang', 'tflite', 'flatbuffers'])
def test_measuring_needs_no_tool_of_a_chip(package):
    # Those who need one ask `export.errors.need` for it when they run.
    assert not _users_of(package)


def test_flags_are_read_only_in_launch():
    assert not {p for p in _users_of('absl') if not p.startswith('launch/')}


def test_experiments_are_programs_of_the_library_alone():
    assert not {path for path in _users_of('launch') if path.startswith('experiments/')}
