"""Pruning methods, all with one contract (`method.PruningMethod`)."""

from sparse_jax import factories
from sparse_jax.pruning.bayes_compress import bayes_compress as bayes_compress
from sparse_jax.pruning.contract import check_method
from sparse_jax.pruning.gradual_magnitude import gradual_magnitude as gradual_magnitude
from sparse_jax.pruning.learned_threshold import (
    learned_group_threshold as learned_group_threshold,
)
from sparse_jax.pruning.learned_threshold import learned_threshold as learned_threshold
from sparse_jax.pruning.method import PruningMethod as PruningMethod
from sparse_jax.pruning.method import cached_factory as cached_factory
from sparse_jax.pruning.method import keep as keep
from sparse_jax.pruning.method import made
from sparse_jax.pruning.reference import magnitude as magnitude
from sparse_jax.pruning.reference import no_pruning as no_pruning
from sparse_jax.pruning.sparse_vd import sparse_vd as sparse_vd

METHODS = {
    'sparse_vd': sparse_vd,
    'bayes_compress': bayes_compress,
    'learned_threshold': learned_threshold,
    'learned_group_threshold': learned_group_threshold,
    'gradual_magnitude': gradual_magnitude,
    'magnitude': magnitude,
    'none': no_pruning,
}
"""Factories by the name that configurations use."""


def find(name: str) -> PruningMethod:
    """A method of `METHODS`, or of your own as 'package.module:factory'.

    Args:
      name: a key of `METHODS`, or module and attribute of a function without arguments.

    Returns:
      The method; the same object whenever the same factory is named.

    Raises:
      ValueError: there is none, or your own breaks the contract of `check_method`; one
        line that says what is allowed.
    """
    factory = factories.find(name, METHODS)
    factories.check_arguments(
        name, factory, 'a function without arguments that returns a PruningMethod')
    method = factories.call(name, made, factory, ())
    if not isinstance(method, PruningMethod):
        raise ValueError(f'{name!r} gives {method!r:.40}; allowed: a PruningMethod')
    if factories.is_own(name):
        try:
            check_method(method)
        except ValueError as error:
            raise ValueError(f'{name!r} is not allowed: {error}') from None
    return method
