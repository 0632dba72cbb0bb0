"""The matrix product of all weighted layers, with gradients that no machine changes."""

import jax
import jax.numpy as jnp


def operand(array: jax.Array, beside: jax.Array) -> jax.Array:
    """What is multiplied with a view: narrowed where the view is bfloat16.

    beside: the view; its type decides that of the products, never that of the sums.
    """
    return array.astype(beside.dtype) if beside.dtype == jnp.bfloat16 else array


def sums(*operands: jax.Array) -> jax.typing.DTypeLike:
    """The type that products of these are added in: float32 at least."""
    return jnp.promote_types(jnp.result_type(*operands), jnp.float32)


@jax.custom_vjp
def product(kernel: jax.Array, view: jax.Array) -> jax.Array:
    """kernel [O, K] @ view [K, N] -> [O, N], float32.

    A view in bfloat16 is multiplied with a kernel rounded to it; the kernel's gradient
    is float32 as the kernel is.

    The derivative is the usual one. Its two products are kept in the form of this one:
    XLA on a CPU leaves products of a transposed left operand to a library whose
    rounding depends on the number of cores. Reverse mode alone, of any order.
    """
    return _multiply(operand(kernel, view), view)


def _forward(
    kernel: jax.Array, view: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _multiply(operand(kernel, view), view), (kernel, view)


def _backward(
    operands: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
    kernel, view = operands
    # Barriers keep the transpositions from becoming a part of the products.
    gradient = jax.lax.optimization_barrier(operand(gradient, view))
    transposed = jax.lax.optimization_barrier(operand(kernel, view).T)
    # In 64-bit mode a loss may be wider than what it is of.
    return (_multiply(gradient, view.T).astype(kernel.dtype),
            _multiply(transposed, gradient).astype(view.dtype))


def _multiply(left: jax.Array, right: jax.Array) -> jax.Array:
    return jnp.matmul(left, right, preferred_element_type=sums(left, right))


product.defvjp(_forward, _backward)
