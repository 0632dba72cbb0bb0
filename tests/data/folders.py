"""Writers of small folders of pictures."""

import pathlib

import numpy as np
import PIL.Image

RNG = np.random.default_rng(11)


def picture(path: pathlib.Path, array: np.ndarray, **options: object) -> np.ndarray:
    """Write an array as a picture; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(array).save(path, **options)
    return array


def grey(height: int = 6, width: int = 5) -> np.ndarray:
    return RNG.integers(0, 256, (height, width), dtype=np.uint8)


def colour(height: int = 6, width: int = 5) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def classes(
    folder: pathlib.Path, names: tuple[str, ...] = ('cat', 'dog'), count: int = 10,
    make=grey, suffix: str = 'png',
) -> dict[str, np.ndarray]:
    """Pictures in a folder for each class; {'cat/00.png': its array, ...}."""
    return {f'{name}/{i:02}.{suffix}': picture(
        folder / name / f'{i:02}.{suffix}', make())
            for name in names for i in range(count)}
