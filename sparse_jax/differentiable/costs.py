"""Expected costs of a relaxed network, by the counting rules of `objectives.memory`,
and those on a board.

Expectations over independent decisions of (4), the model size, of the
multiply-accumulates and of what every layer holds under each memory model are exact.
The working memory is the maximum of the last over layers; a smooth one lets every layer
near it move. Where every decision is made all are the costs of that network.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable import boards, peaks
from sparse_jax.differentiable.boards import Figures
from sparse_jax.differentiable.geometry import End, Geometry, Passage
from sparse_jax.differentiable.peaks import Count, Peak, Step
from sparse_jax.differentiable.skips import Skip
from sparse_jax.differentiable.template import (
    KERNELS,
    PLAIN_POOLS,
    TYPES,
    Decisions,
    Template,
    maps_of,
    residual_of,
    types_of,
    units_of,
)

SHARPNESS = 20.0
"""Of the smooth maximum, per budget: it exceeds the maximum of n equal layers by
log(n) / 20 of the budget."""
_LAST = 2
"""Behind all parts of any layer."""
_LOOSE = 1e9
"""A budget that no network exceeds, in place of an infinite one."""

Most = jax.Array | np.ndarray | float


class Budgets(NamedTuple):
    """The most that a network may have, [] each, infinite for any: first in elements,
    with the names of `graph_costs.Totals`, then those of `boards.Figures`."""

    model_size: Most
    working_memory: Most
    macs: Most = np.inf
    working_memory_weights: Most = np.inf
    working_memory_without_image: Most = np.inf
    flash: Most = np.inf
    instructions: Most = np.inf
    cycles: Most = np.inf


COUNTED = tuple(name for name in Budgets._fields if name not in Figures._fields)
"""Budgets of what is counted, in elements."""


class Expected(NamedTuple):
    """Expected costs; the names are those of `Budgets`."""

    model_size: jax.Array
    """[] each, but for working memories."""
    working_memory: Peak
    macs: jax.Array
    working_memory_weights: Peak
    working_memory_without_image: Peak
    feasible: jax.Array
    """Probability that every feature map has a pixel."""
    board: Figures | None = None
    """None where no board is asked for."""


class _Part(NamedTuple):
    """A linear operation of a layer."""

    read: jax.Array
    written: jax.Array
    weights: jax.Array


class _Layer(NamedTuple):
    """Of one layer that is there."""

    weights: jax.Array
    macs: jax.Array
    parts: tuple[_Part, ...]


def expected(
    sizes: Geometry, choice: Decisions, template: Template, core: str = ''
) -> Expected:
    """Expected costs of a relaxed network.

    Args:
      sizes: of its feature maps, see `geometry`.
      choice: shares of every decision.
      template: the family.
      core: of the board whose costs there are too; '' for none. Static.
    """
    size, macs, steps = jnp.float32(0), jnp.float32(0), []
    held, block = peaks.outside(sizes, choice, template), 0
    for i, passage in enumerate(sizes.passages):
        there, waits = choice.exists[i, 1], residual_of(choice, block, template)
        wide = maps_of(choice, i, template)
        for kind, share in types_of(choice, i, template):
            layer = _LAYERS[kind](passage.of(kind), choice.kernel[i], wide)
            size += there * share * (layer.weights + wide)
            macs += there * share * layer.macs
            for j, part in enumerate(layer.parts):
                beside = peaks.beside(held, (block, i, j), waits, template)
                steps.append(Step(
                    there * share, *part, part.read + part.written + beside))
        if i + 1 in template.ends:
            end, last = sizes.ends[block], (block, i, _LAST)
            if end.skip is not None:
                beside = peaks.beside(held, last, 1.0, template)
                steps.append(_sum(end.skip, waits, beside))
            beside = peaks.beside(held, last, 0.0, template)
            steps += _pools(end, choice.pool[block], beside, template)
            block += 1
    units = units_of(choice, template)
    dense = peaks.head(sizes.last.elements, units, held, template)
    for layer in dense:
        size += (layer.fan_in + 1.0) * layer.units
        macs += layer.fan_in * layer.units
    memory, weights, without = peaks.peaks(
        [*steps, *(layer.step for layer in dense)])
    return Expected(
        size, memory, macs, weights, without, sizes.last.table[0].sum(),
        boards.figures(sizes, choice, template, core) if core else None)


def smooth_maximum(
    values: jax.Array, shares: jax.Array, sharpness: jax.Array | float
) -> jax.Array:
    """log of the sum of shares * exp(sharpness * values), over the sharpness: at least
    the maximum over the values of share 1, at most log(n) / sharpness more."""
    return jax.nn.logsumexp(values * sharpness, b=shares) / sharpness


def excess(costs: Expected, budgets: Budgets) -> jax.Array:
    """[N] log(cost / budget) of those of `Budgets` whose costs there are; below 0
    within."""
    known = [getattr(costs, name) for name in COUNTED] + list(costs.board or ())
    limits = [jnp.minimum(jnp.float32(b), _LOOSE) for b in budgets[:len(known)]]
    spent = jnp.stack([
        smooth_maximum(*cost, SHARPNESS / limit) if isinstance(cost, Peak) else cost
        for cost, limit in zip(known, limits)])
    return jnp.log(jnp.maximum(spent, 1.0)) - jnp.log(jnp.stack(limits))


def _sum(skip: Skip, share: Count, beside: Count) -> Step:
    """What enters the block is held beside the sum."""
    leaving, written = skip.leaving.elements, skip.target.elements
    return Step(share, skip.entering.elements + leaving, written, 0.0,
                leaving + written + beside)


def _pools(
    end: End, shares: jax.Array, beside: jax.Array | float, template: Template
) -> list[Step]:
    """A mean is a layer of its own, a maximum part of the one before it."""
    source = end.source.elements
    return [Step(shares[p], source, end.written[p], 0.0,
                 source + end.written[p] + beside, pool not in PLAIN_POOLS)
            for p, pool in enumerate(template.pools) if pool]


def _convolution(passage: Passage, kernel: jax.Array, wide: jax.Array) -> _Layer:
    taps, source = kernel * np.square(KERNELS), passage.source
    weights = taps.sum() * source.number * wide
    macs = wide * (taps * passage.windows).sum()
    return _Layer(weights, macs, (
        _Part(source.elements, passage.target.elements, weights),))


def _separable(passage: Passage, kernel: jax.Array, wide: jax.Array) -> _Layer:
    taps, left = kernel * np.square(KERNELS), passage.windows
    maps, middle = passage.source.number, (kernel * left).sum()
    first, second = taps.sum() * maps, maps * wide
    macs = (taps * left).sum() + wide * middle
    return _Layer(first + second, macs, (
        _Part(passage.source.elements, middle, first),
        _Part(middle, passage.target.elements, second)))


def _downsampled(passage: Passage, kernel: jax.Array, wide: jax.Array) -> _Layer:
    reduction = passage.reduction
    assert reduction is not None
    target, taps = reduction.target, kernel * np.square(KERNELS)
    second = taps.sum() * target.number * wide
    macs = wide * (taps * passage.windows).sum()
    return _Layer(reduction.weights + second, reduction.macs + macs, (
        _Part(passage.source.elements, target.elements, reduction.weights),
        _Part(target.elements, passage.target.elements, second)))


_LAYERS = dict(zip(
    TYPES.values(), (_convolution, _separable, _downsampled), strict=True))
