"""MNIST under 2 KB of working memory in a quarter of an hour on two CPU cores.

Point config.data.path at a folder with the four MNIST idx files, or leave it empty to
prepare the set through tensorflow-datasets. docs/mnist.md has what comes out of it.

    python -m launch.search --config=experiments/mnist.py --workdir=runs/mnist \
        --config.data.path=DIR
"""

from sparse_jax import default_config


def get_config():
    """96 candidates that train for 4 epochs or, as heirs, 2."""
    config = default_config()
    config.data.name = 'mnist'
    config.train.epochs = 4
    config.objectives.error = 0.05
    config.budgets.working_memory = 2048
    config.limits.max_macs = 100_000
    config.search.rounds = 12
    config.search.initial = 24
    return config
