"""CUReT, all 61 materials, on two CPU cores.

Point config.data.path at the 61 folders of 92 pictures each (docs/data.md says where
they come from). Pictures become 32 x 32 grey pixels: the paper does not say its size.

    python -m launch.search --config=experiments/curet_cpu.py:minutes=60 \\
        --workdir=runs/curet --config.data.path=DIR
"""

import ml_collections

from experiments import two_cores
from experiments.two_cores import Row

ROWS = {
    'nonzeros': Row(8500, method='sparse_vd'),
    '2kb': Row(2048, 2048),
}
"""Single weights, as the authors' talk has them; two kilobytes of both."""
SIDE = 32
"""Pixels of a side, of 200."""


def get_config(argument: str = '') -> ml_collections.ConfigDict:
    """Networks that fill the budgets of a row."""
    config = two_cores.preset(argument, ROWS, data='curet', epochs=100, error=0.1)
    config.data.image_size = (SIDE, SIDE)
    config.data.channels = 1
    return config
