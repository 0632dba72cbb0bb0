"""The table of docs/performance.md holds: kernels and bytes of a step."""

import pathlib

import pytest

from benchmarks import lowering
from sparse_jax.ops.lowering import default_lowering

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOISE = 1.02
"""Versions of JAX write small operations differently."""


def _table():
    """{(form, precision, K, platform): [products, kernels, copies, MB]}."""
    text = (ROOT / 'docs' / 'performance.md').read_text()
    text = text.split('<!-- begin traffic -->')[1].split('<!-- end traffic -->')[0]
    rows = [[cell.strip() for cell in line.split('|')[1:-1]]
            for line in text.splitlines() if line.startswith('| ')][2:]
    return {(form, precision, int(k), platform): [float(cell) for cell in rest]
            for form, precision, k, platform, *rest in rows}


@pytest.mark.parametrize('form, k, precision', [
    ('grouped', 64, 'float32'), ('grouped', 64, 'bfloat16'), ('tiled', 1, 'float32'),
    ('tiled', 64, 'float32'), ('tiled', 64, 'bfloat16')])
def test_no_step_needs_more_than_the_table_says(form, k, precision):
    program = lowering.traced(k, form, precision=precision)
    for platform in lowering.PLATFORMS:
        held = _table()[form, precision, k, platform]
        products, kernels, copies, megabytes = held
        found = lowering.counted(program, platform)
        assert found.products <= products
        assert found.kernels <= NOISE * kernels
        assert found.copies <= copies
        assert 0.5 * megabytes < found.bytes / k / 1e6 <= NOISE * megabytes


def test_where_nothing_was_measured_the_form_that_moves_least_is_taken():
    assert default_lowering('tpu').conv == 'grouped'
    rows = {form: row for (form, precision, k, _), row in _table().items()
            if (precision, k) == ('float32', 64)}
    assert min(rows, key=lambda form: rows[form][-1]) == 'grouped'
    assert rows['grouped'][-1] <= 170
