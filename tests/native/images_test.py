"""The choice of images in one call against gathering and transposing them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.native import images
from sparse_jax.native.images import gathered, take


@pytest.fixture(autouse=True)
def _built():
    if not images.available():
        pytest.skip('no C++ compiler, or none that works')


def _chosen(shape, batch, size, seed=0):
    """Random images, and which ones and which pixels of them are read."""
    rng = np.random.default_rng(seed)
    number, height, width, _ = shape
    return (rng.normal(size=shape).astype(np.float32),
            *(rng.integers(0, most, part).astype(np.int32) for most, part in (
                (number, batch), (height, (batch, size[0])),
                (width, (batch, size[1])))))


@pytest.mark.parametrize('shape, batch, size', [
    ((7, 5, 4, 3), 37, (5, 4)), ((3, 6, 8, 1), 16, (3, 10)), ((9, 1, 1, 50), 5, (1, 1)),
    ((2, 4, 4, 5), 130, (2, 3))])
def test_pixels_are_those_of_a_gather(shape, batch, size):
    chosen = _chosen(shape, batch, size)
    np.testing.assert_array_equal(
        jax.jit(take)(*chosen), np.moveaxis(gathered(*chosen), (-1, 0), (0, -1)))


def test_what_is_outside_is_the_nearest_inside_and_numbers_may_be_wide():
    whole, rows, ys, xs = _chosen((4, 3, 5, 2), 6, (3, 5))
    ours = take(whole, rows - 2, ys + 2, xs - 3)
    inside = gathered(whole, np.maximum(rows - 2, 0), np.minimum(ys + 2, 2),
                      np.maximum(xs - 3, 0))
    np.testing.assert_array_equal(ours, np.moveaxis(inside, (-1, 0), (0, -1)))
    with jax.enable_x64(True):
        wide = take(jnp.asarray(whole), *(p.astype(np.int64) for p in (rows, ys, xs)))
    np.testing.assert_array_equal(wide, take(whole, rows, ys, xs))


def test_vmap_scan_and_the_way_back_are_those_of_a_gather():
    many = [np.stack(part) for part in zip(*(
        _chosen((4, 3, 5, 2), 6, (3, 5), seed) for seed in range(3)))]
    whole, *places = many
    expected = [take(*(part[i] for part in many)) for i in range(3)]
    np.testing.assert_array_equal(jax.vmap(take)(*many), expected)
    np.testing.assert_array_equal(
        jax.lax.map(lambda one: take(whole[0], *one), tuple(places))[0], expected[0])
    pull = jax.random.normal(jax.random.key(0), expected[0].shape)
    first = [part[0] for part in places]
    turned = lambda a: jnp.moveaxis(gathered(a, *first), (-1, 0), (0, -1))
    ours = jax.grad(lambda a: jnp.vdot(pull, take(a, *first)))(whole[0])
    theirs = jax.grad(lambda a: jnp.vdot(pull, turned(a)))(whole[0])
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
