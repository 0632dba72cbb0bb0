"""Images of your own within budgets of your own, on two CPU cores.

    python -m launch.search --workdir=runs/mine \
        --config=experiments/own_cpu.py:minutes=20,flash=4096,ram=2048 \
        --config.data.name=mine --config.data.path=DIR

Budgets are hard, of the int8 network, by the names of costs: flash and ram in bytes and
latency in ms on `--config.objectives.board` (a Micro Bit), or model_size and
working_memory, as the paper counts. `epochs` is the length of a whole training: 20 for
fifty thousand easy images, 40 for fifty thousand hard ones, 100 for a few thousand.
"""

import ml_collections

from experiments import two_cores
from sparse_jax.objectives.goal import COSTS

EPOCHS = 40
"""Of an argument that does not say."""
BUDGETS = {'model_size': 2048, 'working_memory': 2048}
"""Of an argument without one, bytes."""
MOST = 10 ** 9


def get_config(argument: str = '') -> ml_collections.ConfigDict:
    """Networks that fill the budgets of the argument.

    Raises:
      ValueError: one line with the word of the argument and what is allowed.
    """
    known = {'minutes': str(two_cores.MINUTES), 'epochs': str(EPOCHS)}
    found = two_cores.words(argument, known | {name: '' for name in COSTS})
    budgets = {name: two_cores.whole(name, found[name], MOST)
               for name in COSTS if found[name]}
    return two_cores.by_the_clock(
        two_cores.whole('minutes', found['minutes']), budgets=budgets or BUDGETS,
        epochs=two_cores.whole('epochs', found['epochs'], 10_000))
