"""How convolutions and candidate batches are mapped to a device: one policy.

Activations are batch-minor, [C, H, W, B], inside the network. On a CPU a convolution
is then one [O, C k k] x [C k k, H W B] product over stacked shifted views, several
times faster than the native one. On a CPU with a C++ compiler 'direct' needs no views:
each tap adds a shifted run of the input. On accelerators memory traffic binds: GPUs
take 'tiled', products of tiles, other ones 'grouped', all candidates in one
convolution.
"""

import dataclasses
import functools
import logging

import jax
import jax.numpy as jnp

from sparse_jax.native import build, direct, images
from sparse_jax.native import norm as norms
from sparse_jax.native import pool as pools
from sparse_jax.ops.product import operand, product, sums
from sparse_jax.ops.size import Size

FORMS = ('direct-norm', 'direct', 'patches', 'native', 'grouped', 'tiled')
"""Of convolutions, see `Lowering.conv`."""
DIRECT = ('direct-norm', 'direct')
"""Those that call `native`."""


@dataclasses.dataclass(frozen=True)
class Lowering:
    """Choices that change speed, never results beyond rounding; a study keeps its own.

    conv: 'patches' (views + matrix product), 'native' (lax convolution), 'grouped'
      (`ops.grouped`, lax convolutions in groups), 'tiled' (`ops.tiled`, products of
      tiles), 'direct' (`native.direct`, on a CPU
      with a C++ compiler) or 'direct-norm' (the same and, in training, `native.norm`).
    mapping: 'map' (one candidate after another) or 'vmap' (all at once).
    """

    conv: str = 'patches'
    mapping: str = 'map'


def default_lowering(backend: str | None = None, *, prunes: bool = True) -> Lowering:
    """The choice for a backend ('cpu', 'gpu', 'tpu'); this one by default. Measured on
    CPUs and GPUs; elsewhere counted (`benchmarks.lowering`).

    prunes: whether trainings do. Those that do keep the batch norm of XLA, under which
      seeds have the numbers that they had.
    """
    backend = backend or jax.default_backend()
    if backend != 'cpu':
        return Lowering('tiled' if backend == 'gpu' else 'grouped', 'vmap')
    if not direct.available():
        return Lowering('patches', 'map')
    return Lowering('direct' if prunes else 'direct-norm', 'map')


def chosen(
    conv: str = 'auto', mapping: str = 'auto', *, prunes: bool = True
) -> Lowering:
    """What the settings `runtime.conv` and `runtime.mapping` mean on this machine.

    Direct convolutions where they do not run are patches, after one line of warning.
    """
    default = default_lowering(prunes=prunes)
    if conv in DIRECT and not runs_here(conv):
        if jax.default_backend() != 'cpu':
            logging.getLogger(__name__).warning(
                'direct convolutions run on a CPU alone, patches are used')
        conv = 'patches'
    return Lowering(default.conv if conv == 'auto' else conv,
                    default.mapping if mapping == 'auto' else mapping)


def precision_note(lowering: Lowering, precision: str) -> str:
    """One line where a precision of training has another form of convolutions than the
    lowering says; '' where it has that one."""
    if lowering.conv not in DIRECT or precision == 'float32':
        return ''
    return (f'train.precision {precision!r}: direct convolutions are float32 alone, '
            'training steps use patches')


def runs_here(conv: str) -> bool:
    """Whether this form of convolutions can be had in this process."""
    return conv not in DIRECT or (jax.default_backend() == 'cpu' and direct.available())


def kernels(conv: str) -> str:
    """Digest of the C++ sources that a form of convolutions calls; '' for none."""
    if conv not in DIRECT:
        return ''
    return build.digest(build.DIRECT + build.POOL if conv == 'direct' else ())


def targets(conv: str) -> tuple[str, ...]:
    """Custom calls that programs of a form may have, known to XLA from now on."""
    if conv not in DIRECT:
        return ()
    found = direct.targets() + images.targets() + pools.targets()
    return found + (norms.targets() if conv == 'direct-norm' else ())


def conv_view(x: jax.Array, k: int, low: int, conv: str) -> jax.Array:
    """What a VALID convolution multiplies: [C, k*k, H', W', B] shifted views of x
    [C, H, W, B], or x itself; H' = H - low + 1.

    The window's true size may be as small as `low`: bottom and right are padded with
    zeros by k - low, so a kernel held in the window's top-left corner sees exactly its
    own VALID positions. Products with several kernels share the views, and their
    gradients are moved back once; squared views are the views of squares.
    """
    x = padded(x, k - low)
    return x if k == 1 or conv == 'native' else _windows(x, k)


def conv_product(view: jax.Array, kernel: jax.Array) -> jax.Array:
    """`conv_view` of an input times a kernel [O, C, k, k] -> [O, H', W', B]."""
    out, _, k, _ = kernel.shape
    if view.ndim == 4 and k > 1:
        return jax.lax.conv_general_dilated(
            view, kernel, (1, 1), 'VALID', dimension_numbers=('CHWN', 'OIHW', 'CHWN'))
    flat = kernel.reshape(out, -1)
    columns = view.reshape(flat.shape[1], -1)
    return product(flat, columns).reshape(out, *view.shape[-3:])


def depthwise_view(x: jax.Array, k: int, low: int) -> jax.Array:
    """What a convolution of each map with its own window multiplies."""
    return _windows(padded(x, k - low), k)


def depthwise_product(view: jax.Array, kernel: jax.Array) -> jax.Array:
    """`depthwise_view` of an input times a kernel [C, k, k] -> [C, H', W', B]."""
    k = kernel.shape[-1]
    kernel = operand(kernel.reshape(-1, k * k), view)
    return jnp.einsum('ckhwb,ck->chwb', view, kernel,
                      preferred_element_type=sums(view, kernel))


def uses_direct(conv: str, *arrays: jax.Array) -> bool:
    """Whether these arrays are convolved by `direct_product` and `direct_draw`."""
    return conv in DIRECT and direct.supports(*arrays)


def takes_images(conv: str, whole: jax.Array) -> bool:
    """Whether the images of a step are chosen by `native.images`."""
    return uses_direct(conv, whole) and images.available()


def direct_product(x: jax.Array, kernel: jax.Array, low: int) -> jax.Array:
    """`conv_product` or `depthwise_product` of a view of x, without the view."""
    return direct.convolve(x, _grouped(kernel), low)


def direct_draw(
    x: jax.Array, mean: jax.Array, variance: jax.Array, low: int, *,
    noise_scale: jax.Array | float, seeds: jax.Array, strides: tuple[int, ...],
    epsilon: float,
) -> jax.Array:
    """The product with `mean` plus noise of the product of squares with `variance`.

    Args:
      x, mean, variance: as for `direct_product`, twice.
      noise_scale: [] factor of the noise.
      seeds, strides: address the noise, as in `direct.noisy_convolve`.
      epsilon: added to the variance of a pre-activation.
    """
    return direct.noisy_convolve(
        x, _grouped(mean), _grouped(variance), jnp.asarray(noise_scale, x.dtype), seeds,
        low, strides, epsilon)


def uses_norm(conv: str, *arrays: jax.Array) -> bool:
    """Whether a batch norm of these arrays is one call of `norm` in training."""
    return conv == 'direct-norm' and direct.supports(*arrays) and norms.available()


def norm(
    x: jax.Array, line: tuple[jax.Array, jax.Array], running: norms.Moments, *,
    size: Size, relu: bool, pool: int, epsilon: float, keep: float,
) -> tuple[jax.Array, norms.Moments]:
    """`native.norm.normalise` of maps [C, H, W, B], which a pool makes smaller, or of
    units [U, B]."""
    settings = norms.Settings(epsilon, keep, relu, pool)
    if x.ndim == 4:
        return norms.normalise(x, size, line, running, settings)
    y, moments = norms.normalise(x[:, None, None], size, line, running, settings)
    return y[:, 0, 0], moments


def relu_pool(x: jax.Array, size: int, *, relu: bool, conv: str) -> jax.Array:
    """x [C, H, W, B] or [U, B] after a ReLU, if there is one, and `max_pool`, if `size`
    is more than 1."""
    if size > 1 and uses_direct(conv, x) and pools.available():
        return pools.max_pool(x, size, relu)
    x = jax.nn.relu(x) if relu else x
    return max_pool(x, size) if size > 1 else x


def max_pool(x: jax.Array, size: int) -> jax.Array:
    """size x size / size VALID maximum over [C, H, W, B].

    Pairwise: the gradient of a max-reduction divides by the number of maxima, counted
    on recomputed values, and is NaN where the compiler rounds those differently.
    """
    channels, height, width, batch = x.shape
    height, width = height // size, width // size
    x = x[:, : height * size, : width * size]
    x = x.reshape(channels, height, size, width, size, batch)
    return functools.reduce(jnp.maximum, (
        x[:, :, i, :, j] for i in range(size) for j in range(size)))


def padded(x: jax.Array, amount: int) -> jax.Array:
    """x [C, H, W, B] with so many rows and columns of zeros below and to the right."""
    return jnp.pad(x, ((0, 0), (0, amount), (0, amount), (0, 0))) if amount else x


def _grouped(kernel: jax.Array) -> jax.Array:
    """[C, k, k] of a depthwise convolution -> [C, 1, k, k]; others as they are."""
    return kernel[:, None] if kernel.ndim == 3 else kernel


def _windows(x: jax.Array, k: int) -> jax.Array:
    """[C, H, W, B] -> [C, k*k, H-k+1, W-k+1, B].

    Shifted rows first, then shifted columns of those: 2 k views to compile, forward
    and backward, in place of k * k, in the same time per step.
    """
    height, width = x.shape[1] - k + 1, x.shape[2] - k + 1
    rows = jnp.stack([x[:, i:i + height] for i in range(k)], axis=1)
    views = jnp.stack([rows[:, :, :, j:j + width] for j in range(k)], axis=2)
    return views.reshape(x.shape[0], k * k, height, width, x.shape[3])
