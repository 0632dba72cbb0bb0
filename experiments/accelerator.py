"""MNIST on a GPU or a TPU: 64 candidates a round in at most four programs.

Point config.data.path at a folder with the four MNIST idx files, or leave it empty to
prepare the set through tensorflow-datasets. docs/performance.md has the model of what a
device should do with it; `python -m benchmarks.throughput` measures that.

    python -m launch.search --config=experiments/accelerator.py \
        --workdir=runs/accelerator --config.data.path=DIR
"""

import ml_collections

from sparse_jax import default_config


def get_config() -> ml_collections.ConfigDict:
    """1,280 candidates in 20 rounds; those of one program are trained in one call."""
    config = default_config()
    config.data.name = 'mnist'
    config.train.epochs = 10
    config.objectives.error = 0.05
    config.budgets.working_memory = 2048
    config.limits.max_macs = 100_000
    config.search.batch = 64
    config.search.initial = 128
    config.search.rounds = 20
    config.search.max_groups = 4
    config.search.initial_groups = 4
    config.search.new_groups = 2
    return config
