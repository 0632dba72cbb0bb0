"""MNIST under 2 KB of model and working memory, structured pruning (paper, table B).

Point config.data.path at a folder with the four MNIST idx files, or leave it empty to
prepare the set through tensorflow-datasets.

    python -m launch.search --config=experiments/mnist_2kb.py --workdir=runs/mnist \
        --config.data.path=DIR
"""

from sparse_jax import default_config


def get_config():
    """An accelerator's job: 25 rounds of 16 candidates."""
    config = default_config()
    config.data.name = 'mnist'
    config.pruning.method = 'bayes_compress'
    config.train.epochs = 30
    config.train.variational_rate = 10.0
    config.objectives.quantized = True
    config.objectives.error = 0.05
    config.search.rounds = 25
    config.search.batch = 16
    config.search.max_groups = 8
    config.search.initial_groups = 4  # at most 34 programs
    config.search.initial = 48
    return config
