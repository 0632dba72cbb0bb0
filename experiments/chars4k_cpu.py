"""Chars4K, all 62 characters, on two CPU cores.

Point config.data.path at an .npz with X, 6283 colour images of 20 x 20, and y, their
classes from 0 to 61.

    python -m launch.search --config=experiments/chars4k_cpu.py:minutes=60 \
        --workdir=runs/chars4k --config.data.path=FILE.npz
"""

import ml_collections

from experiments import two_cores
from experiments.two_cores import Row

ROWS = {
    '2kb': Row(2048, 2048),
    'nonzeros': Row(1700, max_macs=250_000),
}
"""Two kilobytes of both; few non-zero weights, as in the authors' talk, whatever the
memory (dense networks of so few weights)."""


def get_config(argument: str = '') -> ml_collections.ConfigDict:
    """Networks that fill the budgets of a row."""
    return two_cores.preset(
        argument, ROWS, data='chars4k', epochs=100, error=0.4)
