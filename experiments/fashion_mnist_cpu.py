"""Fashion-MNIST on two CPU cores.

Point config.data.path at a folder with the four idx files, or leave it empty to prepare
the set through tensorflow-datasets.

    python -m launch.search --config=experiments/fashion_mnist_cpu.py:minutes=60 \
        --workdir=runs/fashion_mnist --config.data.path=DIR
"""

import ml_collections

from experiments import two_cores
from experiments.two_cores import Row

ROWS = {
    '2kb': Row(2048, 2048),
}
"""Two kilobytes of both."""


def get_config(argument: str = '') -> ml_collections.ConfigDict:
    """Networks that fill the budgets of a row."""
    return two_cores.preset(
        argument, ROWS, data='fashion_mnist', epochs=20, error=0.15)
