"""ProtoNN: a few learnt prototypes in a learnt low-dimensional projection.

Gupta et al., "ProtoNN: compressed and accurate kNN for resource-scarce devices", ICML
2017. The score of a class is a sum over prototypes of their label times
exp(-gamma^2 distance^2). All matrices are trained together with Adam, as in the
authors' port to PyTorch, under the squared error of the paper.
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

CLUSTERED, ROUNDS = 4096, 10
"""Most examples that the first prototypes are means of, and rounds of k-means."""


@dataclasses.dataclass(frozen=True)
class Prototypes:
    """Static: decides the compiled program."""

    features: int
    """D."""
    classes: int
    """L."""
    projection: int = 15
    """Dimensions of the space of the prototypes."""
    per_class: int = 5

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Of the matrices: W projects, B has the prototypes, Z their labels."""
        number = self.per_class * self.classes
        return {'W': (self.projection, self.features), 'B': (self.projection, number),
                'Z': (self.classes, number)}


class Tuning(NamedTuple):
    """Traced: values of one program. A grid has arrays [G] here."""

    rate: Any = 0.01
    width: Any = 2.5
    """gamma is this over the median distance of an example and a prototype."""
    share_w: Any = 1.0
    """Of the elements of W that are kept; likewise of the others."""
    share_b: Any = 1.0
    share_z: Any = 1.0

    @property
    def shares(self) -> dict[str, Any]:
        """By matrix."""
        return {'W': self.share_w, 'B': self.share_b, 'Z': self.share_z}


class Fitted(NamedTuple):
    """A trained classifier."""

    matrices: Matrices
    gamma: jax.Array


def init(
    key: PRNGKey, data: Labelled, shape: Prototypes, width: jax.Array | float,
) -> Fitted:
    """A normal projection, and the means of clusters of every class as prototypes.

    Args:
      key: consumed.
      data: standardised features [N, D] and labels.
      shape: static.
      width: as in `Tuning`.
    """
    key_w, key_rows, key_means = jax.random.split(key, 3)
    weights = jax.random.normal(key_w, shape.shapes['W'])
    rows = jax.random.permutation(key_rows, len(data.labels))[:CLUSTERED]
    points = jnp.asarray(data.features)[rows] @ weights.T
    belongs = jnp.asarray(data.labels)[rows] == jnp.arange(shape.classes)[:, None]
    means = jax.vmap(_means, in_axes=(0, None, 0, None))(
        jax.random.split(key_means, shape.classes), points, belongs, shape.per_class)
    prototypes = means.reshape(-1, shape.projection).T
    labels = jnp.repeat(jnp.eye(shape.classes), shape.per_class, axis=1)
    median = jnp.median(jnp.sqrt(_squared_distances(points, prototypes)))
    return Fitted({'W': weights, 'B': prototypes, 'Z': labels}, width / median)


def _means(
    key: PRNGKey, points: jax.Array, belongs: jax.Array, number: int,
) -> jax.Array:
    """[number, d]: k-means of those of the points [N, d] that belong to a class."""
    luck = jnp.where(belongs, jax.random.uniform(key, belongs.shape), -1.0)
    # Of fewer examples than clusters some begin twice.
    order = jax.lax.top_k(luck, number)[1]
    start = points[order[jnp.arange(number) % jnp.clip(belongs.sum(), 1, number)]]

    def better(_: int, centres: jax.Array) -> jax.Array:
        nearest = jnp.argmin(_squared_distances(points, centres.T), axis=1)
        member = (nearest[:, None] == jnp.arange(number)) & belongs[:, None]
        count = member.sum(axis=0)[:, None]
        means = member.astype(jnp.float32).T @ points / jnp.maximum(count, 1)
        return jnp.where(count > 0, means, centres)

    return jax.lax.fori_loop(0, ROUNDS, better, start)


def _squared_distances(points: jax.Array, prototypes: jax.Array) -> jax.Array:
    """[N, m] of points [N, d] and prototypes [d, m]."""
    squares = jnp.sum(points**2, axis=1)[:, None] + jnp.sum(prototypes**2, axis=0)
    return jnp.maximum(squares - 2.0 * points @ prototypes, 0.0)


def scores(fitted: Fitted, features: Array) -> jax.Array:
    """Returns [N, L] of standardised features [N, D]."""
    return _scores(fitted.matrices, fitted.gamma, features)


def _scores(matrices: Matrices, gamma: jax.Array, features: Array) -> jax.Array:
    squared = _squared_distances(jnp.asarray(features) @ matrices['W'].T, matrices['B'])
    return jnp.exp(-gamma**2 * squared) @ matrices['Z'].T


def train(
    key: PRNGKey, data: Labelled, shape: Prototypes, tuning: Tuning, plan: Plan,
) -> Fitted:
    """Train one classifier; `jax.vmap` over the tuning trains a grid in one program.

    Args:
      key: consumed.
      data: standardised features [N, D] and labels.
      shape: static.
      tuning: traced.
      plan: static.

    Returns:
      Matrices of which the shares of the tuning are not zero, and gamma.
    """
    init_key, train_key = jax.random.split(key)
    start = init(init_key, data, shape, tuning.width)

    def loss(
        matrices: Matrices, gamma: jax.Array, features: Array, labels: jax.Array,
    ) -> jax.Array:
        wanted = jax.nn.one_hot(labels, shape.classes)
        found = _scores(matrices, gamma, features)
        return jnp.mean(jnp.sum((found - wanted)**2, axis=1))

    def refresh(
        key: PRNGKey, matrices: Matrices, gamma: jax.Array, now: Now,
    ) -> jax.Array:
        return gamma

    return Fitted(*thresholding.train(
        train_key, thresholding.Method(loss, refresh), start.matrices, start.gamma,
        data, plan, shares=tuning.shares, rate=tuning.rate))


def predict(fitted: Fitted, features: Array) -> jax.Array:
    """Returns classes [N] int32."""
    return jnp.argmax(scores(fitted, features), axis=1).astype(jnp.int32)


def folded(fitted: Fitted, by: Standard) -> Fitted:
    """The classifier that takes features as they are, not standardised.

    The scale goes into the columns of W, the shift into the prototypes.
    """
    weights = np.asarray(fitted.matrices['W'], np.float64) / by.std
    shifted = np.asarray(fitted.matrices['B']) + (weights @ by.mean)[:, None]
    return fitted._replace(matrices={
        **fitted.matrices, 'W': jnp.asarray(weights, jnp.float32),
        'B': jnp.asarray(shifted, jnp.float32)})


def stored(shape: Prototypes, tuning: Tuning) -> dict[str, sizes.Stored]:
    """What `sizes.size` counts, of a tuning of plain numbers."""
    return {name: sizes.Stored(int(np.prod(lengths)), float(tuning.shares[name]))
            for name, lengths in shape.shapes.items()}
