"""USPS, digits 0-4 against 5-9, on two CPU cores.

Point config.data.path at an .npz with x_train, y_train, x_test and y_test: 7291 and
2007 images of 16 x 16 (docs/data.md says where they come from). The papers do not
publish their groups; these are the first half against the rest.

    python -m launch.search --config=experiments/usps_binary_cpu.py:minutes=60 \\
        --workdir=runs/usps_binary --config.data.path=FILE.npz
"""

import ml_collections

from experiments import two_cores
from experiments.two_cores import Row

ROWS = {
    'small': Row(1516, 1004),
    'wide': Row(32_563, 1853),
    '2kb': Row(2048, 2048),
}
"""The paper's two networks under model (6); two kilobytes of both."""


def get_config(argument: str = '') -> ml_collections.ConfigDict:
    """Networks that fill the budgets of a row."""
    return two_cores.preset(argument, ROWS, data='usps_binary', epochs=60, error=0.05)
