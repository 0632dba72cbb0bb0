"""Whether this machine can run networks on an emulated board."""

from sparse_jax.export import MissingToolError, load_board
from sparse_jax.export.chip.toolchain import check_tools


def has_tools() -> bool:
    """A compiler for the Micro Bit and an emulator are here."""
    try:
        check_tools(load_board('microbit'), 'auto')
    except MissingToolError:
        return False
    return True
