"""The forms of convolutions by operations of XLA that need no windows."""

from collections.abc import Callable
from typing import NamedTuple

import jax

from sparse_jax.ops import grouped, tiled


class Products(NamedTuple):
    """Convolutions of one form, of images [C, H, W, B] and windows one pixel apart."""

    one: Callable[[jax.Array, jax.Array, int], jax.Array]
    """As `grouped.product`."""
    both: Callable[
        [jax.Array, jax.Array, jax.Array, int], tuple[jax.Array, jax.Array]]
    """As `grouped.both_products`."""


FORMS = {
    'grouped': Products(grouped.product, grouped.both_products),
    'tiled': Products(tiled.product, tiled.both_products),
}
"""By the names of `lowering.FORMS`."""


def products(conv: str, kernel: jax.Array) -> Products | None:
    """Those that convolve a kernel [..., k, k] in a form; None if the form has windows
    or calls of its own, and for 1x1, a matrix product in every form."""
    return FORMS.get(conv) if kernel.shape[-1] > 1 else None
