"""Nearest neighbours, support vectors and boosted trees, by scikit-learn.

Boosting is `HistGradientBoostingClassifier`: with binned features MNIST takes minutes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparse_jax.baselines.features import Labelled
from sparse_jax.baselines.sizes import Stored

INNER, LEAF = 3, 1
"""Values of a node of a tree: feature, threshold and place of a child; a prediction."""
TABULATED = 12_000
"""Examples whose kernel with each other is kept: 1.2 GB."""
_CHUNK = 1000


class Nearest:
    """Nearest neighbours by the Euclidean distance, for several numbers of them.

    Examples are searched once: what is found is kept for the next number.
    """

    def __init__(self, data: Labelled, most: int) -> None:
        """Keep the examples.

        Args:
          data: standardised features and labels.
          most: neighbours that are asked for.
        """
        from sklearn.neighbors import NearestNeighbors

        self._search = NearestNeighbors(
            n_neighbors=min(most, len(data.labels)), algorithm='brute').fit(
                np.asarray(data.features))
        self._labels = np.asarray(data.labels)
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self.shape = np.shape(data.features)
        """Examples and features."""

    def predict(self, features: np.ndarray, neighbours: int) -> np.ndarray:
        """The most frequent classes of the nearest; of equally frequent the first.

        Args:
          features: standardised, [N, D].
          neighbours: at most as many as were announced.

        Returns:
          Classes [N].
        """
        if self._last is None or not np.array_equal(self._last[0], features):
            rows = self._search.kneighbors(features, return_distance=False)
            # A copy: the caller's array may change.
            self._last = np.array(features), self._labels[rows]
        near = self._last[1][:, :neighbours]
        votes = near[:, :, None] == np.arange(self._labels.max() + 1)
        return votes.sum(axis=1).argmax(axis=1)


class Vectors:
    """Support vectors with a Gaussian kernel.

    Up to `TABULATED` examples the kernel is one matrix product, many times as fast as
    scikit-learn's own for images.
    """

    def __init__(self, data: Labelled, *, cost: float, width: float) -> None:
        """Fit.

        Args:
          data: standardised features and labels.
          cost: C.
          width: gamma times the number of features.
        """
        from sklearn.svm import SVC

        features = np.asarray(data.features)
        self._gamma = width / features.shape[1]
        gamma: Any = self._gamma
        self._is_tabulated = len(features) <= TABULATED
        if self._is_tabulated:
            self._svc = SVC(C=cost, kernel='precomputed')
            self._svc.fit(self._kernel(features, features), data.labels)
            self._examples, self._vectors = len(features), features[self.support]
        else:
            self._svc = SVC(C=cost, kernel='rbf', gamma=gamma, cache_size=500)
            self._svc.fit(features, data.labels)
        self.features = features.shape[1]

    @property
    def support(self) -> np.ndarray:
        """Numbers of the examples that are support vectors."""
        return self._svc.support_

    @property
    def values(self) -> tuple[int, int]:
        """Coefficients and shifts."""
        fitted: Any = self._svc
        return fitted.dual_coef_.size, fitted.intercept_.size

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Standardised features [N, D] -> classes [N]."""
        if not self._is_tabulated:
            return self._svc.predict(features)
        found = []
        for start in range(0, len(features), _CHUNK):
            part = np.asarray(features[start:start + _CHUNK])
            # Other examples have no coefficients.
            kernel = np.zeros((len(part), self._examples))
            kernel[:, self.support] = self._kernel(part, self._vectors)
            found.append(self._svc.predict(kernel))
        return np.concatenate(found)

    def _kernel(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        from sklearn.metrics.pairwise import rbf_kernel

        return rbf_kernel(one, other, gamma=self._gamma)


def gbdt(data: Labelled, *, rounds: int, leaves: int, rate: float, seed: int) -> Any:
    """Boosted trees on histograms of the features.

    Args:
      data: features and labels.
      rounds: trees for each class.
      leaves: most of one tree.
      rate: of learning.
      seed: of scikit-learn.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    never: Any = False
    return HistGradientBoostingClassifier(
        max_iter=rounds, max_leaf_nodes=leaves, learning_rate=rate,
        early_stopping=never, random_state=seed).fit(*data)


def stored(fitted: Any) -> Mapping[str, Stored]:
    """What a fitted classifier keeps; labels of neighbours are not counted, as in the
    published two-class rows.

    Args:
      fitted: by one of the functions above.

    Raises:
      TypeError: another classifier.
    """
    if isinstance(fitted, Nearest):
        return {'examples': Stored(int(np.prod(fitted.shape)))}
    if isinstance(fitted, Vectors):
        coefficients, shifts = fitted.values
        return {'vectors': Stored(len(fitted.support) * fitted.features),
                'coefficients': Stored(coefficients), 'shifts': Stored(shifts)}
    if type(fitted).__name__ == 'HistGradientBoostingClassifier':
        # scikit-learn has no public count of their nodes.
        leaves = [tree.get_n_leaf_nodes() for trees in fitted._predictors
                  for tree in trees]
        return {'inner': Stored(INNER * (sum(leaves) - len(leaves))),
                'leaves': Stored(LEAF * sum(leaves))}
    raise TypeError(f'{type(fitted).__name__}; allowed: Nearest, Vectors, what '
                    'gbdt returns')
