"""The folder of compiled programs: entries that a kill cut short are dropped.

JAX warns of such an entry, compiles again and leaves it where it is, so that every
later run does the same.
"""

import contextlib
import json
import os
import pathlib
import secrets
import warnings
import zlib

_CHECKED = 'checked.json'
"""File in the folder: {name of an entry: its size when it was found whole}."""
_CHUNK = 1 << 16
_ZLIB = b'\x78'


def use(folder: pathlib.Path) -> None:
    """Keep lowered and compiled programs in a folder; made if it is missing.

    Raises:
      OSError: it cannot be made.
    """
    import jax

    from sparse_jax import replacing
    from sparse_jax.lowered import lower

    folder.mkdir(parents=True, exist_ok=True)
    # A folder of others, or one that is read-only, is used as it is.
    with contextlib.suppress(OSError):
        drop_damaged(folder)
        replacing.drop_abandoned(folder)
    # A full disk is no reason to stop here, nor to say so for every program.
    warnings.filterwarnings(
        'ignore', 'Error writing persistent compilation cache', UserWarning)
    jax.config.update('jax_compilation_cache_dir', str(folder))
    # All of them: the many small ones are what a second run would wait for.
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)
    jax.config.update('jax_persistent_cache_min_entry_size_bytes', 0)
    lower.use(folder)


def drop_damaged(folder: pathlib.Path) -> list[str]:
    """Delete entries that are not whole; those of known size are not read again.

    Returns:
      Names of what was deleted.

    Raises:
      OSError: the folder cannot be read or written.
    """
    known = _read(folder / _CHECKED)
    sizes, dropped = {}, []
    for path in folder.glob('*-cache'):
        size = path.lstat().st_size
        if known.get(path.name) == size or _is_whole(path):
            sizes[path.name] = size
        else:
            path.unlink(missing_ok=True)
            dropped.append(path.name)
    if sizes != known:
        temporary = folder / f'.{_CHECKED}.{secrets.token_hex(6)}.tmp'
        temporary.write_text(json.dumps(sizes))
        os.replace(temporary, folder / _CHECKED)
    return sorted(dropped)


def _is_whole(path: pathlib.Path) -> bool:
    """Whether a zlib stream ends where it says; streams of other kinds are believed."""
    if path.is_symlink():
        return True
    with open(path, 'rb') as file:
        start = file.read(_CHUNK)
        if not start:
            return False
        if start[:1] != _ZLIB:
            return True
        stream = zlib.decompressobj()
        try:
            while start:
                stream.decompress(start)
                start = file.read(_CHUNK)
        except zlib.error:
            return False
    return stream.eof


def _read(path: pathlib.Path) -> dict[str, int]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
