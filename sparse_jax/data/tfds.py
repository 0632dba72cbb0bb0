"""Reads image-classification sets through TensorFlow Datasets, without TensorFlow.

A set that is prepared in the data_dir in a random-access format is read as it is,
whoever prepared it. Otherwise the sets of `tfds_builders` are prepared there; any
other one needs TensorFlow to be prepared.
"""

import contextlib
import importlib.util
import io
import json
import logging
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from sparse_jax.data.errors import DataError, brief
from sparse_jax.data.known import EMBEDDED, PREPARED
from sparse_jax.data.pool import Pool

_NAME = re.compile(r'\w+(/[\w.\-]+)?(:\d+\.\d+\.\d+)?')
_FORMAT = 'array_record'
_RETRIES = 3
"""Of a download; TFDS's own ten keep an offline user waiting for minutes."""


def read(name: str, data_dir: str | None) -> Pool:
    """Returns the `train` split as the pool, the `validation` and `test` splits, where
    there are any, as the official parts.

    Other splits are left alone. Rows come in the order on disk: the official one for
    the sets prepared here, TFDS's shuffled one for sets that others prepared, which
    therefore have other train and validation rows for the same seed.

    Args:
      name: `mnist`, or as TFDS spells them: `set/config:1.2.3`.
      data_dir: TFDS's data_dir; None for its own default.

    Raises `DataError` for an unknown name, a failed download, a set that holds no
    labelled images, or one that is prepared in a format of TensorFlow's.
    """
    if not _NAME.fullmatch(name):
        raise DataError(f'name={name!r}: accepted: {_accepted()}')
    if data_dir:
        _check_features(pathlib.Path(data_dir) / re.split('[/:]', name)[0])
    builder = _prepared(name, data_dir)
    if builder is None:
        prepare(name, data_dir)
        builder = _prepared(name, data_dir)
    if builder is None:
        raise DataError(f'name={name!r}: TFDS prepared it but does not find it again; '
                        'accepted: a data_dir of its own')
    keys: Any = builder.info.supervised_keys or ()
    features: Any = builder.info.features
    label: Any = dict(features).get(keys[1]) if len(keys) == 2 else None
    if not hasattr(label, 'num_classes') or 'train' not in builder.info.splits:
        raise DataError(f'name={name!r}: no train split of images and class labels; '
                        'accepted: an image classification set')
    pool = {}
    for split, prefix in (('train', ''), ('validation', 'val_'), ('test', 'test_')):
        if split in builder.info.splits:
            pool |= _rows(builder, split, keys, name, prefix)
    return Pool(**pool, class_names=tuple(label.names))


def _check_features(folder: pathlib.Path) -> None:
    """Refuse a prepared set whose metadata names code of somebody else, which TFDS
    would import."""
    # Through links too, as TFDS does; each folder once, as links may go round.
    seen: set[str] = set()
    for root, inner, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(root))
        inner[:] = [name for name in inner
                    if os.path.realpath(os.path.join(root, name)) not in seen]
        if 'features.json' not in names:
            continue
        path = pathlib.Path(root) / 'features.json'
        try:
            names = list(_class_names(json.loads(path.read_text())))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f'{path}: cannot be read ({brief(error)}); accepted: '
                            'what TFDS writes') from error
        for name in names:
            if not str(name).startswith('tensorflow_datasets.'):
                raise DataError(f'{path}: names {str(name)!r:.80}, which reading it '
                                'would import; accepted: features of TFDS')


def _class_names(tree: object) -> Iterator[object]:
    """What a nested value has under TFDS's key for the class of a feature."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key in ('pythonClassName', 'python_class_name') or (
                    # The legacy form, of which TFDS imports the class as well.
                    key == 'type' and isinstance(value, str)):
                yield value
            yield from _class_names(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _class_names(value)


def prepare(
    name: str, data_dir: str | None, *, manual_dir: str | None = None,
    builder: Callable[..., Any] | None = None,
) -> None:
    """Downloads a set and writes it to `data_dir` as array_record.

    Args:
      name: as for `read`.
      data_dir: as for `read`.
      manual_dir: folder looked into for the source files, under their official names,
        before downloading; None = `downloads/manual` in the data_dir. Checksums are
        verified either way.
      builder: a TFDS builder class; None = the one that belongs to `name`.

    Raises `DataError`, one line, where it cannot: no internet, wrong checksum, ...
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import downloader
    with _quiet(), _assigned(downloader, 'MAX_RETRIES', _RETRIES):
        try:
            made = (builder or _builder_class(name, data_dir))(data_dir=data_dir)
            config = tfds.download.DownloadConfig(
                try_download_gcs=False, manual_dir=manual_dir)
            made.download_and_prepare(download_config=config, file_format=_FORMAT)
        except DataError:
            raise
        # TFDS, its downloader and a builder raise their own types, some of them built
        # at run time: whatever it was, the reader needs one line.
        except Exception as error:
            folder = manual_dir or os.path.join(
                data_dir or '<TFDS data_dir>', 'downloads', 'manual')
            raise DataError(
                f'name={name!r}: TFDS could not download or prepare it '
                f'({type(error).__name__}: {brief(error)}); accepted: a working '
                f'connection, or the official source files in {folder}') from error


def _builder_class(name: str, data_dir: str | None) -> Callable[..., Any]:
    if name in PREPARED:
        from sparse_jax.data.tfds_builders import BUILDERS
        return BUILDERS[name]
    if importlib.util.find_spec('tensorflow') is None:
        raise DataError(
            f'name={name!r}: not prepared in {data_dir or "the TFDS data_dir"}, and '
            f'preparing it needs TensorFlow, which is not installed; '
            f'accepted: {_accepted()}')
    import tensorflow_datasets as tfds

    def build(data_dir: str | None) -> Any:
        return tfds.builder(name, data_dir=data_dir, try_gcs=False)
    return build


def _prepared(name: str, data_dir: str | None) -> Any:
    """The builder of a set that is on disk; None where there is none."""
    from tensorflow_datasets.core import read_only_builder, registered
    with _quiet():
        try:
            return read_only_builder.builder_from_files(name, data_dir=data_dir)
        except registered.DatasetNotFoundError:
            return None
        except Exception as error:  # damaged metadata surfaces as any type
            raise DataError(
                f'name={name!r}: what is prepared in {data_dir or "the TFDS data_dir"} '
                f'cannot be opened ({brief(error)}); accepted: delete it, then again'
            ) from error


def _rows(
    builder: Any, split: str, keys: tuple[str, str], name: str, prefix: str
) -> dict[str, np.ndarray]:
    """The fields of a pool that a split fills."""
    try:
        with _quiet():
            rows = [(row[keys[0]], row[keys[1]])
                    for row in builder.as_data_source(split=split)]
    except NotImplementedError as error:
        raise DataError(
            f'name={name!r}: prepared in {builder.data_dir} as '
            f'{builder.info.file_format.value}, which needs TensorFlow; accepted: '
            f'{_FORMAT} (another data_dir, or delete it)') from error
    except Exception as error:  # damaged records surface as any type
        raise DataError(f'name={name!r}: {builder.data_dir} cannot be read '
                        f'({brief(error)}); accepted: delete it, then again') from error
    shapes = {np.shape(image) for image, _ in rows}
    if len(shapes) != 1:
        raise DataError(f'name={name!r}: {split} images of {len(shapes)} different '
                        'shapes; accepted: one')
    return {f'{prefix}images': np.stack([image for image, _ in rows]),
            f'{prefix}labels': np.array([y for _, y in rows])}


def _accepted() -> str:
    return (f'{", ".join(EMBEDDED + PREPARED)}, each also with _binary; with a path, '
            'an .npz file or idx folder under any name; a TFDS set prepared as '
            f'{_FORMAT}')


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps TFDS's banners, progress bars and log lines off the terminal."""
    import tensorflow_datasets as tfds
    tfds.disable_progress_bar()
    loggers = [logging.getLogger(n) for n in ('absl', 'urllib3')]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


@contextlib.contextmanager
def _assigned(module: ModuleType, name: str, value: object) -> Iterator[None]:
    """Sets a module's constant for a while; does nothing where it has none."""
    before = getattr(module, name, None)
    if before is None:
        yield
        return
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
