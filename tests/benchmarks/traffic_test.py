"""Counts of small programs by hand."""

import jax
import jax.numpy as jnp
import pytest

from benchmarks import traffic


def _counts(function, *shapes):
    return traffic.count(jax.jit(function).lower(*(jnp.zeros(s) for s in shapes)))


def test_what_a_product_reads_is_written_once():
    """[4, 3] is read and written by a kernel, and read by two products."""
    def program(x, kernel):
        y = jax.nn.relu(x) * 2.0 + 1.0
        return y @ kernel, y.T @ y

    size, product = 4 * 4 * 3, 4 * (3 * 5 + 4 * 5)
    assert _counts(program, (4, 3), (3, 5)) == traffic.Traffic(
        products=2, kernels=3, copies=0,
        bytes=2 * size + (size + product) + (size + 4 * 9))


def test_a_reduction_computes_what_it_reads():
    assert _counts(lambda x: jnp.sum(jnp.exp(x) * 3.0, 1), (6, 5)) == traffic.Traffic(
        products=0, kernels=1, copies=0, bytes=4 * (30 + 6))


def test_a_slice_reads_its_part():
    """Of the results of a product, [8, 8], two rows; and rows 1 to 3 for the copy."""
    def program(x):
        y = x @ x
        return y[:1] + y[7:], jnp.concatenate([x[1:3], x[2:4]])

    assert _counts(program, (8, 8)) == traffic.Traffic(
        products=1, kernels=3, copies=1,
        bytes=4 * (2 * 64 + (16 + 8) + (32 + 32)))


def test_a_convolution_has_its_operands_as_they_are():
    """A transposed operand is a copy, and what nobody asks for is not counted."""
    def program(x, kernel):
        unused = jnp.exp(x) @ jnp.ones((5, 5))
        del unused
        return jax.lax.conv(x.transpose(1, 0, 2, 3), kernel, (1, 1), 'VALID')

    size, kernel, result = 4 * 2 * 3 * 25, 4 * 4 * 2 * 9, 4 * 3 * 4 * 9
    assert _counts(program, (2, 3, 5, 5), (4, 2, 3, 3)) == traffic.Traffic(
        products=1, kernels=2, copies=0, bytes=2 * size + size + kernel + result)


def test_loops_are_refused():
    with pytest.raises(ValueError, match='stablehlo.while is not allowed'):
        _counts(lambda x: jax.lax.fori_loop(0, 3, lambda _, y: y * 2, x), (2,))
