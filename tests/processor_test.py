"""What results depend on of a processor."""

import pytest

from sparse_jax import processor


@pytest.mark.parametrize(('flags', 'widest'), [
    ('fpu sse2 avx avx2 fma', 'AVX2'), ('avx2 avx512f avx512vl', 'AVX-512'),
    ('fp asimd crc32', 'NEON'), ('fpu sse2', '')])
def test_the_widest_vectors_are_named(tmp_path, flags, widest):
    told = tmp_path / 'cpuinfo'
    told.write_text(f'model name\t: some\nflags\t\t: {flags}\n')
    assert processor.vectors(str(told)) == widest


def test_a_machine_that_does_not_tell_has_no_name(tmp_path):
    assert processor.vectors(str(tmp_path / 'none')) == ''
