"""Reads and writes export folders; never destroys what is not an earlier export."""

import json
import pathlib
import shutil
import tempfile
import zipfile

import numpy as np

from sparse_jax.export.errors import ExportError

MARKER = 'sparse_jax export'
REPORT = 'report.json'


def write(out_dir: str | pathlib.Path, files: dict[str, str], arrays: dict,
          report: dict) -> None:
    """Writes files, `testset.npz` and the report; replaces an earlier export whole.

    A non-empty folder without our report is refused. Files that an earlier export did
    not write are kept.
    """
    out = pathlib.Path(out_dir)
    earlier = check_target(out)
    names = sorted([*files, 'testset.npz', REPORT])
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix='.export-') as staging:
        staging = pathlib.Path(staging)
        for name, text in files.items():
            (staging / name).write_text(text)
        np.savez_compressed(staging / 'testset.npz', **arrays)
        content = {'made_by': MARKER, 'files': names} | report
        (staging / REPORT).write_text(json.dumps(content, indent=1) + '\n')
        out.mkdir(exist_ok=True)
        for name in earlier:
            (out / name).unlink(missing_ok=True)
        for name in names:
            shutil.move(staging / name, out / name)


def check_target(out: str | pathlib.Path) -> list[str]:
    """Files of an earlier export in `out`, or refuses the folder."""
    out = pathlib.Path(out)
    if not out.exists():
        return []
    if not out.is_dir():
        raise ExportError(f'{out} is not a folder')
    if not any(out.iterdir()):
        return []
    try:
        names = read_report(out)['files']
    except ExportError:
        raise ExportError(f'{out} is not empty and not an earlier export: choose '
                          'another folder') from None
    return [name for name in names if pathlib.PurePath(name).name == name]


def read_report(out: str | pathlib.Path) -> dict:
    """The report of an export folder."""
    path = pathlib.Path(out) / REPORT
    try:
        report = json.loads(path.read_text())
        if report['made_by'] == MARKER and isinstance(report['files'], list):
            return report
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise ExportError(f'{out} is not an exported network (no {REPORT} of ours)')


def read_testset(out: str | pathlib.Path) -> dict[str, np.ndarray]:
    """codes [N, H, W, C] uint8, logits [N, classes] int8, labels [N]; never pickles."""
    try:
        with np.load(pathlib.Path(out) / 'testset.npz', allow_pickle=False) as file:
            return {name: file[name] for name in ('codes', 'logits', 'labels')}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ExportError(f'{out}: testset.npz is missing or damaged') from error


def update_report(out: str | pathlib.Path, **fields) -> None:
    """Adds fields to the report of an export."""
    path = pathlib.Path(out) / REPORT
    path.write_text(json.dumps(read_report(out) | fields, indent=1) + '\n')
