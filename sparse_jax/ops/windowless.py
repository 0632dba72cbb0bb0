"""The forms of convolutions by operations of XLA that need no windows."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax

from sparse_jax.ops import grouped, tiled
from sparse_jax.ops.operation import Shape


class Products(NamedTuple):
    """Convolutions of one form, of images [C, H, W, B] and windows one pixel apart."""

    one: Callable[[jax.Array, jax.Array, int], jax.Array]
    """As `grouped.product`."""
    both: Callable[
        [jax.Array, jax.Array, jax.Array, int], tuple[jax.Array, jax.Array]]
    """As `grouped.both_products`."""
    elements_read: Callable[[Shape, Shape, int], int]
    """Of one image, copies included: of its shape and that of the result, [C, H, W]
    each, and the window's side."""
    elements_made: Callable[[Shape, Shape, int], int]
    """Of what a kernel becomes, of the same arguments."""
    views: float
    """Copies that a step has of what it reads and writes at most, as XLA plans for 8
    random networks on an H200; see `evaluation.device_memory`."""


FORMS = {
    'grouped': Products(grouped.product, grouped.both_products,
                        lambda image, result, side: math.prod(image),
                        lambda image, result, side: 0, 5.0),
    'tiled': Products(tiled.product, tiled.both_products, tiled.elements_read,
                      tiled.elements_made, 2.5),
}
"""By the names of `lowering.FORMS`."""


def products(conv: str, kernel: jax.Array) -> Products | None:
    """Those that convolve a kernel [..., k, k] in a form; None if the form has windows
    or calls of its own, and for 1x1, a matrix product in every form."""
    return FORMS.get(conv) if kernel.shape[-1] > 1 else None
