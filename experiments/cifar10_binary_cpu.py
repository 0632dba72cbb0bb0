"""CIFAR-10, classes 0-4 against 5-9, on two CPU cores.

    python -m launch.search --workdir=runs/cifar10_binary --config.data.path=FILE.npz \
        --config=experiments/cifar10_binary_cpu.py:minutes=60,row=small
"""

import ml_collections

from experiments import two_cores
from experiments.two_cores import Row

ROWS = {
    '2kb': Row(2048, 2048),
    'wide': Row(4045, 1157),
    'small': Row(1925, 1434),
    'nonzeros': Row(1400, max_macs=250_000),
    'nonzeros-few': Row(487, max_macs=250_000),
    'small-5': Row(799, 1311, memory_model='input+weights'),
    'unas': Row(685, 909, memory_model='without-image'),
}
"""Bonsai's limits; the paper's two networks under model (6); the authors' talk's two of
few non-zero weights, whatever the memory (dense networks of so few weights); the one
under model (5); that of uNAS as it counts, the image left out."""


def get_config(argument: str = '') -> ml_collections.ConfigDict:
    """Networks that fill the budgets of a row."""
    return two_cores.preset(
        argument, ROWS, data='cifar10_binary', epochs=40, error=0.3)
