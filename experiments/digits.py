"""The main job: handwritten digits (8x8, embedded) under 2 KB of flash and of RAM.

    python -m launch.search --config=experiments/digits.py --workdir=runs/digits
"""

from sparse_jax import default_config


def get_config():
    """40 candidates in five rounds, one to two minutes on two CPU cores."""
    config = default_config()
    config.objectives.error = 0.03
    config.search.rounds = 5
    return config
