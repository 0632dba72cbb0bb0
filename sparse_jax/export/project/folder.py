"""Reads and writes export folders; never destroys what is not an earlier export."""

import hashlib
import json
import os
import pathlib
import re
import secrets
import shutil
import zipfile
from collections.abc import Mapping

import numpy as np

from sparse_jax import paths
from sparse_jax.export.errors import ExportError
from sparse_jax.replacing import encoded

MARKER = 'sparse_jax export'
REPORT = 'report.json'
_STAGING = '.export-'


def write(out_dir: str | pathlib.Path, files: Mapping[str, str | bytes],
          arrays: dict[str, np.ndarray], report: dict) -> None:
    """Writes files, `testset.npz` and the report; replaces an earlier export whole.

    A non-empty folder without our report is refused, and so is a file in the way that
    the earlier export did not write. Other such files are kept. A kill at any time
    leaves nothing, or a folder that a later export replaces.

    Raises:
      ExportError: the folder is refused, or cannot be written.
    """
    out = pathlib.Path(os.path.realpath(os.path.expanduser(out_dir)))
    earlier = check_target(out)
    names = sorted([*files, 'testset.npz', REPORT])
    if foreign := [n for n in names if n not in earlier and os.path.lexists(out / n)]:
        raise ExportError(f'{out / foreign[0]} is not of an earlier export: choose '
                          'another folder or name')
    content = {'made_by': MARKER, 'files': names} | report
    content |= {'digest': _digest(content)}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = _new_staging(out)
        try:
            for name, text in files.items():
                written = text if isinstance(text, bytes) else encoded(text)
                (staging / name).write_bytes(written)
            np.savez_compressed(staging / 'testset.npz', allow_pickle=False, **arrays)
            write_report(staging, content)
            _move(staging, out, names, earlier)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise ExportError(f'{error.filename or out}: {error.strerror}') from error


def _move(staging: pathlib.Path, out: pathlib.Path, names: list[str],
          earlier: list[str]) -> None:
    """A new folder is one rename. In one that exists, a report of all that may be there
    goes ahead, so that what a kill leaves is known as ours."""
    if not out.exists():
        os.rename(staging, out)
        return
    write_report(out, {'made_by': MARKER, 'files': sorted({*names, *earlier}),
                       'torn': True})
    for name in set(names) - {REPORT}:
        os.replace(staging / name, out / name)
    for name in set(earlier) - set(names):
        (out / name).unlink(missing_ok=True)
    os.replace(staging / REPORT, out / REPORT)


def _new_staging(out: pathlib.Path) -> pathlib.Path:
    """An empty folder beside `out`; those that kills have left for it are removed."""
    for path in _left_over(out):
        shutil.rmtree(path, ignore_errors=True)
    staging = out.parent / f'{_STAGING}{out.name}.{secrets.token_hex(4)}'
    staging.mkdir()
    return staging


def _left_over(out: pathlib.Path) -> list[pathlib.Path]:
    own = re.compile(re.escape(f'{_STAGING}{out.name}.') + '[0-9a-f]{8}')
    return [path for path in out.parent.iterdir() if own.fullmatch(path.name)
            and path.is_dir() and not path.is_symlink()]


def check_target(out: str | pathlib.Path) -> list[str]:
    """Files of an earlier export in `out`, whole or torn, or refuses the folder."""
    out = pathlib.Path(out).expanduser()
    nearest = paths.nearest(out)
    if nearest.is_dir() and nearest != out:
        return []
    if not out.is_dir():
        raise ExportError(f'{nearest} is not a folder')
    if all(path.name == f'.{REPORT}' for path in out.iterdir()):
        return []
    report = _ours(out)
    if report is None:
        raise ExportError(f'{out} is not empty and not an earlier export: choose '
                          'another folder')
    return [name for name in map(str, report['files'])
            if pathlib.PurePath(name).name == name]


def read_report(out: str | pathlib.Path) -> dict:
    """The report of an export folder.

    Raises:
      ExportError: there is none, or it is not as it was written.
    """
    report = _ours(out)
    if report is None:
        raise ExportError(f'{out} is not an exported network (no {REPORT} of ours)')
    if report.get('torn'):
        raise ExportError(f'{out}: the export was not finished; export it again')
    if 'digest' not in report:
        raise ExportError(f'{out}: written by an older version; export it again')
    if report['digest'] != _digest(report):
        raise ExportError(f'{out}: {REPORT} is damaged: it is not as it was written')
    return report


def _ours(out: str | pathlib.Path) -> dict | None:
    """The report of any version, damaged or not; None if there is none of ours."""
    try:
        report = json.loads((pathlib.Path(out).expanduser() / REPORT).read_text())
        if report['made_by'] == MARKER and isinstance(report['files'], list):
            return report
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return None


def _digest(report: dict) -> str:
    """Of what an export writes; a verification is added later."""
    facts = {k: v for k, v in report.items() if k not in ('digest', 'verification')}
    # Through JSON, which turns tuples into lists and keys into strings.
    text = json.dumps(json.loads(json.dumps(facts)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def write_report(out: pathlib.Path, report: dict) -> None:
    """Replaces the report at once: a kill leaves the old one or the new one."""
    new = out / f'.{REPORT}'
    # A link of this name is not followed.
    new.unlink(missing_ok=True)
    with open(new, 'x') as file:
        file.write(json.dumps(report, indent=1) + '\n')
    os.replace(new, out / REPORT)


def read_testset(out: str | pathlib.Path) -> dict[str, np.ndarray]:
    """codes [N, H, W, C] uint8, logits [N, units] int8, labels [N]; never pickles."""
    try:
        path = pathlib.Path(out).expanduser() / 'testset.npz'
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ('codes', 'logits', 'labels')}
        if len({len(array) for array in arrays.values()}) != 1:
            raise ValueError('arrays of different lengths')
    except (OSError, TypeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ExportError(f'{out}: testset.npz is missing or damaged') from error
    return arrays


def set_verification(out: str | pathlib.Path, verification: dict | None) -> None:
    """Adds the verification to the report of an export; None removes an earlier one."""
    report = read_report(out)
    report.pop('verification', None)
    if verification is not None:
        report['verification'] = verification
    write_report(pathlib.Path(out).expanduser(), report)
