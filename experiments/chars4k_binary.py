"""Chars4K, characters 0-9A-U against V-Za-z, under 2 KB of working memory.

Point config.data.path at an .npz with X, 6283 colour images of 20 x 20, and y, their
classes from 0 to 61. docs/chars4k.md has what comes out of it.

    python -m launch.search --config=experiments/chars4k_binary.py \
        --workdir=runs/chars4k_binary --config.data.path=FILE.npz
"""

from sparse_jax import default_config


def get_config():
    """96 candidates that train for 60 epochs or, as heirs, 30."""
    config = default_config()
    config.data.name = 'chars4k_binary'
    config.pruning.method = 'bayes_compress'
    config.train.epochs = 60
    config.train.variational_rate = 10.0
    config.objectives.error = 0.25
    config.budgets.working_memory = 2048
    config.limits.max_macs = 60_000
    # 3897 images against the prior: with a larger share of the KL nothing is learnt.
    # Batch norm is not for structured pruning (the paper's table).
    config.space.restrict = 'alpha=0.01:0.2, batch-norm=false'
    config.search.initial_design = 'filled'
    config.search.rounds = 12
    config.search.initial = 24
    return config
