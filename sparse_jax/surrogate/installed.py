"""Whether the Gaussian processes can be made: gpjax is not needed for anything else."""

import importlib.util

HOW = ("gpjax is not installed: pip install -r requirements-search.txt (or pip install "
       "'sparse_jax[search]')")
"""For the reader."""


def has_gpjax() -> bool:
    """Whether gpjax is there; it is not imported, which would start the devices."""
    return importlib.util.find_spec('gpjax') is not None
