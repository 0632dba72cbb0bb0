"""Analytic memory and compute of a pruned network (SpArSe eqs. 4-6).

One byte per weight and activation. Biases count in the model size. The output y of a
layer is counted before pooling, the input x of the first layer after the input
down-sampling; a layer that reads several tensors (after a merge) counts all of them.
No index cost is charged: `export` reports bytes in flash.
"""

import functools
import operator
from collections.abc import Iterable
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax import ops
from sparse_jax.model import fold, sizes
from sparse_jax.model.connectivity import Live
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.objectives.alive import Step, counted_image, most_alive
from sparse_jax.ops.arrays import library_of


class LayerCosts(NamedTuple):
    """Costs per layer, [L] int32, in the order of `graph.layers`."""

    weights: jax.Array
    """Kept kernel weights."""
    biases: jax.Array
    inputs: jax.Array
    """||x_l||: elements read."""
    outputs: jax.Array
    """||y_l||: elements written, before pooling."""
    macs: jax.Array
    """Multiply-accumulates by kept weights (float32: they may exceed 2^31)."""
    alive: jax.Array
    """The most elements alive at once, without the image (`objectives.alive`)."""


class Costs(NamedTuple):
    """Totals of one network."""

    model_size: jax.Array
    """(4) ||w||_0, biases included."""
    working_memory: jax.Array
    """(6) max over layers of ||x_l|| + ||y_l||."""
    working_memory_weights: jax.Array
    """(5) max over layers of ||x_l|| + ||w_l||, kernel weights only."""
    macs: jax.Array
    working_memory_without_image: jax.Array
    """max over layers of what is alive at once, without the image."""


def layer_costs(skeleton: Skeleton, candidate: Candidate, pruned: Live) -> LayerCosts:
    """Costs of every layer of a pruned network, living units only.

    Of a classifier that becomes one unit (`Graph.folds`) a weight counts if either of
    the two units keeps it. Of arrays of the host on the host, to the same bits.
    """
    graph = skeleton.graph
    library = library_of(candidate.channels, *pruned.kernel.values())
    pruned = fold.fold_live(graph, pruned)
    true = sizes.true_sizes(skeleton, candidate)
    elements = {'input': true.tensors['input'].elements}
    rows, steps = [], []
    for node in graph.nodes:
        alive = pruned.units[node.name].sum()
        pooled = true.tensors[node.name]
        if not ops.find(node.op).costs.layer:
            elements[node.name] = _sum(elements[t] for t in node.inputs)
            steps.append(Step(node.name, node.inputs))
            continue
        out = true.outputs[node.name]
        pixels = out.height * out.width
        elements[node.name] = alive * pooled.height * pooled.width
        kept = (pruned.kernel[node.name].sum() if node.weighted
                else library.zeros_like(alive))
        biases = alive if node.biased else library.zeros_like(alive)
        read = _sum(elements[t] for t in node.inputs)
        # Nothing reads the inputs of what is dead.
        read = library.where(alive > 0, read, 0)
        macs = library.float32(kept) * library.float32(pixels)
        rows.append((kept, biases, read, alive * pixels, macs))
        steps.append(Step(node.name, node.inputs, alive, alive * pixels,
                          elements[node.name], node.pool > 1))
    most = most_alive(steps, counted_image(graph, elements['input']))
    weights, biases, inputs, outputs, macs = map(library.stack, zip(*rows))
    return LayerCosts(weights, biases, inputs, outputs, macs, library.stack(most))


def _sum(counts: Iterable[jax.Array]) -> jax.Array:
    return functools.reduce(operator.add, counts)


def total(costs: LayerCosts) -> Costs:
    """Layer costs -> the paper's three numbers, the MACs, and what is alive at once."""
    return Costs(
        (costs.weights + costs.biases).sum(),
        (costs.inputs + costs.outputs).max(),
        (costs.inputs + costs.weights).max(),
        _in_order(costs.macs), costs.alive.max())


def _in_order(counts: jax.Array) -> jax.Array:
    """A sum one after the other, as XLA has it: NumPy would round in another order."""
    host = library_of(counts) is np
    return np.add.accumulate(counts)[-1] if host else counts.sum()
