"""Direct convolutions of batch-minor activations as XLA custom calls on a CPU.

`convolve` and `noisy_convolve` are pure, may be jitted, vmapped, scanned and
differentiated once in reverse. float32 only; `supports` tells where they can run.
`correlate.h` has the products forward and back to the input, `kernel_gradient.h` those
back to the kernels.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax import counter_noise
from sparse_jax.native import build, calls

CALLS = calls.Family(
    ('correlate', 'input_gradient', 'kernel_gradient',
     'noisy_correlate', 'noisy_input_gradient', 'noisy_kernel_gradient'), build.DIRECT)
available, targets = CALLS.available, CALLS.targets
Strides = tuple[int, ...]


def supports(*arrays: jax.Array) -> bool:
    """Whether the kernels take these arrays here; builds them when first asked.

    True for float32 on a CPU with a C++ compiler.
    """
    return (all(a.dtype == jnp.float32 for a in arrays)
            and jax.default_backend() == 'cpu' and available())


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(x: jax.Array, kernel: jax.Array, low: int) -> jax.Array:
    """Convolution of stride 1, in groups.

    Args:
      x: [C, H, W, B].
      kernel: [O, C / groups, k, k]; groups follow from C. Of a depthwise convolution
        [C, 1, k, k].
      low: the window's smallest true size: x counts as padded at the bottom and at the
        right by k - low zeros. k for a VALID convolution.

    Returns:
      [O, H - low + 1, W - low + 1, B].
    """
    return _product(x, kernel, low)


def _convolve_forward(x: jax.Array, kernel: jax.Array, low: int) -> tuple:
    return convolve(x, kernel, low), (x, kernel)


def _convolve_backward(low: int, residuals: tuple, gradient: jax.Array) -> tuple:
    x, kernel = residuals
    return (_call('input_gradient', x)(gradient, kernel),
            _call('kernel_gradient', kernel)(x, gradient))


convolve.defvjp(_convolve_forward, _convolve_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(5, 6, 7))
def noisy_convolve(
    x: jax.Array, mean: jax.Array, variance: jax.Array, scale: jax.Array,
    seeds: jax.Array, low: int, strides: Strides, epsilon: float,
) -> jax.Array:
    """A draw of a convolution with Gaussian weights, by local reparametrisation.

    convolve(x, mean) + scale * sqrt(convolve(x^2, variance) + epsilon) * noise, in one
    pass over the input (Kingma et al. 2015).

    Args:
      x, mean, variance, low: as for `convolve`; variances are at least 0.
      scale: [] of the noise.
      seeds: [2, O] uint32, one seed per output map (`counter_noise`).
      strides: of the noise's index over [O, H', W', B]; the last one is 1.
      epsilon: keeps the gradient of the root finite.
    """
    return _noisy(x, mean, variance, scale, seeds, low, strides, epsilon)[0]


def _noisy_forward(
    x: jax.Array, mean: jax.Array, variance: jax.Array, scale: jax.Array,
    seeds: jax.Array, low: int, strides: Strides, epsilon: float,
) -> tuple:
    y, slope = _noisy(x, mean, variance, scale, seeds, low, strides, epsilon)
    return y, (x, mean, variance, seeds, slope)


def _noisy_backward(
    low: int, strides: Strides, epsilon: float, residuals: tuple, gradient: jax.Array
) -> tuple:
    x, mean, variance, seeds, slope = residuals
    back = _call('noisy_input_gradient', x)(gradient, slope, x, mean, variance)
    own = _call('noisy_kernel_gradient', mean, variance)(x, gradient, slope)
    # Computed once more, and by the compiler only where somebody asks for it.
    spread = jnp.sqrt(_product(jnp.square(x), variance, low) + epsilon)
    grid = counter_noise.indices(spread.shape, strides)
    noise = counter_noise.fast_normal(seeds.reshape(2, -1, 1, 1, 1), grid)
    return back, *own, jnp.vdot(gradient, spread * noise), None


noisy_convolve.defvjp(_noisy_forward, _noisy_backward)


def _noisy(
    x: jax.Array, mean: jax.Array, variance: jax.Array, scale: jax.Array,
    seeds: jax.Array, low: int, strides: Strides, epsilon: float,
) -> list[jax.Array]:
    """[draw, d draw / d variance of the pre-activation]."""
    out = _output(x, mean, low)
    over = [np.int64(stride % 2**32) for stride in strides[:3]]
    return _call('noisy_correlate', out, out)(
        x, mean, variance, jnp.asarray(scale, x.dtype), seeds, map_stride=over[0],
        row_stride=over[1], column_stride=over[2], epsilon=np.float32(epsilon))


def _product(x: jax.Array, kernel: jax.Array, low: int) -> jax.Array:
    return _call('correlate', _output(x, kernel, low))(x, kernel)


def _output(x: jax.Array, kernel: jax.Array, low: int) -> jax.ShapeDtypeStruct:
    _, height, width, batch = x.shape
    shape = (len(kernel), height - low + 1, width - low + 1, batch)
    return jax.ShapeDtypeStruct(shape, x.dtype)


def _call(
    name: str, *like: jax.Array | jax.ShapeDtypeStruct
) -> Callable[..., Any]:
    """The custom call `name` with results of the shapes of `like`."""
    if not available():
        raise RuntimeError('direct convolutions are not built: ask `supports` first')
    return CALLS.call(name, *like, vmap_method='expand_dims')
