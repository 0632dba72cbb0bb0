"""Memory of a training program on a device: predicted before compiling, then read off
the compiled program."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

from sparse_jax import ops
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.ops import Node, folding, windowless
from sparse_jax.ops.lowering import DIRECT
from sparse_jax.ops.operation import Shape, Shapes
from sparse_jax.space.architecture import output_shape

SAFE = 0.9
"""Share of a device's memory that programs may plan with."""
VIEW, OUTPUT, WEIGHT, MADE = 7.2, 2.0, 4.0, 8.0
"""Copies of a step's activations, of a candidate's weights and of what kernels become;
see `per_candidate`. Without windows `windowless.Products.views` is for `VIEW`, and
`DIRECT_VIEW` is for direct convolutions."""
DIRECT_VIEW = 2.2


def limit(gibibytes: float = 0.0) -> int | None:
    """Bytes that programs may use on one device; None if nothing says.

    gibibytes: the user's own limit; 0 takes what the device reports.
    """
    if gibibytes:
        return int(gibibytes * 2**30)
    reported = jax.local_devices()[0].memory_stats() or {}
    most = reported.get('bytes_limit')
    return None if most is None else int(SAFE * most)


def ran_out(error: RuntimeError) -> bool:
    """Whether an error says that a device's memory did not suffice."""
    return 'RESOURCE_EXHAUSTED' in str(error)


def tree_bytes(tree: Any) -> int:
    """Bytes of all numeric arrays of a tree (concrete or abstract)."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize
               for leaf in jax.tree.leaves(tree)
               if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def of_data(shared: Any) -> int:
    """Predicted bytes of the images of a search: as they are, and once more as a
    program prepares them for its skeleton."""
    return 2 * tree_bytes(shared)


def per_candidate(
    skeleton: Skeleton, weights: Any, *, batch_size: int, conv: str
) -> int:
    """Predicted bytes that training one candidate takes while others run beside it.

    Linear in the elements that a step's backward pass keeps, with coefficients that
    make it an upper bound of what the compiler needed for random networks
    (`benchmarks.memory`): of two errors, fewer slots than possible is the cheaper one.
    """
    views, outputs = activation_elements(skeleton, conv)
    form = windowless.FORMS.get(conv)
    copies = DIRECT_VIEW if conv in DIRECT else VIEW if form is None else form.views
    activations = 4 * batch_size * (copies * views + OUTPUT * outputs)
    made = 4 * MADE * elements_made(skeleton, conv)
    return int(activations + WEIGHT * tree_bytes(weights) + made)


def activation_elements(skeleton: Skeleton, conv: str) -> tuple[int, int]:
    """Elements of one image that layers with weights read, and that layers write,
    padding included.

    A convolution reads its input once per tap; in the form 'grouped' (`ops.lowering`)
    it and its squares, and both products are as good as read again; in the form 'tiled'
    each as often as tiles copy it. Direct convolutions have no windows: what a layer
    reads and what it writes is kept, once.
    """
    shapes = skeleton.graph.shapes()
    views = outputs = 0
    for node in skeleton.graph.layers:
        outputs += math.prod(output_shape(node, shapes))
        weights = ops.find(node.op).weights
        if weights is None:
            continue
        if conv in DIRECT:
            read = sum(math.prod(shapes[name]) for name in node.inputs)
            views += read + math.prod(output_shape(node, shapes))
            continue
        if _has_windows(node, conv):
            views += weights.elements_read(node, shapes)
            continue
        times, (image, result, side) = _arguments(node, shapes)
        read = windowless.FORMS[conv].elements_read(image, result, side)
        views += 2 * times * (read + math.prod(result))
    return views, outputs


def elements_made(skeleton: Skeleton, conv: str) -> int:
    """Elements that the kernels of one candidate become, one set for the means."""
    shapes, total = skeleton.graph.shapes(), 0
    for node in skeleton.graph.layers:
        if not _has_windows(node, conv):
            times, arguments = _arguments(node, shapes)
            total += times * windowless.FORMS[conv].elements_made(*arguments)
    return total


def _has_windows(node: Node, conv: str) -> bool:
    """Whether a layer is none of those that are convolved without windows."""
    weights = ops.find(node.op).weights
    return (weights is None or not weights.convolves or conv not in windowless.FORMS
            or node.kernel == 1)


def _arguments(node: Node, shapes: Shapes) -> tuple[int, tuple[Shape, Shape, int]]:
    """(how often, (image, result, side of the window)) of a convolution without
    windows: of one window per map a stride drops results, else it folds the image."""
    weights = ops.find(node.op).weights
    assert weights is not None
    each = len(weights.shape(node, shapes)) == 3
    stride = 1 if each else node.stride
    maps, outputs, times = (1, 1, node.channels) if each else (
        shapes[node.inputs[0]][0] * stride * stride, node.channels, 1)
    _, *sides = output_shape(dataclasses.replace(node, stride=stride), shapes)
    side = folding.tiles(node.kernel, stride)
    image, result = (maps, *(n + side - 1 for n in sides)), (outputs, *sides)
    return times, (image, result, side)


def compiled_bytes(parts: Iterable[Any]) -> int | None:
    """Bytes that the largest of some compiled programs takes, which run one after
    another; None where the compiler cannot say."""
    plans = [part.memory_analysis() for part in parts]
    if None in plans:
        return None
    return max(plan.temp_size_in_bytes + plan.argument_size_in_bytes
               + plan.output_size_in_bytes - plan.alias_size_in_bytes for plan in plans)
