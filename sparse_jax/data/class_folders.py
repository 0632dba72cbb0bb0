"""A folder with one folder of pictures for each class, whole or in parts.

    path/cat/1.png, path/dog/7.jpg, ...
    path/train/cat/1.png, ..., path/test/cat/9.png, ..., path/validation/...

Classes are named as their folders and ordered by name, numbers by value; pictures of a
class are ordered by name. Nothing outside of the folder is opened: a symbolic link out
of it is refused.
"""

import itertools
import pathlib
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sparse_jax.data import pictures
from sparse_jax.data.channels import to_channels
from sparse_jax.data.errors import DataError
from sparse_jax.data.labels import in_order
from sparse_jax.data.part_names import part_of
from sparse_jax.data.pool import Pool
from sparse_jax.data.resizing import area_mean

_LOOKED_AT = 1000
"""Entries of a folder that are looked at before it is taken for something else."""
_MOST_BYTES = 2**33
_SIZE_HINT = 'data.image_size, which makes them of one size'


class _Picture(NamedTuple):
    path: pathlib.Path
    label: str
    header: pictures.Header

    @property
    def size(self) -> tuple[int, int]:
        return self.header.height, self.header.width


def is_folder(folder: pathlib.Path) -> bool:
    """Whether folders in it, or in its parts, hold pictures."""
    inside = list(itertools.islice(_folders(folder), _LOOKED_AT))
    return any(map(_has_pictures, inside)) or any(
        _has_pictures(path) for part in inside if part_of(part.name)
        for path in itertools.islice(_folders(part), _LOOKED_AT))


def read(
    folder: pathlib.Path, channels: int = 0, size: tuple[int, int] | None = None
) -> Pool:
    """Reads all pictures of a folder of class folders.

    Args:
      folder: as above. Files that are no pictures are not opened; the notes name them.
      channels: 1 for grey, 3 for colour, 0 for colour if any picture has it.
      size: (height, width) that pictures are made of, by means over areas; None for as
        they are, which all of one size must be.

    Raises:
      DataError: one line that names the file or folder, for pictures of several sizes,
        a class without pictures, a picture that cannot be read, and all else that
        makes it no labelled images.
    """
    root, notes = folder.resolve(), []
    found = {part: list(_pictures(place, root, notes))
             for part, place in _parts(folder).items()}
    every = list(itertools.chain(*found.values()))
    if size is None:
        _check_one_size(every, folder)
    else:
        _check_not_smaller(every, size)
    channels = channels or _channels(every, folder, notes)
    _check_bytes(every, size, channels, folder)
    arrays: dict[str, np.ndarray] = {}
    for part, some in found.items():
        prefix = '' if part == 'train' else f'{part}_'
        arrays[f'{prefix}images'] = np.concatenate(
            [_pixels(picture, channels, size) for picture in some])
        arrays[f'{prefix}labels'] = np.array([picture.label for picture in some])
    names = in_order({picture.label for picture in found['train']})
    usual = Counter(picture.size for picture in every).most_common(1)[0][0]
    return Pool(**arrays, class_names=tuple(names), notes=tuple(notes),
                resized_from=None if size in (None, usual) else usual, by_class=True)


def _folders(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Folders in a folder; hidden ones and those that archives leave are none."""
    return (path for path in sorted(folder.iterdir())
            if path.is_dir() and not path.name.startswith(('.', '__')))


def _has_pictures(folder: pathlib.Path) -> bool:
    return any(path.suffix.lower() in pictures.SUFFIXES + pictures.OTHER_SUFFIXES
               for path in itertools.islice(folder.iterdir(), _LOOKED_AT))


def _parts(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The parts of a set, or its only one; a class may be called 'test' too."""
    inside = list(_folders(folder))
    named = {path: part_of(path.name) for path in inside if part_of(path.name)
             and not _has_pictures(path) and any(_folders(path))}
    if not named:
        return {'train': folder}
    places: dict[str, pathlib.Path] = {}
    for path in inside:
        part = named.get(path, '')
        if not part:
            raise DataError(f'{path}: stands beside {next(iter(named)).name}; '
                            'accepted: train, test and validation, or classes alone')
        if part in places:
            raise DataError(f'{path}: stands beside {places[part].name}; accepted: one '
                            f'folder of the {part} part')
        places[part] = path
    if 'train' not in places:
        raise DataError(f'{folder}: has {", ".join(p.name for p in inside)} and no '
                        'train; accepted: train, and optionally test and validation')
    return {part: places[part] for part in ('train', 'val', 'test') if part in places}


def _pictures(
    place: pathlib.Path, root: pathlib.Path, notes: list[str]
) -> Iterator[_Picture]:
    """All pictures of a part, class after class."""
    _check_inside(place, root)
    others = [path for path in sorted(place.iterdir())
              if not path.is_dir() and not path.name.startswith('.')]
    for label in _folders(place):
        _check_inside(label, root)
        found = 0
        for path in sorted(label.iterdir()):
            if path.name.startswith('.'):
                continue
            _check_inside(path, root)
            if path.is_dir():
                raise DataError(f'{path}: is a folder in a class; accepted: pictures')
            if path.suffix.lower() in pictures.OTHER_SUFFIXES:
                raise DataError(f'{path}: is not read; accepted: PNG, JPEG or BMP')
            if path.suffix.lower() not in pictures.SUFFIXES:
                others.append(path)
                continue
            if not path.is_file():
                raise DataError(f'{path}: is no file; accepted: PNG, JPEG or BMP')
            found += 1
            yield _Picture(path, label.name, pictures.header(path))
        if not found:
            raise DataError(f'{label}: has no pictures; accepted: one or more of every '
                            'class (PNG, JPEG or BMP)')
    if others:
        notes.append(f'{others[0]} is not read' + (
            f', and {len(others) - 1} more that are' if others[1:] else '; it is')
            + ' no picture in a class')


def _check_inside(path: pathlib.Path, root: pathlib.Path) -> None:
    """Refuse a link out of the folder, and one that leads nowhere."""
    if not path.is_symlink():
        return
    try:
        inside = path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        inside = False
    if not inside:
        raise DataError(f'{path}: is a symbolic link out of the folder; accepted: '
                        f'files and links inside of {root}')


def _check_one_size(every: list[_Picture], folder: pathlib.Path) -> None:
    if not every:
        raise DataError(f'{folder}: has no pictures; accepted: folders of them')
    first = every[0]
    for picture in every:
        if picture.size != first.size:
            raise DataError(
                f'{picture.path}: {_by(picture.size)} pixels, {first.path.name} has '
                f'{_by(first.size)}; accepted: pictures of one size, or {_SIZE_HINT}')


def _check_not_smaller(every: list[_Picture], size: tuple[int, int]) -> None:
    for picture in every:
        if picture.size[0] < size[0] or picture.size[1] < size[1]:
            raise DataError(
                f'{picture.path}: {_by(picture.size)} pixels, and image_size={size} is '
                'larger; accepted: up to the size of the smallest picture')


def _channels(every: list[_Picture], folder: pathlib.Path, notes: list[str]) -> int:
    """3 if any picture is in colour, else 1; a mixture is said."""
    coloured = sum(picture.header.colour for picture in every)
    if 0 < coloured < len(every):
        notes.append(f'{folder}: {coloured} of {len(every)} pictures are in colour: '
                     'all are read so; data.channels=1 reads all as grey')
    return 3 if coloured else 1


def _check_bytes(every: list[_Picture], size: tuple[int, int] | None, channels: int,
                 folder: pathlib.Path) -> None:
    """Refuse what would not fit into memory, before any of it is read."""
    height, width = size or every[0].size
    needed = len(every) * height * width * channels
    if needed > _MOST_BYTES:
        raise DataError(
            f'{folder}: {len(every)} pictures of {height}x{width} pixels take '
            f'{needed / 2**30:.1f} GiB; accepted: up to {_MOST_BYTES >> 30}, or a '
            'smaller data.image_size')


def _pixels(
    picture: _Picture, channels: int, size: tuple[int, int] | None
) -> np.ndarray:
    """[1, H, W, C] of one picture: first its channels, then its size."""
    found = pictures.pixels(picture.path)[None]
    found = to_channels(found, channels, str(picture.path))
    return found if size in (None, picture.size) else area_mean(found, size)


def _by(size: tuple[int, int]) -> str:
    return f'{size[0]}x{size[1]}'
