"""The table of docs/performance.md holds: kernels and bytes of a step."""

import pathlib

import pytest

from benchmarks import lowering

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOISE = 1.02
"""Versions of JAX write small operations differently."""


def _table():
    """{(form, K, platform): [products, kernels, copies, MB]} as it is printed."""
    text = (ROOT / 'docs' / 'performance.md').read_text()
    text = text.split('<!-- begin traffic -->')[1].split('<!-- end traffic -->')[0]
    rows = [[cell.strip() for cell in line.split('|')[1:-1]]
            for line in text.splitlines() if line.startswith('| ')][2:]
    return {(form, int(k), platform): [float(cell) for cell in rest]
            for form, k, platform, *rest in rows}


@pytest.mark.parametrize('k', [1, 64])
def test_no_step_needs_more_than_the_table_says(k):
    program = lowering.traced(k, 'grouped')
    for platform in lowering.PLATFORMS:
        products, kernels, copies, megabytes = _table()['grouped', k, platform]
        found = lowering.counted(program, platform)
        assert found.products <= products
        assert found.kernels <= NOISE * kernels
        assert found.copies <= copies
        assert 0.5 * megabytes < found.bytes / k / 1e6 <= NOISE * megabytes


def test_accelerators_take_the_form_that_moves_least():
    rows = {form: row for (form, k, _), row in _table().items() if k == 64}
    assert min(rows, key=lambda form: rows[form][-1]) == 'grouped'
    assert rows['grouped'][-1] <= 170
