"""Networks of a study at other cuts than their own, pruned again on the host."""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax import compiler
from sparse_jax.efforts import CHEAP
from sparse_jax.model import deploy, sizes
from sparse_jax.model import weights as weight_trees
from sparse_jax.model.connectivity import Live, live
from sparse_jax.model.skeleton import EXACT, TierPolicy, split
from sparse_jax.pruning.method import PruningMethod, Tree, kernels, survivors
from sparse_jax.space.architecture import Graph
from sparse_jax.study.outcome import Weights
from sparse_jax.training.procedure import Procedure
from sparse_jax.types import Array, Params


class _Numbers(NamedTuple):
    """What a method says of all weights, before anything is taken away."""

    means: Mapping[str, Array]
    """{node: kernel}."""
    scores: Mapping[str, Array]
    folded: Mapping[str, Mapping[str, Array]]
    """{node: {'kernel', 'bias'?}} with batch norm folded in."""


def repruned(
    graph: Graph, point: dict, weights: Weights, method: PruningMethod, offset: float,
    policy: TierPolicy = EXACT,
) -> Weights:
    """The same posterior pruned at another shift of the log alpha cut.

    Args:
      graph: of the network, exact.
      point: its values of the table by name.
      weights: those of its own cut.
      method: that of its training.
      offset: the shift.
      policy: sizes that networks are padded to: those of one skeleton share a program
        for the numbers of their method. It changes no result.
    """
    skeleton, candidate = split(graph, point, policy)
    params, aux, stats = (
        weight_trees.widen(skeleton, graph, tree)
        for tree in (weights.params, weights.aux, weights.stats))
    found = jax.device_get(_numbers(Procedure(skeleton, method))(params, aux, stats))
    thresholds = {node.name: candidate.threshold[i]
                  for i, node in enumerate(skeleton.graph.nodes)}
    kept = survivors(
        method, found.means, found.scores, sizes.valid_weights(skeleton, candidate),
        offset=np.asarray(offset, np.float32), thresholds=thresholds)
    pruned = live(skeleton, candidate, kept)
    shapes = graph.shapes()
    units = {name: np.asarray(mask)[: shapes[name][0]]
             for name, mask in pruned.units.items()}
    return weights._replace(folded=weight_trees.extract(
        skeleton, graph, _masked(found.folded, pruned)), units=units)


@functools.lru_cache(maxsize=64)
def _numbers(procedure: Procedure) -> Callable[..., _Numbers]:
    """The arithmetic of pruning, compiled once for all networks of a procedure. What is
    connected to what takes ten times as long to compile as to find out here."""
    skeleton, method = procedure.skeleton, procedure.method

    def numbers(params: Tree, aux: Tree, stats: Tree) -> _Numbers:
        means = method.mean(params, aux)
        everything = Live(
            {name: jnp.ones(kernel.shape, bool)
             for name, kernel in kernels(means).items()},
            {node.name: jnp.ones(node.channels, bool)
             for node in skeleton.graph.weighted_nodes})
        return _Numbers(kernels(means), method.score(params, aux),
                        deploy.fold_and_mask(skeleton, means, stats, everything))

    cheap = compiler.known(CHEAP) if jax.default_backend() == 'cpu' else None
    return jax.jit(numbers, compiler_options=cheap)


def _masked(folded: Mapping[str, Mapping[str, Array]], pruned: Live) -> Params:
    """Zero where nothing lives, as `deploy.fold_and_mask` has it."""
    masks = {'kernel': pruned.kernel, 'bias': pruned.units}
    return {name: {part: np.where(masks[part][name], value, np.float32(0))
                   for part, value in leaf.items()}
            for name, leaf in folded.items()}
