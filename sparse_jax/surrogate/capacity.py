"""Fixed sizes for growing data: one compiled program serves a whole tier."""

import numpy as np

TIERS = (64, 128, 256, 512, 1024, 2048)


def tier(count: int, tiers: tuple[int, ...] = TIERS) -> int:
    """The smallest tier that holds `count` rows; past the last one it doubles."""
    for size in tiers:
        if count <= size:
            return size
    size = tiers[-1]
    while size < count:
        size *= 2
    return size


def pad(rows: np.ndarray, size: int, fill: float = 0.0) -> np.ndarray:
    """rows [N, ..] -> [size, ..], empty rows filled with `fill`."""
    rows = np.asarray(rows)
    if len(rows) > size:
        raise ValueError(f'{len(rows)} rows do not fit into {size}')
    out = np.full((size, *rows.shape[1:]), fill, rows.dtype)
    out[: len(rows)] = rows
    return out
