"""The benchmark of accelerators, on a CPU."""

import pytest

from benchmarks import throughput
from sparse_jax.ops.lowering import Lowering


def test_halves_are_pooled_where_the_image_is_large_enough():
    pools = lambda *network: [node.pool for node in throughput.graph(*network).nodes]
    assert pools(8) == [2, 1, 1] and pools(28) == [2, 2, 1]
    assert pools(28, throughput.WIDTHS[4]) == [1, 2, 1, 2, 1]


@pytest.mark.slow
def test_rates_of_candidates_together_and_one_by_one():
    table = throughput.measure(
        [8], [1, 2], Lowering('patches', 'vmap'), seconds=0.1, rounds=2, workers=1,
        layers=2, precision='float32')
    rows = [line.split('|')[1:-1] for line in table.splitlines()[2:]]
    assert [row[2].strip() for row in rows] == ['1', '2']
    assert all(float(row[3].split('(')[0]) > 0 for row in rows)
