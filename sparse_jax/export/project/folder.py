"""Reads and writes export folders; never destroys what is not an earlier export."""

import hashlib
import json
import os
import pathlib
import tempfile
import zipfile

import numpy as np

from sparse_jax.export.errors import ExportError

MARKER = 'sparse_jax export'
REPORT = 'report.json'


def write(out_dir: str | pathlib.Path, files: dict[str, str], arrays: dict,
          report: dict) -> None:
    """Writes files, `testset.npz` and the report; replaces an earlier export whole.

    A non-empty folder without our report is refused, and so is a file in the way that
    the earlier export did not write. Other such files are kept.
    """
    out = pathlib.Path(out_dir)
    earlier = check_target(out)
    names = sorted([*files, 'testset.npz', REPORT])
    if foreign := [n for n in names if n not in earlier and (out / n).exists()]:
        raise ExportError(f'{out / foreign[0]} is not of an earlier export: choose '
                          'another folder or name')
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix='.export-') as staging:
        staging = pathlib.Path(staging)
        for name, text in files.items():
            (staging / name).write_text(text)
        np.savez_compressed(staging / 'testset.npz', **arrays)
        content = {'made_by': MARKER, 'files': names} | report
        _write_report(staging, content | {'digest': _digest(content)})
        out.mkdir(exist_ok=True)
        # A kill leaves a report of ours, old or new, that a later export replaces.
        for name in sorted(names, key=lambda name: name == REPORT):
            os.replace(staging / name, out / name)
        for name in set(earlier) - set(names):
            (out / name).unlink(missing_ok=True)


def check_target(out: str | pathlib.Path) -> list[str]:
    """Files of an earlier export in `out`, or refuses the folder."""
    out = pathlib.Path(out)
    nearest = next(p for p in (out, *out.absolute().parents) if p.exists())
    if nearest.is_dir() and nearest != out:
        return []
    if not out.is_dir():
        raise ExportError(f'{nearest} is not a folder')
    if not any(out.iterdir()):
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
    if 'digest' not in report:
        raise ExportError(f'{out}: written by an older version; export it again')
    if report['digest'] != _digest(report):
        raise ExportError(f'{out}: {REPORT} is damaged: it is not as it was written')
    return report


def _ours(out):
    """The report of any version, damaged or not; None if there is none of ours."""
    try:
        report = json.loads((pathlib.Path(out) / REPORT).read_text())
        if report['made_by'] == MARKER and isinstance(report['files'], list):
            return report
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _digest(report):
    """Of what an export writes; a verification is added later."""
    facts = {k: v for k, v in report.items() if k not in ('digest', 'verification')}
    # Through JSON, which turns tuples into lists and keys into strings.
    text = json.dumps(json.loads(json.dumps(facts)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _write_report(out, report):
    (out / REPORT).write_text(json.dumps(report, indent=1) + '\n')


def read_testset(out: str | pathlib.Path) -> dict[str, np.ndarray]:
    """codes [N, H, W, C] uint8, logits [N, classes] int8, labels [N]; never pickles."""
    try:
        with np.load(pathlib.Path(out) / 'testset.npz', allow_pickle=False) as file:
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
    _write_report(pathlib.Path(out), report)
