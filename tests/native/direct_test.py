"""The direct convolution against sums tap by tap, on random layers."""

import concurrent.futures

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.model import network
from sparse_jax.model.network import SparseNet
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.native import direct
from sparse_jax.ops import Node, lowering
from sparse_jax.space.architecture import Graph
from tests import sampled
from tests.native import direct_reference as reference

EPSILON = 1e-8
SCALE = 0.7


@pytest.fixture(autouse=True)
def _built():
    if not direct.available():
        pytest.skip('no C++ compiler, or none that works')


def _layer(seed):
    """Random (x, mean, variance, low); kernels [C, k, k] where depthwise."""
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 6))
    low = int(rng.integers(1, k + 1))
    maps, outputs = (int(n) for n in rng.choice([1, 2, 3, 5, 8, 13, 16, 17], 2))
    height, width = (int(low + n) for n in rng.integers(0, 9, 2))
    batch = int(rng.choice([1, 2, 7, 16, 31, 32, 64, 130]))
    shape = (maps, k, k) if rng.random() < 0.3 else (outputs, maps, k, k)
    x = rng.normal(size=(maps, height, width, batch))
    draws = x, rng.normal(size=shape), np.square(rng.normal(size=shape))
    return *(a.astype(np.float32) for a in draws), low


def _pull(shape):
    return np.cos(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)


def _address(maps):
    """Seeds of the maps, and strides that wrap."""
    rng = np.random.default_rng(maps)
    return (rng.integers(0, 2**32, (2, maps), dtype=np.uint32),
            (4096 * 28 * 28 + 2**32, 4096 * 28, 4096, 1))


def _assert_close(ours, theirs, tolerance=1e-5):
    """Relative to the largest element: sums of both signs cancel."""
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        most = np.abs(b).max(initial=1e-30)
        np.testing.assert_allclose(a / most, b / most, rtol=0, atol=tolerance)


def _product(x, kernel, pull, low):
    y, back = jax.vjp(lambda x, k: lowering.direct_product(x, k, low), x, kernel)
    return y, *back(pull)


def _draw(x, mean, variance, scale, seeds, pull, low, strides):
    draw = lambda x, mean, variance, scale: lowering.direct_draw(
        x, mean, variance, low, noise_scale=scale, seeds=seeds, strides=strides,
        epsilon=EPSILON)
    y, back = jax.vjp(draw, x, mean, variance, scale)
    return y, *back(pull)


def _together(function, calls):
    """`function` of all arguments, each ending in static ones, as one program."""
    split = [[a for a in call if isinstance(a, np.ndarray)] for call in calls]
    static = [[a for a in call if not isinstance(a, np.ndarray)] for call in calls]
    return sampled.quick_jit(lambda arrays: [
        function(*one, *rest) for one, rest in zip(arrays, static)])(split)


@pytest.mark.parametrize('start', range(0, 110, 22))
def test_products_and_gradients_equal_the_sums_over_taps(start):
    calls, expected = [], []
    for seed in range(start, start + 22):
        x, kernel, _, low = _layer(seed)
        wide = x.astype(np.float64), kernel.astype(np.float64)
        y = reference.product(*wide, low)
        pull = _pull(y.shape)
        calls.append((x, kernel, pull, low))
        expected.append((y, *reference.gradients(*wide, low, pull.astype(np.float64))))
    for ours, theirs in zip(_together(_product, calls), expected, strict=True):
        _assert_close(ours, theirs)


def _expected_draw(x, mean, variance, seeds, pull, low, strides):
    x, mean, variance, pull = (a.astype(np.float64) for a in (x, mean, variance, pull))
    centre = reference.product(x, mean, low)
    root = np.sqrt(reference.product(x**2, variance, low) + EPSILON)
    noise = reference.noise(seeds, strides, centre.shape)
    to_x, to_mean = reference.gradients(x, mean, low, pull)
    to_square, to_variance = reference.gradients(
        x**2, variance, low, pull * SCALE * noise / (2 * root))
    return (centre + SCALE * root * noise, to_x + 2 * x * to_square, to_mean,
            to_variance, np.sum(pull * root * noise))


@pytest.mark.parametrize('start', range(110, 220, 22))
def test_draws_and_gradients_equal_means_plus_noise_of_the_counter(start):
    calls, expected = [], []
    for seed in range(start, start + 22):
        x, mean, variance, low = _layer(seed)
        pull = _pull(reference.product(x, mean, low).shape)
        seeds, strides = _address(len(mean))
        calls.append((x, mean, variance, np.full((), SCALE, np.float32), seeds, pull,
                      low, strides))
        expected.append(_expected_draw(x, mean, variance, seeds, pull, low, strides))
    # The gradient of the scale is of noise computed again: from one layer of each.
    drawn = _together(lambda *a: _draw(*a)[:4], calls)
    drawn[0] = _together(_draw, calls[:1])[0]
    expected[1:] = [theirs[:4] for theirs in expected[1:]]
    for ours, theirs in zip(drawn, expected, strict=True):
        _assert_close(ours, theirs, 2e-5)


def _arguments(members):
    """`members` draws of one odd layer, stacked, with all that `_draw` takes."""
    rng = np.random.default_rng(0)
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)
    seeds = rng.integers(0, 2**32, (members, 2, 5), dtype=np.uint32)
    return (normal(members, 3, 7, 6, 5), normal(members, 5, 3, 3, 3),
            np.square(normal(members, 5, 3, 3, 3)), np.abs(normal(members)), seeds,
            normal(members, 5, 5, 4, 5))


@jax.jit
def _fixed(*arguments):
    x, mean, variance, scale, seeds, pull = arguments
    strides = (4096 * 49, 4096 * 7, 4096, 1)
    return _draw(x, mean, variance, scale, seeds, pull, 3, strides)


def test_vmap_and_scan_give_the_bits_of_single_calls():
    arguments = _arguments(4)
    alone = [_fixed(*(a[i] for a in arguments)) for i in range(4)]
    mapped = jax.vmap(_fixed)(*arguments)
    twice = jax.vmap(jax.vmap(_fixed))(*(a.reshape(2, 2, *a.shape[1:])
                                         for a in arguments))
    scanned = jax.jit(lambda a: jax.lax.map(lambda one: _fixed(*one), a))(arguments)
    for i, leaves in enumerate(alone):
        for own, a, b, c in zip(leaves, mapped, twice, scanned, strict=True):
            for other in (a[i], b[i // 2, i % 2], c[i]):
                np.testing.assert_allclose(own, other, rtol=2e-6, atol=2e-6)
                if own.ndim:
                    np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize('shared', range(6))
def test_vmap_shares_an_operand_that_is_not_mapped(shared):
    arguments = list(_arguments(3))
    arguments[shared] = arguments[shared][0]
    axes = [None if i == shared else 0 for i in range(6)]
    mapped = jax.vmap(_fixed, in_axes=axes)(*arguments)
    for i in range(3):
        alone = _fixed(*(a if i_ == shared else a[i] for i_, a in enumerate(arguments)))
        _assert_close([leaf[i] for leaf in mapped], alone, 1e-6)


def test_batch_and_padding_change_no_bit_of_an_output():
    x, mean, variance, *_ = (a[0] for a in _arguments(1))
    seeds, strides = _address(5)
    seeds = jnp.asarray(seeds)
    one = lambda x, mean, variance: np.asarray(lowering.direct_draw(
        x, mean, variance, 3, noise_scale=SCALE, seeds=seeds, strides=strides,
        epsilon=EPSILON))
    whole = one(x, mean, variance)
    np.testing.assert_array_equal(one(x[..., :2], mean, variance), whole[..., :2])
    more = lambda a, widths: np.pad(a, [(0, n) for n in widths])
    kernels = [more(a, (0, 2, 0, 0)) for a in (mean, variance)]
    np.testing.assert_array_equal(one(more(x, (2, 1, 3, 30)), *kernels)[
        :, :5, :4, :5], whole)


def test_threads_change_no_bit():
    arguments = [a[0] for a in _arguments(1)]
    alone = [np.asarray(leaf) for leaf in _fixed(*arguments)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for leaves in pool.map(lambda _: _fixed(*arguments), range(20)):
            for own, other in zip(alone, leaves, strict=True):
                np.testing.assert_array_equal(own, other)


def _network():
    """A noisy network of every kind of convolution, smaller than its padding."""
    nodes = (
        Node('first', 'conv', ('input',), 5, 4, 2, pool=2),
        Node('each', 'depthwise', ('first',), 5, 3, 2),
        Node('mix', 'conv', ('each',), 7, 1, 1, batch_norm=True),
        Node('classifier', 'dense', ('mix',), 4, relu=False))
    number = jnp.float32
    candidate = Candidate(
        jnp.array([4, 4, 6, 4]), jnp.array([3, 2, 1, 1]), jnp.zeros(4),
        number(0), number(1), number(0), number(5), number(10), number(1e-3))
    return Skeleton(Graph((11, 12, 2), 1, False, nodes)), candidate


def test_a_noisy_network_and_its_gradients_equal_those_of_patches():
    skeleton, candidate = _network()
    variables = network.init(jax.random.key(0), skeleton, candidate)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 11, 12, 9)), jnp.float32)
    noise = {name: {'variance': jnp.full_like(leaf['kernel'], 0.1)}
             for name, leaf in variables['params'].items() if 'kernel' in leaf}

    def loss(trained, how):
        params, noise = trained
        logits, _ = SparseNet(skeleton, how).apply(
            {**variables, 'params': params, 'noise': noise}, candidate, x, train=True,
            seed=np.array([0, 1], np.uint32), mutable=['batch_stats'])
        return jnp.square(logits).mean()

    grad = jax.jit(jax.value_and_grad(loss), static_argnums=1)
    patches, ours = (jax.tree.leaves(grad((variables['params'], noise), how))
                     for how in ('patches', 'direct'))
    _assert_close([np.asarray(leaf) for leaf in ours],
                  [np.asarray(leaf) for leaf in patches], 2e-5)


def test_other_types_are_left_to_the_patches():
    assert direct.supports(jnp.zeros(1, jnp.float32))
    assert not direct.supports(jnp.zeros(1, jnp.bfloat16))
    assert not lowering.uses_direct('patches', jnp.zeros(1, jnp.float32))
