"""CIFAR-10, classes 0-4 against 5-9, in half an hour on two CPU cores.

A quarter of the training images; docs/paper_tasks.md trains its finds on all of them.

    python -m launch.search --config=experiments/cifar10_binary_cpu.py \
        --workdir=runs/cifar10_binary --config.data.path=FILE.npz
"""

from sparse_jax.config import default_config


def get_config():
    """72 candidates that train for 20 epochs or, as heirs, 10."""
    config = default_config()
    config.data.name = 'cifar10_binary'
    config.data.max_train = 12_000
    config.pruning.method = 'bayes_compress'
    config.train.epochs = 20
    config.train.variational_rate = 10.0
    config.objectives.error = 0.3
    config.budgets.working_memory = 2048
    config.limits.max_macs = 80_000
    # As for Chars4K: the fewer the images, the heavier the prior.
    config.space.restrict = 'alpha=0.01:0.3, batch-norm=false'
    config.search.rounds = 9
    config.search.initial = 24
    return config
