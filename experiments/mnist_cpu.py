"""MNIST on two CPU cores.

Point config.data.path at a folder with the four idx files, or leave it empty to prepare
the set through tensorflow-datasets.

    python -m launch.search --config=experiments/mnist_cpu.py:minutes=60,row=small \
        --workdir=runs/mnist --config.data.path=DIR
"""

import ml_collections

from experiments import two_cores
from experiments.two_cores import Row

ROWS = {
    'wide': Row(15_360, 1413),
    'small': Row(1802, 635),
    'nonzeros': Row(1450, max_macs=150_000),
    'nonzeros-few': Row(510, max_macs=150_000),
    'wide-5': Row(2836, 2007, memory_model='input+weights'),
    'small-5': Row(1475, 1362, memory_model='input+weights'),
    'unas': Row(480, 488, memory_model='without-image'),
}
"""The paper's two networks under model (6); the authors' talk's two of few non-zero
weights, whatever the memory (dense networks of so few weights); the two under model
(5); that of uNAS as it counts, the image left out."""


def get_config(argument: str = '') -> ml_collections.ConfigDict:
    """Networks that fill the budgets of a row."""
    return two_cores.preset(
        argument, ROWS, data='mnist', epochs=20, error=0.03)
