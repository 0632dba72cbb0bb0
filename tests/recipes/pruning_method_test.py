"""A pruning method from outside: five functions in a module of one's own."""

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax import pruning
from sparse_jax.search import loop
from sparse_jax.study.records import Study
from tests import tiny_study


def weight_decay():
    """Small weights go, after a quadratic penalty."""
    kernels = pruning.method.kernels
    return pruning.PruningMethod(
        'weight-decay', structured=False, default_cut=0.0,
        init=lambda params, valid: {},
        noise=lambda params, aux: {},
        penalty=lambda params, aux, valid: sum(
            jnp.where(valid[name]['kernel'], jnp.square(kernel), 0.0).sum()
            for name, kernel in kernels(params).items()),
        mean=lambda params, aux: params,
        score=lambda params, aux: {name: -jnp.log(jnp.abs(kernel) / 0.1)
                                   for name, kernel in kernels(params).items()})


def test_it_is_searched_with(tmp_path):
    name = 'tests.recipes.pruning_method_test:weight_decay'
    assert pruning.find(name) == pruning.find(name) != weight_decay()
    built = tiny_study.build(pruning__method=name, search__rounds=1, search__batch=1)
    study = Study(tmp_path)
    loop.run(built, study)
    row, = study.rows()
    kept = np.concatenate([leaf['kernel'].ravel() for leaf in jax.tree.leaves(
        study.weights(0).folded, is_leaf=lambda tree: 'kernel' in tree)])
    kept = np.abs(kept[kept != 0])
    # exp(-offset) of the default cut, for the candidate's own offset.
    assert row.ok and 0 < len(kept) < row.unpruned.model_size
    assert kept.min() >= 0.1 * np.exp(-row.point['log-alpha-offset']) - 1e-6
