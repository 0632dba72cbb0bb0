"""Chars4K, characters 0-9A-U against V-Za-z, on two CPU cores.

Point config.data.path at an .npz with X, 6283 colour images of 20 x 20, and y, their
classes from 0 to 61.

    python -m launch.search --config=experiments/chars4k_binary_cpu.py:minutes=60 \
        --workdir=runs/chars4k_binary --config.data.path=FILE.npz
"""

import ml_collections

from experiments import two_cores
from experiments.two_cores import Row

ROWS = {
    'narrow': Row(20_582, 399),
    '2kb': Row(2048, 2048),
    'small': Row(164, 1679),
    'small-5': Row(471, 737, memory_model='input+weights'),
}
"""The paper's network of least working memory under model (6); two kilobytes; its
smallest networks under model (6) and under model (5)."""


def get_config(argument: str = '') -> ml_collections.ConfigDict:
    """Networks that fill the budgets of a row."""
    return two_cores.preset(
        argument, ROWS, data='chars4k_binary', epochs=100, error=0.25)
