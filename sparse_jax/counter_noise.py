"""Random numbers addressed by position, so that padding cannot change them.

`jax.random.normal(key, shape)` gives element (c, h, w) another value when the shape is
padded. Here every element is a hash of a seed and of its own index: a network padded
to a wider tier draws the same weights and the same noise on its true part.
"""

import zlib
from typing import Any, cast, overload

import jax
import jax.numpy as jnp
import numpy as np

_GOLDEN = np.uint32(0x9E3779B9)
Strides = tuple[int, ...]
_VARIANCE = 8.0 + 1.0 / 12.0  # of popcount(32 fair bits) plus a uniform on [0, 1)


def seeds(key: jax.Array) -> jax.Array:
    """Key (consumed) -> [2] uint32, the seed of the functions below."""
    return jax.random.bits(key, (2,), jnp.uint32)


def bits(seed: jax.Array, index: jax.Array | np.ndarray) -> jax.Array:
    """Seed [2] uint32, index uint32 of any shape -> uniform uint32 of that shape.

    Two rounds of a multiply-xorshift mixer with full avalanche, the second seed word
    entering between them.
    """
    x = cast(jax.Array, index * _GOLDEN + seed[0])
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) + seed[1]
    x = (x ^ (x >> 16)) * np.uint32(0x846CA68B)
    return x ^ (x >> 16)


@overload
def scramble(x: jax.Array) -> jax.Array: ...


@overload
def scramble(x: np.ndarray) -> np.ndarray: ...


def scramble(x: Any) -> Any:
    """uint32 -> uint32, one to one: neighbours land far from each other."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return x ^ (x >> np.uint32(16))


def host_normal(seed: np.ndarray, index: np.ndarray) -> np.ndarray:
    """`normal` by NumPy: the same numbers but for their last digits."""
    from scipy import special

    words: Any = bits(cast(jax.Array, seed), index)
    uniform = (words >> 8).astype(np.float32) * np.float32(2**-23)
    edge = np.float32(1.0 - 2.0**-24)
    inner = np.clip(uniform - np.float32(1.0 - 2.0**-24), -edge, edge)
    return np.float32(np.sqrt(2.0)) * special.erfinv(inner)


def normal(seed: jax.Array, index: jax.Array | np.ndarray) -> jax.Array:
    """Standard normal values by inversion; for initial weights, drawn once."""
    uniform = (bits(seed, index) >> 8).astype(jnp.float32) * np.float32(2**-23)
    edge = np.float32(1.0 - 2.0**-24)
    inner = jnp.clip(uniform - 1.0 + np.float32(2**-24), -edge, edge)
    return np.float32(np.sqrt(2.0)) * jax.lax.erf_inv(inner)


def fast_normal(seed: jax.Array, index: jax.Array | np.ndarray) -> jax.Array:
    """Nearly normal values without erf_inv; for activation noise, drawn every step.

    Binomial(32, 1/2) smoothed by a uniform: mean 0, variance 1, excess kurtosis -0.06,
    support +-5.8. The uniform comes from a further mix of the same word.
    """
    word = bits(seed, index)
    count = jax.lax.population_count(word).astype(jnp.float32)
    rest = (word * np.uint32(0xC2B2AE35)) ^ (word >> 7)
    smooth = (rest >> 8).astype(jnp.float32) * np.float32(2**-24)
    return (count + smooth - 16.5) * np.float32(1.0 / np.sqrt(_VARIANCE))


def derive(seed: jax.Array, salt: str) -> jax.Array:
    """Seed [2] and a name -> another seed [2]; far cheaper to compile than a split."""
    word = np.uint32(zlib.crc32(salt.encode()))
    return scramble(seed ^ np.array([word, ~word], np.uint32))


def at(seed: jax.Array, number: jax.Array | int) -> jax.Array:
    """Seed [2] and a number [] of a step or an epoch -> another seed [2].

    Far cheaper to compile than a `fold_in`.
    """
    word = scramble(jnp.asarray(number, jnp.uint32) + _GOLDEN)
    return scramble(seed ^ jnp.stack([word, ~word]))


def permutation(seed: jax.Array, count: int) -> jax.Array:
    """Seed [2] -> [count] int32, the numbers 0 .. count - 1 in random order.

    Sorted by a hash that is one to one, so that there are no ties.
    """
    return jnp.argsort(bits(seed, jnp.arange(count, dtype=jnp.uint32)))


def per_row(seed: jax.Array, count: int) -> jax.Array:
    """Seed [2] -> [2, count] seeds; those of the first rows do not depend on count."""
    rows = scramble(np.arange(1, count + 1, dtype=np.uint32))
    return scramble(seed[:, None] ^ np.stack([rows, ~rows]))


@overload
def indices(shape: Strides, strides: Strides) -> jax.Array: ...


@overload
def indices(shape: Strides, strides: Strides, host: bool) -> jax.Array | np.ndarray: ...


def indices(
    shape: Strides, strides: Strides, host: bool = False
) -> jax.Array | np.ndarray:
    """Index of every element of `shape` as if it lay in an array with `strides`.

    Strides are those of the largest array that any padding may give, so that an
    element's index does not depend on the padding. uint32, wraps silently. Computed
    where it is used: as a constant it would be as large as the activations.

    host: by NumPy, nothing is compiled.
    """
    if host:
        lines = np.ogrid[tuple(map(slice, shape))]
        return np.asarray(sum(
            line.astype(np.uint32) * np.uint32(stride % 2**32)
            for line, stride in zip(lines, strides)))
    grid = jnp.zeros((), jnp.uint32)
    for axis, stride in enumerate(strides):
        line = jax.lax.broadcasted_iota(jnp.uint32, shape, axis)
        grid = grid + line * np.uint32(stride % 2**32)
    return grid
