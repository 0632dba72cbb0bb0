"""Pruning methods, all with one contract (`method.PruningMethod`)."""

from sparse_jax.pruning.bayes_compress import bayes_compress as bayes_compress
from sparse_jax.pruning.method import PruningMethod as PruningMethod
from sparse_jax.pruning.method import keep as keep
from sparse_jax.pruning.reference import magnitude as magnitude
from sparse_jax.pruning.reference import no_pruning as no_pruning
from sparse_jax.pruning.sparse_vd import sparse_vd as sparse_vd

METHODS = {
    'sparse_vd': sparse_vd,
    'bayes_compress': bayes_compress,
    'magnitude': magnitude,
    'none': no_pruning,
}
"""Factories by the name that configurations use."""
