"""Bonsai: a shallow tree whose every node predicts, on a sparse projection.

Kumar, Goyal and Varma, "Resource-efficient machine learning in 2 KB RAM for the
Internet of Things", ICML 2017. The projection is divided by its dimension, as in
the authors' code. With two classes there is one score, otherwise one for each.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.baselines import sizes, thresholding
from sparse_jax.baselines.features import Labelled, Standard
from sparse_jax.baselines.thresholding import Matrices, Now, Plan
from sparse_jax.types import Array, PRNGKey

HARD = 1e9
"""Sharpness of the path at inference: of every pair of children one."""
SHARPEST = 1000.0
SHARPENED_EVERY, PROBES = 100, 100


@dataclasses.dataclass(frozen=True)
class Tree:
    """Static: decides the compiled program."""

    features: int
    """D, without the constant that is appended."""
    classes: int
    projection: int = 10
    """p."""
    depth: int = 3
    """h; 0 is a single node."""

    @property
    def internal(self) -> int:
        """Nodes that have children."""
        return 2**self.depth - 1

    @property
    def scores(self) -> int:
        """L."""
        return 1 if self.classes == 2 else self.classes

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the matrices: Z projects, W and V predict, T chooses the path."""
        node = (2 * self.internal + 1, self.scores, self.projection)
        return {'Z': (self.projection, self.features + 1), 'W': node, 'V': node,
                'T': (self.internal, self.projection)}


class Tuning(NamedTuple):
    """Traced: values of one program. A grid has arrays [G] here."""

    rate: Any = 0.01
    sigma: Any = 1.0
    """Inside of the nodes' tanh."""
    share_z: Any = 0.2
    """Of the elements of Z that are kept; likewise of the others."""
    share_w: Any = 0.2
    share_v: Any = 0.2
    share_t: Any = 0.2
    decay_z: Any = 1e-5
    """Half of it times the squared norm of Z is added to the loss."""
    decay_w: Any = 1e-4
    decay_v: Any = 1e-4
    decay_t: Any = 1e-4

    @property
    def shares(self) -> dict[str, Any]:
        """By matrix."""
        return {'Z': self.share_z, 'W': self.share_w, 'V': self.share_v,
                'T': self.share_t}


def init(key: PRNGKey, tree: Tree) -> Matrices:
    """Normal entries of variance one.

    Args:
      key: consumed.
      tree: static.
    """
    keys = jax.random.split(key, len(tree.shapes))
    return {name: jax.random.normal(k, shape)
            for k, (name, shape) in zip(keys, tree.shapes.items())}


def train(
    key: PRNGKey, data: Labelled, tree: Tree, tuning: Tuning, plan: Plan,
) -> Matrices:
    """Train one tree; `jax.vmap` over the tuning trains a grid in one program.

    Args:
      key: consumed.
      data: standardised features [N, D] and labels.
      tree: static.
      tuning: traced.
      plan: static.

    Returns:
      Matrices of which the shares of the tuning are not zero.
    """
    init_key, train_key = jax.random.split(key)
    data = Labelled(jnp.asarray(data.features), jnp.asarray(data.labels))
    decays = {'Z': tuning.decay_z, 'W': tuning.decay_w, 'V': tuning.decay_v,
              'T': tuning.decay_t}

    def loss(
        matrices: Matrices, sharpness: jax.Array, features: Array,
        labels: jax.Array,
    ) -> jax.Array:
        found = scores(matrices, features, tree, sigma=tuning.sigma,
                       sharpness=sharpness)
        norms = sum(decays[n] * jnp.sum(m**2) for n, m in matrices.items())
        return 0.5 * norms + jnp.mean(margin_losses(found, labels))

    def refresh(
        key: PRNGKey, matrices: Matrices, sharpness: jax.Array, now: Now,
    ) -> jax.Array:
        if tree.depth == 0:
            return sharpness

        def sharper() -> jax.Array:
            rows = jax.random.randint(key, (PROBES,), 0, len(data.labels))
            along = project(matrices, data.features[rows]) @ matrices['T'].T
            grown = 2.0 ** (now.since / (now.total / 30))
            return jnp.minimum(
                SHARPEST, 0.1 / jnp.maximum(jnp.mean(jnp.abs(along)), 1e-12) * grown)

        sharpness = jax.lax.cond(
            (now.since > 0) & (now.since % SHARPENED_EVERY == 0), sharper,
            lambda: sharpness)
        return jnp.where(now.since == 0, 1.0, sharpness)

    method = thresholding.Method(loss, refresh)
    return thresholding.train(
        train_key, method, init(init_key, tree), jnp.ones(()), data, plan,
        shares=tuning.shares, rate=tuning.rate)[0]


def project(matrices: Matrices, features: Array) -> jax.Array:
    """Returns Z [x, 1] / p, [N, p], of features [N, D]."""
    weights = matrices['Z']
    sums = jnp.asarray(features) @ weights[:, :-1].T + weights[:, -1]
    return sums / weights.shape[0]


def indicators(
    along: jax.Array, depth: int, sharpness: jax.Array | float,
) -> list[jax.Array]:
    """How much of an example reaches each node.

    Args:
      along: [N, 2^depth - 1] the products that choose the path, by internal node.
      depth: of the tree.
      sharpness: of the choice; at `HARD` an example takes one path.

    Returns:
      For every level l an array [N, 2^l]; its rows add up to 1. The children of node j
      are 2j + 1, which positive products lead to, and 2j + 2.
    """
    levels = [jnp.ones((along.shape[0], 1))]
    for level in range(depth):
        first = 2**level - 1
        turn = jnp.tanh(sharpness * along[:, first:first + 2**level])
        halves = jnp.stack([1 + turn, 1 - turn], axis=-1) / 2
        levels.append((levels[-1][..., None] * halves).reshape(along.shape[0], -1))
    return levels


def scores(
    matrices: Matrices, features: Array, tree: Tree, *, sigma: jax.Array | float,
    sharpness: jax.Array | float = HARD,
) -> jax.Array:
    """Returns [N, L]: what all nodes predict, weighted by how far one is on their path.

    Args:
      matrices: as from `init`.
      features: [N, D], standardised.
      tree: static.
      sigma: as in the training.
      sharpness: of the path.
    """
    reduced = project(matrices, features)
    reached = jnp.concatenate(
        indicators(reduced @ matrices['T'].T, tree.depth, sharpness), axis=1)
    linear = jnp.einsum('np,klp->nkl', reduced, matrices['W'])
    gate = jnp.tanh(sigma * jnp.einsum('np,klp->nkl', reduced, matrices['V']))
    return jnp.einsum('nk,nkl->nl', reached, linear * gate)


def path_scores(
    matrices: Matrices, features: Array, tree: Tree, *, sigma: jax.Array | float,
) -> jax.Array:
    """Returns [N, L] as a microcontroller adds them up: along one path of the tree."""
    reduced = project(matrices, features)
    node = jnp.zeros(reduced.shape[0], jnp.int32)
    total = jnp.zeros((reduced.shape[0], tree.scores))
    for level in range(tree.depth + 1):
        linear = jnp.einsum('np,nlp->nl', reduced, matrices['W'][node])
        gate = jnp.einsum('np,nlp->nl', reduced, matrices['V'][node])
        total = total + linear * jnp.tanh(sigma * gate)
        if level < tree.depth:
            along = jnp.einsum('np,np->n', reduced, matrices['T'][node])
            node = 2 * node + jnp.where(along > 0, 1, 2)
    return total


def margin_losses(found: jax.Array, labels: Array) -> jax.Array:
    """Hinge loss of one score, Crammer and Singer's of several.

    Args:
      found: scores [N, L].
      labels: [N] in 0 to L - 1; with L = 1 in 0 and 1.

    Returns:
      [N].
    """
    if found.shape[1] == 1:
        return jnp.maximum(0.0, 1.0 - (2.0 * labels - 1.0) * found[:, 0])
    right = jnp.take_along_axis(found, labels[:, None], axis=1)[:, 0]
    is_right = jnp.arange(found.shape[1]) == labels[:, None]
    wrong = jnp.where(is_right, -jnp.inf, found).max(axis=1)
    return jnp.maximum(0.0, 1.0 + wrong - right)


def predict(
    matrices: Matrices, features: Array, tree: Tree, *, sigma: jax.Array | float,
) -> jax.Array:
    """Returns classes [N] int32, by one path."""
    found = path_scores(matrices, features, tree, sigma=sigma)
    if tree.scores == 1:
        return (found[:, 0] > 0).astype(jnp.int32)
    return jnp.argmax(found, axis=1).astype(jnp.int32)


def folded(matrices: Matrices, by: Standard) -> Matrices:
    """The tree that takes features as they are, not standardised.

    The scale goes into the columns of Z, the shift into that of the constant.
    """
    weights = np.asarray(matrices['Z'], np.float64)
    scaled = weights[:, :-1] / by.std
    shift = weights[:, -1] - scaled @ by.mean
    return {**matrices, 'Z': jnp.asarray(
        np.concatenate([scaled, shift[:, None]], axis=1), jnp.float32)}


def stored(tree: Tree, tuning: Tuning) -> dict[str, sizes.Stored]:
    """What `sizes.size` counts, of a tuning of plain numbers.

    With two classes the authors thin out Z alone; here the shares say it.
    """
    return {name: sizes.Stored(int(np.prod(shape)), float(tuning.shares[name]))
            for name, shape in tree.shapes.items()}
