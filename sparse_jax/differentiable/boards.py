"""Expected costs of a relaxed network on a board, by the fitted cost models.

The models are linear in what the generated code has and does
(`export.cost_model.features`), so their expectations follow from those of `loops`. All
weights are stored; a layer whose windows slide runs the loop over pairs where bytes of
the arena are idle that hold the pairs of one channel, else the loop over stored
weights. Where every decision is made all are those of that network as
`export.cost_model.measure` has them, as far as idle bytes are in one piece; before that
what layers share is a product of expectations. Branches are joined in place.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.geometry import Geometry, sizes_of
from sparse_jax.differentiable.loops import Loop, loops
from sparse_jax.differentiable.peaks import Count
from sparse_jax.differentiable.template import PLAIN_POOLS, Decisions, Template
from sparse_jax.export.code.c_tables import LAYER_STRUCT_BYTES, REQUANTISED_BYTES
from sparse_jax.export.cost_model.measure import coefficients
from sparse_jax.space.architecture import POOL

_KINDS = ('unpacked', 'dense')
"""Loops of networks that nothing prunes."""

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
    run = loops(sizes, choice, template)
    shares = dict(zip(_KINDS, _kinds(run, _image_bytes(sizes, choice, template))))
    work = [_map_work(sizes, choice, template), *(
        counts for kind in _KINDS for counts in _work_of(run, shares[kind], kind))]
    code = _code(run, shares, choice, template)
    tables = sum(loop.there * (loop.weights + REQUANTISED_BYTES * loop.channels
                               + LAYER_STRUCT_BYTES) for loop in run)
    fit = coefficients(core)
    of = lambda name: sum(_linear(fit[name], counts) for counts in work)
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


def _kinds(
    run: Sequence[Loop], image: Count
) -> tuple[list[Count], list[Count]]:
    """How likely every loop is there and runs over pairs, and over stored weights."""
    arena = functools.reduce(
        jnp.maximum, (loop.there * loop.live for loop in run), jnp.asarray(image))
    fits = [arena - loop.live >= 2 * loop.pairs if isinstance(loop.pairs, jax.Array)
            else False for loop in run]
    pairs = [loop.there * jnp.where(fit, 1.0, 0.0) for loop, fit in zip(run, fits)]
    return pairs, [loop.there - there for loop, there in zip(run, pairs)]


def _none(there: Sequence[Count]) -> Count:
    """How likely nothing of this is there."""
    return functools.reduce(
        lambda product, one: product * (1.0 - one), there, jnp.float32(1))


def _work_of(
    run: Sequence[Loop], there: Sequence[Count], kind: str
) -> list[dict[str, Count]]:
    """What the loops of a kind do; that of one that is the only one counts apart."""
    found = []
    for i, (loop, here) in enumerate(zip(run, there)):
        once = _none([*there[:i], *there[i + 1:]])
        done = {'channels': loop.channels, 'outputs': loop.outputs}
        if kind == 'dense':
            done |= {'dense_rows': loop.rows, 'dense_products': loop.products}
        else:
            done |= {'pair_calls': loop.calls * (1 - loop.doubles),
                     'double_calls': loop.calls * loop.doubles / 2,
                     'unpacked_weights': loop.weights}
        counts = {f'{name}{tail}': here * share * count for name, count in done.items()
                  for tail, share in (('', 1 - once), ('_once', once))}
        if kind == 'unpacked':
            pairs = loop.products + loop.bridges * loop.calls
            counts |= {'pairs': here * pairs * (1 - loop.doubles),
                       'double_pairs': here * pairs * loop.doubles / 2,
                       'unpacked_pairs': here * loop.pairs * loop.channels}
        found.append(counts | {'layers': here})
    return found


def _map_work(
    sizes: Geometry, choice: Decisions, template: Template
) -> dict[str, Count]:
    """What reads the image and what takes means does, and sums of branches."""
    height, width, channels = template.input_shape
    counts: dict[str, Count] = dict.fromkeys(
        ('means', 'mean_rows', 'averaged', 'sums', 'summands'), 0.0)
    counts |= {'inferences': 1.0, 'rows': height, 'pixels': height * width * channels}
    if template.averaged and template.rates[-1] > 1:
        coarse = np.array(template.rates) > 1
        counts['means'] = (choice.rate * coarse).sum() * (
            sizes.passages[0].source.elements)
    table = sizes_of(template)
    high, wide = np.array(table.pairs, np.float32).T
    for end, shares in zip(sizes.ends, choice.pool, strict=True):
        for p, pool in enumerate(template.pools):
            if pool in PLAIN_POOLS:
                continue
            most = np.inf if pool == 'global' else POOL
            down, across = np.minimum(high, most), np.minimum(wide, most)
            left = table.pool[p] @ table.area
            for name, size in (('means', left), ('mean_rows', left * down),
                               ('averaged', left * down * across)):
                counts[name] += shares[p] * (end.source.table[1] @ size)
    if template.merge == 'Sum':
        units = (choice.units[0] * np.array(template.units)).sum()
        counts |= {'sums': units, 'summands': len(template.branches) * units}
    return counts


def _code(
    run: Sequence[Loop], shares: Mapping[str, Sequence[Count]], choice: Decisions,
    template: Template,
) -> dict[str, Count]:
    """What the source contains."""
    plain = choice.squeeze[0] * (choice.rate * (np.array(template.rates) == 1)).sum()
    means = sum(shares_[p] for shares_ in choice.pool
                for p, pool in enumerate(template.pools) if pool not in PLAIN_POOLS)
    counts: dict[str, Count] = {
        'always': 1.0, 'layers': sum(loop.there for loop in run), 'means': means,
        'downsamples': 1.0 - plain, 'summands':
        len(template.branches) * float(template.merge == 'Sum')}
    for kind, there in shares.items():
        one = sum(here * _none([*there[:i], *there[i + 1:]])
                  for i, here in enumerate(there))
        some = 1.0 - _none(there)
        counts |= {f'one_{kind}': one, f'many_{kind}': some - one}
        if kind == 'unpacked':
            counts |= {'unpack': some, 'dot': some}
    return counts


def _linear(fit: Mapping[str, float], counts: Counts) -> jax.Array:
    return jnp.asarray(sum(fit[name] * count for name, count in counts.items()
                           if name in fit and fit[name]))
