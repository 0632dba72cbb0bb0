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


def knn(data: Labelled, *, neighbours: int) -> Any:
    """Nearest neighbours by the Euclidean distance."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(neighbours, algorithm='brute').fit(*data)


def svm(data: Labelled, *, cost: float, width: float) -> Any:
    """Support vectors with a Gaussian kernel.

    Args:
      data: standardised features and labels.
      cost: C.
      width: gamma times the number of features.
    """
    from sklearn.svm import SVC

    gamma: Any = width / data.features.shape[1]
    return SVC(C=cost, kernel='rbf', gamma=gamma, cache_size=500).fit(*data)


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
    kind = type(fitted).__name__
    if kind == 'KNeighborsClassifier':
        return {'examples': Stored(fitted.n_samples_fit_ * fitted.n_features_in_)}
    if kind == 'SVC':
        return {'vectors': Stored(int(np.prod(fitted.support_vectors_.shape))),
                'coefficients': Stored(int(np.prod(fitted.dual_coef_.shape))),
                'shifts': Stored(len(fitted.intercept_))}
    if kind == 'HistGradientBoostingClassifier':
        # scikit-learn has no public count of their nodes.
        leaves = [tree.get_n_leaf_nodes() for trees in fitted._predictors
                  for tree in trees]
        return {'inner': Stored(INNER * (sum(leaves) - len(leaves))),
                'leaves': Stored(LEAF * sum(leaves))}
    raise TypeError(f'{kind}; allowed: what knn, svm and gbdt return')
