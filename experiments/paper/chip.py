"""What a network costs on the Micro Bit: linked and run in emulation, or predicted."""

import tempfile
from typing import NamedTuple

import numpy as np

from sparse_jax.evaluation.chip import board_costs, verified_costs
from sparse_jax.export import (
    ExportData,
    ExportError,
    MissingToolError,
    export_network,
    load_board,
    verify,
)
from sparse_jax.export.code.c_source import generate
from sparse_jax.model.compact import CompactNet
from sparse_jax.quantize import Ranges, quantize

BOARD = 'microbit'


class Chip(NamedTuple):
    """A network on the board."""

    stored: int
    """Bytes of the weights, each layer in its cheapest format; no biases, no tables."""
    ram: float
    """Bytes of the network's buffers; exact."""
    flash: float
    """Bytes of the network's code and tables."""
    latency: float
    """Milliseconds, estimated from a table of cycles."""
    linked: bool
    """Whether `flash` is that of the linked image; else it is predicted."""
    failure: str = ''
    """Why it does not run on the board; '' if it does."""


def costs(
    net: CompactNet, ranges: Ranges, images: np.ndarray, *, links: bool = True,
) -> Chip:
    """Generate, link and run a network on the emulated board.

    Args:
      net: pruned and of exact shape.
      ranges: of its int8 form.
      images: [N, H, W, C] raw pixels that it is run on.
      links: False for the figures of the cost model, which take no time.

    Returns:
      Its figures; those of the cost model where no compiler or emulator is installed,
      or where the image does not fit the board.
    """
    qnet = quantize(net, ranges)
    stored = sum(part.bytes for part in generate(qnet).encoded.values())
    found, failure = (_linked(net, ranges, images) if links else (None, ''))
    linked = found is not None
    if found is None:
        found = board_costs(qnet, load_board(BOARD))
    return Chip(stored, found['ram'], found['flash'], found['latency'], linked, failure)


def _linked(
    net: CompactNet, ranges: Ranges, images: np.ndarray,
) -> tuple[dict[str, float] | None, str]:
    """Figures of the linked image, or why there are none."""
    with tempfile.TemporaryDirectory(prefix='sparse_jax_chip_') as folder:
        try:
            export_network(
                net, ExportData(images, images), BOARD, folder, ranges=ranges)
            return verified_costs(verify(folder)), ''
        except MissingToolError:
            return None, ''  # The cost model has figures without tools.
        except ExportError as error:
            return None, str(error)
