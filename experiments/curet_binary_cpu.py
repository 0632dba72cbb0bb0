"""CUReT, materials 1-30 against 31-61, on two CPU cores.

Pictures and their size as in experiments/curet_cpu.py. The papers do not publish their
groups; these are the first half against the rest.

    python -m launch.search --config=experiments/curet_binary_cpu.py:minutes=60 \\
        --workdir=runs/curet_binary --config.data.path=DIR
"""

import ml_collections

from experiments import two_cores
from experiments.curet_cpu import SIDE
from experiments.two_cores import Row

ROWS = {
    'small': Row(143, 1946),
    '2kb': Row(2048, 2048),
}
"""The paper's network under model (6); two kilobytes of both."""


def get_config(argument: str = '') -> ml_collections.ConfigDict:
    """Networks that fill the budgets of a row."""
    config = two_cores.preset(
        argument, ROWS, data='curet_binary', epochs=100, error=0.25)
    config.data.image_size = (SIDE, SIDE)
    config.data.channels = 1
    return config
