"""The choices that a table of networks leaves to a search by gradient."""

import dataclasses
import functools
import math

import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.costs import Budgets
from sparse_jax.differentiable.template import (
    KERNELS,
    PLAIN_POOLS,
    PLAIN_STRIDES,
    RATES,
    TYPES,
    WIDTHS,
    Decisions,
    Template,
    half,
    parse,
)
from sparse_jax.space.architecture import WHOLE
from sparse_jax.space.dimensions import Value
from sparse_jax.space.sparse_space import BLOCK_POOLS, MAX_STRIDE, Space

LEAST_CANVAS, FEWEST_MAPS = 12, 4
"""Where a first layer of so few maps is over the working memory, finer images than that
are not relaxed, as long as so many pixels of the shorter side are left: they take most
of the time."""

FREE = Budgets(math.inf, math.inf)
_WITHOUT: dict[str, Value] = {
    'stride': 1, 'pool-type': 'max', 'input-downsampling-type': 'max',
    'residual': False}
"""{row of the extended table: what a network has without it}."""


def of_space(
    space: Space, text: str, widest: int, budgets: Budgets = FREE
) -> Template:
    """The template of a text over the images of a space.

    Strides, types of pools and residual blocks are decisions where the table has rows
    for them; layers have batch norm, and images are down-sampled by means, where it has
    nothing else.

    Args:
      space: the table.
      text: see `template.SYNTAX`.
      widest: the most maps that a layer can have.
      budgets: the most that a network may have; see `LEAST_CANVAS`.

    Raises:
      ValueError: what is allowed.
    """
    blocks, branches, merge = parse(text)
    widths = tuple(n for n in WIDTHS if n <= widest)
    template = Template(space.input_shape, space.num_classes, blocks, branches, merge,
                        widths, space.fold_binary, _finest(space, budgets),
                        not _has(space, 'input-downsampling-type', 'max'))
    numbers = range(1, len(blocks) + 1)
    some = lambda row, value: any(
        _has(space, f'{row}-block-{k}', value) for k in numbers)
    pools = [name for name in BLOCK_POOLS if name in PLAIN_POOLS or (
        some('pool-type', name)
        and (name != 'global' or max(template.canvas) <= WHOLE))]
    strides = [n for n in range(1, MAX_STRIDE + 1)
               if n in PLAIN_STRIDES or some('stride', n)]
    return dataclasses.replace(
        template, pools=('', *pools), strides=tuple(strides),
        norm=not _has(space, 'batch-norm', False), residual=some('residual', True))


@functools.lru_cache(maxsize=64)
def allowed(template: Template, space: Space | None) -> Decisions:
    """Which choices there are, as bool arrays.

    Args:
      template: the family.
      space: the table, whose restrictions hold; None for the whole one. Where it has
        none of a decision's choices all of them are tried: what comes nearest to it is
        taken in the end.
    """
    rows = _rows(template)
    grid = lambda names, values: _some(np.array(
        [[_has(space, name, value) for value in values] for name in names], bool
    ).reshape(-1, len(values)))
    rate = np.array([_has_rate(space, rate) for rate in template.rates])
    colour = template.input_shape[2] > 1
    squeeze = grid(['downsample-input-in-depth'], (False, True))[0] & [True, colour]
    exists = np.ones((len(rows), 2), bool)
    exists[list(template.firsts), 0] = False
    last = len(template.blocks)
    return Decisions(
        _some(rate[None])[0], _some(squeeze[None])[0],
        grid([f'num-filters-{row}' for row in rows], template.widths),
        grid([f'kernel-size-{row}' for row in rows], KERNELS),
        exists,
        _some(np.array([[_has_pool(space, k, pool, k == last)
                         for pool in template.pools] for k in range(1, last + 1)])),
        np.ones((template.sizings, len(template.units)), bool),
        grid([f'stride-block-{k}' for k in range(1, last + 1)], template.strides),
        _reduced(template),
        grid([f'layer-type-{rows[i]}' for i in template.open], tuple(TYPES.values())),
        grid([f'residual-block-{k}' for k in range(1, last + 1) if template.residual],
             (False, True)))


def initial(template: Template) -> Decisions:
    """Logits before training: every choice is as likely."""
    sizes = allowed(template, None)
    return Decisions(*(jnp.zeros(mask.shape, jnp.float32) for mask in sizes))


def _finest(space: Space, budgets: Budgets) -> int:
    """The least rate of down-sampling that is worth its time."""
    finest, (height, width, _) = 1, space.input_shape
    for rate in RATES[1:]:
        rows, columns = height // finest, width // finest
        image, maps = rows * columns, FEWEST_MAPS * (rows - 2) * (columns - 2)
        fits = (image + maps <= budgets.working_memory
                and image <= budgets.working_memory_weights
                and maps + image * (finest > 1) <= budgets.working_memory_without_image)
        if fits or min(height, width) // rate < LEAST_CANVAS or not (
                _has_rate(space, rate)):
            break
        finest = rate
    return finest


def _reduced(template: Template) -> np.ndarray:
    """[D, Q] of the 1x1 convolutions: half of the most maps that each can read."""
    most = [half(template.numbers[-1] if i else template.input_shape[2])
            for i in template.reducing]
    return np.array(template.reduced) <= np.array(most, int)[:, None]


def _has(space: Space | None, name: str, value: Value) -> bool:
    """Whether a row of a space has a value; of one that it lacks, what a network is
    without it. None for the whole table."""
    if space is None:
        return True
    if name not in space:
        return value == _WITHOUT.get(name.partition('-block-')[0], value)
    return space[name].problem(value) is None


def _has_rate(space: Space | None, rate: int) -> bool:
    """Whether a space has a down-sampling of the image."""
    return _has(space, 'downsample-input', rate > 1) and (
        rate == 1 or _has(space, 'input-downsampling-rate', rate))


def _has_pool(space: Space | None, k: int, pool: str, last: bool) -> bool:
    """Whether block k can end in a pool. What reads a single pixel has no window: the
    whole map is pooled at the end alone."""
    if pool == 'global' and not last:
        return False
    return _has(space, f'pool-block-{k}', bool(pool)) and (
        not pool or _has(space, f'pool-type-block-{k}', pool))


def _rows(template: Template) -> list[str]:
    """The tags of the table's rows, one per layer."""
    return [f'block-{k}-layer-{l}' for k, block in enumerate(template.blocks, 1)
            for l in range(1, len(block) + 1)]


def _some(mask: np.ndarray) -> np.ndarray:
    """[N, choices] bool: rows without a choice have all of them."""
    return mask | ~mask.any(axis=1, keepdims=True)
