"""One code for arrays of the host and of a device."""

from typing import Any

import jax.numpy as jnp
import numpy as np


def library_of(*arrays: Any) -> Any:
    """`numpy` for numbers and arrays of the host, `jax.numpy` if any is of a device or
    traced: a host that asks for one network compiles nothing for it."""
    host = all(isinstance(a, (np.ndarray, np.generic, int)) for a in arrays)
    return np if host else jnp
