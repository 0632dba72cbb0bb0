"""Digits for the BBC micro:bit: bytes of flash and RAM are the objectives themselves.

    python -m launch.search --config=experiments/microbit.py --workdir=runs/microbit

Every trained network is quantised and measured: its int8 error, the exact bytes of its
buffer plan, predicted bytes of flash. One that would need more than 5 ms per image is
over a hard budget. The front is verified on the emulated board at the end; all test
images are run by `python -m launch.verify --workdir=runs/microbit`.
"""

from sparse_jax import default_config


def get_config():
    """40 candidates in five rounds, within 5 ms of a Cortex-M0 at 16 MHz."""
    config = default_config()
    config.objectives.names = ('error', 'flash', 'ram')
    config.objectives.update({'error': 0.03, 'flash': 3072, 'ram': 256})
    config.objectives.quantized = True
    config.budgets.latency = 5.0
    config.search.rounds = 5
    return config
