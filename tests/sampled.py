"""Sampled points grouped by skeleton: one compiled program serves a whole group."""

import functools
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax import compiler, efforts
from sparse_jax.model import network
from sparse_jax.model.skeleton import (
    EXACT,
    Candidate,
    Skeleton,
    TierPolicy,
    candidate_of,
    pad,
    stack,
)
from sparse_jax.search.domain import sparse_domain
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.sparse_space import Space
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.step import TrainState
from sparse_jax.training.train import initialise

quick_jit = functools.partial(
    jax.jit, compiler_options=compiler.known(efforts.CHEAP))
"""`jax.jit` for a forward pass that runs once or twice: compiles in a third of the
time."""
train_jit = functools.partial(jax.jit, compiler_options=compiler.known(efforts.CHEAP | {
    'xla_backend_optimization_level': 1, 'xla_llvm_disable_expensive_passes': True}))
"""The same for programs with gradients, which level 0 of XLA's CPU backend gets wrong
(NaN gradients of noisy networks, jaxlib 0.10.2)."""


@functools.cache
def _starter(procedure: Procedure):
    return quick_jit(functools.partial(initialise, procedure=procedure))


def started(
    procedure: Procedure, candidate: Candidate, key: jax.Array | None = None
) -> TrainState:
    """A fresh state of a candidate, by one program for all of a procedure; of the key 0
    where none is given."""
    return _starter(procedure)(jax.random.key(0) if key is None else key, candidate)


RANGES = TierPolicy(
    (4, 8, 16, 32, 64, 100), (16, 64, 256, 1024), kernels=((2, 3), (4, 5)))
"""Pads more than the default, kernels too."""


class Group(NamedTuple):
    """Points of one skeleton."""

    space: Space
    skeleton: Skeleton
    points: list[dict]
    graphs: list[Graph]
    candidates: Candidate
    """Stacked."""

    def candidate(self, i: int) -> Candidate:
        return jax.tree.map(lambda leaf: leaf[i], self.candidates)


def groups(
    space: Space, policy: TierPolicy, *, skeletons: int, members: int, seed: int,
    max_weights: int = 200_000,
) -> list[Group]:
    """`skeletons` different groups of `members` points, small enough for a test."""
    key = jax.random.key(seed)
    domain = sparse_domain(space, policy)
    found, seen = [], set()
    for i, row in enumerate(domain.sample(jax.random.fold_in(key, 0), 40 * skeletons)):
        skeleton = pad(encoding.graph(space, row), policy)
        if skeleton in seen or num_weights(skeleton) > max_weights:
            continue
        seen.add(skeleton)
        others = domain.resample(jax.random.fold_in(key, i + 1), row, members - 1)
        if len(others) == members - 1:
            found.append(group(space, policy, np.concatenate([row[None], others])))
        if len(found) == skeletons:
            return found
    raise AssertionError(f'only {len(found)} of {skeletons} skeletons found')


def group(space: Space, policy: TierPolicy, rows: np.ndarray) -> Group:
    """The group of rows that share a skeleton."""
    points = [encoding.decode(space, row) for row in rows]
    graphs = [encoding.graph(space, row) for row in rows]
    skeletons = {pad(graph, policy) for graph in graphs}
    assert len(skeletons) == 1, 'rows of several skeletons'
    candidates = [candidate_of(g, p) for g, p in zip(graphs, points)]
    return Group(space, skeletons.pop(), points, graphs, stack(candidates))


def num_weights(skeleton: Skeleton) -> int:
    """Padded weights of the FC layers: they dominate the time of a test."""
    shapes = skeleton.graph.shapes()
    return sum(
        n.channels * sum(int(np.prod(shapes[t])) for t in n.inputs)
        for n in skeleton.graph.nodes if n.op == 'dense')


def random_variables(rng: np.random.Generator, of: Group) -> dict:
    """Stacked variables of all members, with garbage where a member has no weights."""
    shapes = jax.eval_shape(
        lambda c: network.init(jax.random.key(0), of.skeleton, c), of.candidate(0))
    draw = lambda s: (rng.normal(0, 0.5, (len(of.points), *s.shape))).astype(np.float32)
    variables = {}
    for collection, tree in shapes.items():
        variables[collection] = {
            name: {variable: np.abs(draw(s)) + 0.2 if variable in ('var', 'scale')
                   else draw(s) for variable, s in leaves.items()}
            for name, leaves in tree.items()}
    return variables


def unpadded(graph: Graph) -> tuple[Skeleton, Candidate]:
    """A hand-made exact graph as a skeleton without padding and its candidate."""
    zero, count = np.float32(0), len(graph.nodes)
    return pad(graph, EXACT), Candidate(
        np.array([n.channels for n in graph.nodes], np.int32),
        np.array([n.kernel for n in graph.nodes], np.int32),
        np.zeros(count, np.float32), *[zero] * 6)
