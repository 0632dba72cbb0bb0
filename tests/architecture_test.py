"""docs/architecture.md against the code: the functions of its drawing, its packages."""

import ast
import importlib
import inspect
import pathlib
import re

import pytest

from tests.layering_test import LEVELS

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = (ROOT / 'docs' / 'architecture.md').read_text()
DRAWING = PAGE.split('```')[1]
STEPS = re.findall(r'^  \|  ([\w.]+)', DRAWING, re.MULTILINE)
STAGES = re.findall(r'^([\w\[][^|\n]*?) {2,}([\w.]+)', DRAWING, re.MULTILINE)


def _find(path):
    module, name = path.rsplit('.', 1)
    return getattr(importlib.import_module(f'sparse_jax.{module}'), name)


def test_the_drawing_has_a_step_between_all_stages():
    assert len(STAGES) == len(STEPS) + 1 > 10


@pytest.mark.parametrize('number', range(len(STEPS)), ids=STEPS)
def test_a_step_hands_over_what_the_drawing_says(number):
    step = _find(STEPS[number])
    assert callable(step)
    stage, home = STAGES[number + 1]
    names = re.findall(r'[A-Z]\w+', stage)
    result = str(inspect.signature(step).return_annotation)
    module = importlib.import_module(f'sparse_jax.{home}')
    for name in names:
        assert name in result and hasattr(module, name), (stage, result)


@pytest.mark.parametrize('number', range(len(STEPS)), ids=STEPS)
def test_a_step_imports_what_it_hands_over(number):
    module = f'sparse_jax.{STEPS[number].rsplit(".", 1)[0]}'
    home = f'sparse_jax.{STAGES[number + 1][1]}'
    source = importlib.import_module(module).__file__
    imported = {node.module for node in ast.walk(ast.parse(
        pathlib.Path(source).read_text())) if isinstance(node, ast.ImportFrom)}
    parents = {home, home.rsplit('.', 1)[0]}
    assert module == home or imported & parents, (module, home)


def test_the_table_of_packages_is_that_of_the_layering():
    section = PAGE.split('## Packages')[1].split('\n## ')[0]
    rows = re.findall(r'^\| (`[^|]*) \|', section, re.MULTILINE)
    listed = tuple(tuple(re.findall(r'`(\w+)`', row)) for row in rows)
    assert listed == LEVELS
