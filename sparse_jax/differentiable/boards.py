"""Expected costs of a relaxed network on a board, by the fitted cost models.

The models are linear in what the generated code has and does
(`export.cost_model.features`), so their expectations follow from those of `loops`. All
weights are stored; a layer whose windows slide runs the loop over pairs where bytes of
the arena are idle that hold the pairs of one channel, else the loop over stored
weights. Where every decision is made all are those of that network as
`export.cost_model.measure` has them, as far as idle bytes are in one piece; before that
what layers share is a product of expectations. Branches run in the order of `orders`
and are joined in place.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable import orders
from sparse_jax.differentiable.geometry import Geometry
from sparse_jax.differentiable.loops import Loop, loops
from sparse_jax.differentiable.peaks import Count
from sparse_jax.differentiable.sizes import sizes_of
from sparse_jax.differentiable.skips import Skip
from sparse_jax.differentiable.template import (
    PLAIN_POOLS,
    Decisions,
    Template,
    residual_of,
    units_of,
)
from sparse_jax.export.code.c_tables import LAYER_STRUCT_BYTES, REQUANTISED_BYTES
from sparse_jax.export.cost_model.measure import coefficients
from sparse_jax.space.architecture import POOL

Counts = Mapping[str, Count]
"""{feature of a cost model: expected count}."""


class Figures(NamedTuple):
    """Expected costs on a board, [] each; the names are those of
    `export.cost_model.measure.Measurement`."""

    flash: jax.Array
    """Bytes."""
    instructions: jax.Array
    """Of one inference, like the cycles."""
    cycles: jax.Array


def figures(
    sizes: Geometry, choice: Decisions, template: Template, core: str
) -> Figures:
    """Expected flash, instructions and cycles of a relaxed network.

    Args:
      sizes: of its feature maps, see `geometry`.
      choice: shares of every decision.
      template: the family.
      core: of the board; static.
    """
    found = loops(sizes, choice, template)
    run = Loop(*(jnp.stack([jnp.float32(value) for value in column])
                 for column in zip(*found)))
    live, arena = orders.held(run, sizes, choice, template)
    arena = jnp.maximum(arena, _image_bytes(sizes, choice, template))
    there = _kinds(run, arena - live)
    work = [_map_work(sizes, choice, template), *(
        _work_of(run, there[kind], kind) for kind in there)]
    code = _code(run, there, choice, template)
    tables = jnp.sum(run.there * (
        run.weights + REQUANTISED_BYTES * run.channels + LAYER_STRUCT_BYTES))
    fit = coefficients(core)
    of = lambda name: jnp.stack([_linear(fit[name], counts) for counts in work]).sum()
    flash = tables + _linear(fit['code'], code)
    return Figures(flash, of('instructions'), of('cycles'))


def least_flash(core: str) -> float:
    """Bytes of a convolution and a classifier, without their channels."""
    code = coefficients(core)['code']
    return float(_linear(code, {'always': 1.0, 'layers': 2.0, 'many_dense': 1.0})
                 ) + 2 * LAYER_STRUCT_BYTES


def _image_bytes(sizes: Geometry, choice: Decisions, template: Template) -> Count:
    """In use while the image comes: where it is averaged, a row of sums too."""
    first, pairs = sizes.passages[0].source, sizes_of(template)
    if not template.averaged:
        return first.elements
    widths = pairs.image @ np.array([width for _, width in pairs.pairs])
    coarse = np.array(template.rates) > 1
    return first.elements + 2 * first.number * (choice.rate * widths * coarse).sum()


def _kinds(run: Loop, idle: jax.Array) -> dict[str, jax.Array]:
    """{kind: [n] how likely every loop is there and of it}, of idle bytes."""
    fits = (run.pairs > 0) & (idle >= 2 * run.pairs)
    pairs = run.there * jnp.where(fits, 1.0, 0.0)
    return {'unpacked': pairs, 'dense': run.there - pairs}


def _alone(there: jax.Array) -> jax.Array:
    """[n] how likely none of the others is there."""
    same = np.eye(len(there), dtype=bool)
    return jnp.prod(jnp.where(same, 1.0, 1.0 - there), axis=1)


def _work_of(run: Loop, there: jax.Array, kind: str) -> Counts:
    """What the loops of a kind do; that of one that is the only one counts apart."""
    done = {'channels': run.channels, 'outputs': run.outputs}
    if kind == 'dense':
        done |= {'dense_rows': run.rows, 'dense_products': run.products}
    else:
        done |= {'pair_calls': run.calls * (1 - run.doubles),
                 'double_calls': run.calls * run.doubles / 2,
                 'unpacked_weights': run.weights}
    once = _alone(there)
    counts = {f'{name}{tail}': there * share * count for name, count in done.items()
              for tail, share in (('', 1 - once), ('_once', once))}
    if kind == 'unpacked':
        pairs = run.products + run.bridges * run.calls
        counts |= {'pairs': there * pairs * (1 - run.doubles),
                   'double_pairs': there * pairs * run.doubles / 2,
                   'unpacked_pairs': there * run.pairs * run.channels}
    return {name: count.sum() for name, count in (counts | {'layers': there}).items()}


def _map_work(
    sizes: Geometry, choice: Decisions, template: Template
) -> dict[str, Count]:
    """What reads the image and what takes means does, and sums of branches."""
    height, width, channels = template.input_shape
    counts: dict[str, Count] = dict.fromkeys(
        ('means', 'mean_rows', 'averaged', 'sums', 'summands', 'placed'), 0.0)
    counts |= {'inferences': 1.0, 'rows': height, 'pixels': height * width * channels}
    if template.averaged and template.rates[-1] > 1:
        coarse = np.array(template.rates) > 1
        counts['means'] = (choice.rate * coarse).sum() * (
            sizes.passages[0].source.elements)
    table = sizes_of(template)
    high, wide = np.array(table.pairs, np.float32).T
    for k, (end, shares) in enumerate(zip(sizes.ends, choice.pool, strict=True)):
        for p, pool in enumerate(template.pools):
            if pool in PLAIN_POOLS:
                continue
            most = np.inf if pool == 'global' else POOL
            down, across = np.minimum(high, most), np.minimum(wide, most)
            left = table.pool[p] @ table.area
            for name, size in (('means', left), ('mean_rows', left * down),
                               ('averaged', left * down * across)):
                counts[name] += shares[p] * (end.source.table[1] @ size)
        for name, count in _added(end.skip, choice, k, template).items():
            counts[name] += count
    if template.merge == 'Sum':
        # All branches have the same.
        units = units_of(choice, template)[template.branches[0]]
        counts['sums'] += units
        counts['summands'] += len(template.branches) * units
    return counts


def _added(
    skip: Skip | None, choice: Decisions, k: int, template: Template
) -> dict[str, Count]:
    """What the sum of block k does: it adds every pixel that its pool reads."""
    if skip is None:
        return {}
    table, pool = sizes_of(template), template.pools.index('max')
    small = POOL**2 * (table.pool[pool] @ table.area)
    seen = table.area + choice.pool[k, pool] * (small - table.area)
    share = residual_of(choice, k, template)
    read = share * (skip.read @ seen)
    return {'sums': share * (skip.target.table[1] @ seen), 'summands': read,
            'placed': read}


def _code(
    run: Loop, there: Mapping[str, jax.Array], choice: Decisions, template: Template
) -> Counts:
    """What the source contains."""
    plain = choice.squeeze[0] * (choice.rate * (np.array(template.rates) == 1)).sum()
    means = sum(shares[p] for shares in choice.pool
                for p, pool in enumerate(template.pools) if pool not in PLAIN_POOLS)
    added = 2 * jnp.sum(choice.residual[:, 1])
    counts: dict[str, Count] = {
        'always': 1.0, 'layers': jnp.sum(run.there), 'means': means,
        'downsamples': 1.0 - plain, 'placed': added, 'summands':
        added + len(template.branches) * float(template.merge == 'Sum')}
    for kind, here in there.items():
        one, some = (here * _alone(here)).sum(), 1.0 - jnp.prod(1.0 - here)
        counts |= {f'one_{kind}': one, f'many_{kind}': some - one}
        if kind == 'unpacked':
            counts |= {'unpack': some, 'dot': some}
    return counts


def _linear(fit: Mapping[str, float], counts: Counts) -> jax.Array:
    return jnp.asarray(sum(fit[name] * count for name, count in counts.items()
                           if name in fit and fit[name]))
