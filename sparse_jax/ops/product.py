"""The matrix product of all weighted layers, with gradients that no machine changes."""

import jax


@jax.custom_vjp
def product(kernel: jax.Array, view: jax.Array) -> jax.Array:
    """kernel [O, K] @ view [K, N] -> [O, N].

    The derivative is the usual one. Its two products are kept in the form of this one:
    XLA on a CPU leaves products of a transposed left operand to a library whose
    rounding depends on the number of cores. Reverse mode alone, of any order.
    """
    return kernel @ view


def _forward(
    kernel: jax.Array, view: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return kernel @ view, (kernel, view)


def _backward(
    operands: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    kernel, view = operands
    # Barriers keep the transpositions from becoming a part of the products.
    gradient = jax.lax.optimization_barrier(gradient)
    transposed = jax.lax.optimization_barrier(kernel.T)
    # In 64-bit mode a loss may be wider than what it is of.
    return ((gradient @ view.T).astype(kernel.dtype),
            (transposed @ gradient).astype(view.dtype))


product.defvjp(_forward, _backward)
