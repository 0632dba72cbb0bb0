"""How often the generated code does what: the features of the fitted cost models."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sparse_jax.export.code.c_source import Generated
from sparse_jax.export.code.c_tables import strided
from sparse_jax.export.code.layer_kernels import KINDS
from sparse_jax.export.operations import layout
from sparse_jax.export.operations.table import function
from sparse_jax.quantize.quantized import QuantizedNode, kernel_of

_LAYER_WORK = (
    'channels', 'outputs', 'pair_calls', 'double_calls', 'dense_rows',
    'dense_products', 'bitmap_bits', 'bitmap_products', 'gather_products',
    'gather_bits', 'gather_bit_products', 'flat_bits', 'flat_products',
    'unpacked_weights', 'unpacked_mapped')

WORK = (
    'inferences', 'layers', 'pairs', 'double_pairs',
    'unpacked_pairs', 'rows', 'pixels', 'input_values', 'summands', 'sums', 'copied',
    'rescaled', *_LAYER_WORK, *(f'{name}_once' for name in _LAYER_WORK))
"""Counts per inference. The compiler specialises a loop that only one layer uses, so
those layers are counted apart (`_once`)."""

CODE = ('always', 'layers', 'merges', 'summands', 'copied', 'rescaled', 'raised',
        'downsamples', 'left_shifts', 'unpack', 'dot',
        *(f'one_{kind}' for kind in KINDS), *(f'many_{kind}' for kind in KINDS))
"""What adds code; a kernel called once is specialised by the compiler (`one_`)."""


MAP_WORK = ('placed', 'means', 'mean_rows', 'averaged')
"""Counts per inference of adds and average pools, beside their `sums` and `summands`;
fitted to what the rest of a model leaves."""
MAP_CODE = ('placed', 'means')


def work_features(g: Generated, names: Sequence[str] = WORK) -> np.ndarray:
    """[len(names)] counts of one inference, the input rows included."""
    counts = dict.fromkeys((*WORK, *MAP_WORK), 0.0)
    height, width, channels = g.net.input_shape
    counts |= {'inferences': 1, 'rows': height, 'pixels': height * width * channels,
               'input_values': height // g.net.downsample
               * g.net.downsample * (width // g.net.downsample)
               * g.net.shapes['input'][0]}
    if g.net.averages:
        # Their pixels are counted already.
        counts['means'] += np.prod(g.net.shapes['input'])
    for node in g.net.nodes:
        if node.weight is not None:
            _layer_work(g, node, counts)
            continue
        for name, count in function(node).work(g.net, g.plan, node).items():
            counts[name] += count
    return np.array([counts[name] for name in names], np.float64)


def _layer_work(g: Generated, node: QuantizedNode, counts: dict[str, float]) -> None:
    weight = kernel_of(node)
    shape = g.net.shapes[node.name]
    windows = int(np.prod(shape[1:])) if len(shape) == 3 else 1
    rows = weight.reshape(len(weight), -1)
    kinds = [kernel.kind for kernel in g.kernels.values()]
    once = '_once' if kinds.count(g.kernels[node.name].kind) == 1 else ''
    work = {'channels': len(rows), 'outputs': len(rows) * windows,
            **_product_work(g, node, rows, windows)}
    counts['layers'] += 1
    for name, count in work.items():
        counts[name + once * (name in _LAYER_WORK)] += count


def _product_work(
    g: Generated, node: QuantizedNode, rows: np.ndarray, windows: int
) -> Mapping[str, float]:
    kernel, encoded = g.kernels[node.name], g.encoded[node.name]
    positions = windows * node.pool**2
    kept = int(np.count_nonzero(rows))
    if kernel.kind == 'dense':
        # A window is read in runs of its columns.
        runs = rows.shape[1] // layout(node).extents(g.net, node).columns
        return {'dense_rows': positions * len(rows) * runs,
                'dense_products': positions * rows.size}
    if kernel.kind == 'gather':
        return {'gather_products': positions * rows.size}
    if kernel.kind == 'gather_bitmap':
        return {'gather_bits': rows.size, 'gather_bit_products': kept}
    if kernel.kind == 'flat':
        return {'flat_bits': rows.size, 'flat_products': kept}
    if kernel.kind == 'bitmap':
        return {'bitmap_bits': positions * rows.size,
                'bitmap_products': positions * kept}
    pairs = g.pairs[node.name]
    # With strides no two windows are read at once.
    doubles = 0 if strided(g.net) else windows * node.pool * (node.pool // 2)
    singles = positions - 2 * doubles
    work = {'double_calls': len(rows) * doubles, 'double_pairs': pairs * doubles,
            'pair_calls': len(rows) * singles, 'pairs': pairs * singles}
    if kernel.scratch is not None:
        work |= {'unpacked_weights': rows.size, 'unpacked_pairs': pairs,
                 'unpacked_mapped': rows.size * (encoded.format == 'bitmap')}
    return work


def code_features(g: Generated, names: Sequence[str] = CODE) -> np.ndarray:
    """[len(names)] what the source contains."""
    counts = dict.fromkeys((*CODE, *MAP_CODE), 0.0)
    kinds = [kernel.kind for kernel in g.kernels.values()]
    for kind in set(kinds):
        counts[f'{"one" if kinds.count(kind) == 1 else "many"}_{kind}'] = 1
    used = set(kinds)
    counts |= {'always': 1, 'layers': len(kinds), 'unpack': 'unpacked' in used,
               'dot': bool(used & {'gap', 'unpacked'}),
               'downsamples': g.net.downsample > 1 or g.net.squeeze_depth,
               'left_shifts': 'if (shift > 0)' in g.source}
    for node in g.net.nodes:
        if node.weight is None:
            counts['merges'] += 1
            for name, count in function(node).code(g.net, g.plan, node).items():
                counts[name] += count
    return np.array([counts[name] for name in names], np.float64)


@dataclasses.dataclass(frozen=True)
class FeatureSet:
    """What a cost model is linear in."""

    names: tuple[str, ...]
    of_maps: tuple[str, ...]
    """Those of adds and average pools, which are fitted last."""
    count: Callable[[Generated, Sequence[str]], np.ndarray]


WORK_FEATURES = FeatureSet(WORK, MAP_WORK, work_features)
CODE_FEATURES = FeatureSet(CODE, MAP_CODE, code_features)
