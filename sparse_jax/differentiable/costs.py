"""Expected costs of a relaxed network, by the counting rules of `objectives.memory`.

Expectations over independent decisions of (4), the model size, of the
multiply-accumulates and of what every layer reads and writes are exact. The working
memory (6) is the maximum of the last over layers; a smooth one lets every layer near
it move. Where every decision is made all are the costs of that network.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.geometry import Geometry, Passage
from sparse_jax.differentiable.template import (
    KERNELS,
    PLAIN_POOLS,
    TYPES,
    Decisions,
    Template,
)

SHARPNESS = 20.0
"""Of the smooth maximum, per budget: it exceeds the maximum of n equal layers by
log(n) / 20 of the budget."""
_LOOSE = 1e9
"""A budget that no network exceeds, in place of an infinite one."""


class Budgets(NamedTuple):
    """The most that a network may have, in elements; [] each, infinite for any."""

    model_size: jax.Array | np.ndarray | float
    working_memory: jax.Array | np.ndarray | float
    macs: jax.Array | np.ndarray | float = np.inf


class Expected(NamedTuple):
    """Expected costs, [] each."""

    model_size: jax.Array
    macs: jax.Array
    memory: jax.Array
    """[M] elements that each layer reads and writes, if it is there."""
    present: jax.Array
    """[M] how likely it is there."""
    feasible: jax.Array
    """Probability that every feature map has a pixel."""


class _Layer(NamedTuple):
    """Of one layer that is there."""

    weights: jax.Array
    macs: jax.Array
    memory: tuple[jax.Array, ...]


def expected(sizes: Geometry, choice: Decisions, template: Template) -> Expected:
    """Expected costs of a relaxed network.

    Args:
      sizes: of its feature maps, see `geometry`.
      choice: shares of every decision.
      template: the family.
    """
    size, macs, memory, present = jnp.float32(0), jnp.float32(0), [], []
    for i, passage in enumerate(sizes.passages):
        there = choice.exists[i, 1]
        wide = (choice.width[i] * np.array(template.widths)).sum()
        layer = _LAYERS[template.layers[i]](passage, choice.kernel[i], wide)
        size += there * (layer.weights + wide)
        macs += there * layer.macs
        memory += layer.memory
        present += [there] * len(layer.memory)
        if i + 1 in template.ends:
            k = template.ends.index(i + 1)
            for p, pool in enumerate(template.pools):
                # A mean is a layer of its own, a maximum part of the one before it.
                if pool not in PLAIN_POOLS:
                    end = sizes.ends[k]
                    memory.append(end.source.elements + end.written[p])
                    present.append(choice.pool[k, p])
    read, classes = sizes.last.elements, template.counted_classes
    if template.head:
        units = (choice.units * np.array(template.units)).sum()
        size, macs = size + (read + 1.0) * units, macs + read * units
        memory.append(read + units)
        read = units
    memory.append(read + classes)
    present += [jnp.float32(1)] * (len(memory) - len(present))
    return Expected(size + (read + 1.0) * classes, macs + read * classes,
                    jnp.stack(memory), jnp.stack(present), sizes.last.table[0].sum())


def smooth_maximum(
    values: jax.Array, shares: jax.Array, sharpness: jax.Array | float
) -> jax.Array:
    """log of the sum of shares * exp(sharpness * values), over the sharpness: at least
    the maximum over the values of share 1, at most log(n) / sharpness more."""
    return jax.nn.logsumexp(values * sharpness, b=shares) / sharpness


def excess(costs: Expected, budgets: Budgets) -> jax.Array:
    """[3] log(cost / budget) of model size, working memory and MACs; below 0 within."""
    limits = [jnp.minimum(jnp.float32(b), _LOOSE) for b in budgets]
    memory = smooth_maximum(costs.memory, costs.present, SHARPNESS / limits[1])
    spent = jnp.stack([costs.model_size, memory, costs.macs])
    return jnp.log(jnp.maximum(spent, 1.0)) - jnp.log(jnp.stack(limits))


def _convolution(passage: Passage, kernel: jax.Array, wide: jax.Array) -> _Layer:
    taps = kernel * np.square(KERNELS)
    weights = taps.sum() * passage.source.number * wide
    macs = wide * (taps * passage.windows).sum()
    return _Layer(weights, macs, (passage.source.elements + passage.target.elements,))


def _separable(passage: Passage, kernel: jax.Array, wide: jax.Array) -> _Layer:
    taps, left = kernel * np.square(KERNELS), passage.windows
    maps, middle = passage.source.number, (kernel * left).sum()
    weights = taps.sum() * maps + maps * wide
    macs = (taps * left).sum() + wide * middle
    return _Layer(weights, macs, (passage.source.elements + middle,
                                  middle + passage.target.elements))


_LAYERS = dict(zip(TYPES.values(), (_convolution, _separable), strict=True))
