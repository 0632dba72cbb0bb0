"""MNIST within 2 KB of model and 2 KB of working memory, structured, on two CPU cores.

The paper's smaller network (table B: 95.8 %, 1.76 KB, 0.62 KB) gives the soft bounds.
docs/mnist.md has what comes out of it.

    python -m launch.search --config=experiments/mnist_2kb_cpu.py \
        --workdir=runs/mnist_2kb --config.data.path=DIR
"""

from experiments import mnist


def get_config():
    """176 candidates that train for 4 epochs or, as heirs, 3: twenty minutes."""
    config = mnist.get_config()
    config.pruning.method = 'bayes_compress'
    # Batch norm is not for structured pruning (the paper's table).
    config.space.restrict = 'batch-norm=false'
    config.objectives.update({'model_size': 1800, 'working_memory': 640})
    config.budgets.model_size = 2048
    config.limits.max_weights = 16_384
    config.search.child_epochs = 0.75
    config.search.rounds = 22
    return config
