"""Writers of small data files in the official formats, as fixtures."""

import gzip
import struct

import numpy as np
import pytest

OFFICIAL = ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte',
            't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte')


def idx_bytes(array):
    """The idx encoding of a uint8 array, written independently of the reader."""
    head = struct.pack('>BBBB', 0, 0, 8, array.ndim)
    return head + struct.pack(f'>{array.ndim}I', *array.shape) + array.tobytes()


@pytest.fixture
def images():
    """60 train and 20 test images [*, 28, 28] uint8 with labels, all ten classes."""
    rng = np.random.default_rng(7)
    return (rng.integers(0, 256, (60, 28, 28), dtype=np.uint8),
            np.arange(60, dtype=np.uint8) % 10,
            rng.integers(0, 256, (20, 28, 28), dtype=np.uint8),
            np.arange(20, dtype=np.uint8) % 10)


@pytest.fixture
def write_idx():
    """A function (folder, four arrays or fewer, gz) that writes official names."""
    def write(folder, arrays, gz=True):
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in zip(OFFICIAL, arrays):
            data = idx_bytes(array)
            if gz:
                (folder / f'{name}.gz').write_bytes(gzip.compress(data))
            else:
                (folder / name).write_bytes(data)
        return str(folder)
    return write


@pytest.fixture
def encode_idx():
    return idx_bytes
