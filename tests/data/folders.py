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


def materials(folder: pathlib.Path, each: int = 10) -> pathlib.Path:
    """CUReT's form: folders sample01 to sample61 of grey pictures, larger than 32 x 32.
    """
    names = tuple(f'sample{number:02}' for number in range(1, 62))
    classes(folder, names, each, lambda: grey(40, 40))
    return folder


def zip_codes(path: pathlib.Path) -> pathlib.Path:
    """The form of USPS: an .npz with its official parts, 60 and 20 images."""
    draw = lambda n: RNG.integers(0, 256, (n, 16, 16), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, x_train=draw(60), y_train=np.arange(60) % 10, x_test=draw(20),
             y_test=np.arange(20) % 10)
    return path
