"""CIFAR-10, classes 0-4 against 5-9, under 2 KB of model and working memory.

    python -m launch.search --config=experiments/cifar10_binary.py \
        --workdir=runs/cifar10_binary --config.data.path=FILE.npz
"""

from sparse_jax import default_config


def get_config():
    """An accelerator's job: 25 rounds of 16 candidates."""
    config = default_config()
    config.data.name = 'cifar10_binary'
    config.pruning.method = 'bayes_compress'
    config.train.epochs = 40
    config.train.variational_rate = 10.0
    config.objectives.quantized = True
    config.objectives.error = 0.3
    config.search.initial_design = 'filled'
    config.search.rounds = 25
    config.search.batch = 16
    config.search.max_groups = 8
    config.search.initial_groups = 4
    config.search.initial = 48
    return config
