"""The one table of published figures."""

from experiments import mnist_cpu
from sparse_jax.baselines import published


def _found():
    return {(row.set, row.system): row for row in published.everything()
            if not row.is_paper}


def test_rows_are_whole():
    rows = published.everything()
    assert len(rows) == len(set(rows))
    for row in rows:
        name, _, classes = row.set.rpartition('-')
        assert name and classes.isdigit() and row.source, row
        assert row.tables in ('', 'A', 'B', 'C', 'D', 'AB', 'BC', 'ABC'), row
        assert row.accuracy is None or 30 < row.accuracy < 100
        # Each table has its own figures; a row of the paper has the memory of one.
        assert 'A' not in row.tables or row.values or 'not legible' in row.source
        assert ('D' in row.tables) <= bool(row.working_memory_without_image)
        if row.is_paper:
            assert bool(row.working_memory) == (row.tables == 'B')
            assert bool(row.working_memory_weights) == (row.tables == 'C')
            assert bool(row.against) == (row.tables == 'A')
    others = [row for row in rows if not row.is_paper]
    assert len(_found()) == len(others)
    assert all(row.accuracy for row in others)


def test_sizes_are_what_they_count():
    found = _found()
    # 60,000 images of 784 values, labels of ten classes too; 7291 of 256.
    assert found['mnist-2', 'kNN'].model_size == 60_000 * 784 * 4
    assert abs(found['mnist-10', 'kNN'].model_size - 60_000 * 785 * 4) < 100
    assert found['usps-2', 'kNN'].model_size == 7291 * 1024
    # Two outputs and no biases.
    assert round(found['mnist-2', '1-hidden NN'].values / (784 + 2)) == 1000
    # Four bytes a value.
    for row in found.values():
        if row.source.startswith(('Kumar', 'Gupta')) and row.values and (
                'slides' not in row.source):
            assert abs(row.values - row.model_size / 4) <= 0.5, row


def test_kilobytes_as_printed_become_bytes():
    row, = [row for row in published.everything()
            if (row.set, row.tables, row.accuracy) == ('mnist-10', 'B', 95.8)]
    assert (row.model_size, row.working_memory) == mnist_cpu.ROWS['small'][:2]
    assert row.working_memory == round(0.62 * 1024)


def test_every_figure_of_a_data_set_comes_once():
    rows = published.of_data('mnist', '', 10)
    assert [row.accuracy for row in rows] == sorted(
        (row.accuracy for row in rows), reverse=True)
    assert {row.set for row in rows} == {'mnist-10'}
    # One network of the paper is held against ProtoNN and against kNN.
    same = [row for row in rows if row.is_paper and row.values == 476]
    assert [row.against for row in same] == ['ProtoNN']
    assert published.of_data('cifar10_binary', '', 2) == published.of_data(
        'cifar10', '0-4 / 5-9', 2)
    assert not published.of_data('mnist_binary', '', 2)
    assert not published.of_data('nothing', '', 10)
