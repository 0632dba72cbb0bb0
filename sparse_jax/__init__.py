"""Sparse architecture search for microcontroller CNNs, as pure JAX functions.

Import the parts you compose: `sparse_jax.space`, `.model`, `.pruning`, `.training`,
`.objectives` need jax, flax, optax and numpy alone; `.surrogate`, `.acquisition` and
`.search` add the optimiser; `.quantize` and `.export` lead to the chip.
"""

__version__ = '0.1.0'

from sparse_jax.settings.tree import default_config as default_config  # noqa: F401
