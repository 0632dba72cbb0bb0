"""Results of competitors on disk: JSON that is sealed, CSV and checksums for people."""

import csv
import dataclasses
import hashlib
import io
import json
import pathlib
from typing import Any

from sparse_jax import replacing

JSON, CSV, SUMS = 'baselines.json', 'baselines.csv', 'SHA256SUMS'
_ROWS, _SEAL, _MEMORY = 'rows', 'digest', 'memory'


class RowsError(ValueError):
    """A folder without rows, or with changed ones; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A method on a data set: tuned on validation data, tested once."""

    method: str
    data: str
    """Name of the data set, and its grouping if it has one."""
    classes: int
    split: str
    """Checksum of the training and validation parts, as `data.digest` has it."""
    test_split: str
    """Of the test part, as `data.split_digest` has it."""
    validation: float
    """Accuracy in 0 to 1."""
    test: float
    published_bytes: int
    """Under the rules of `sizes`."""
    one_byte_bytes: int
    values: int
    tried: int
    """Candidates of the grid."""
    seconds: float
    settings: dict[str, float | int]
    """Of the chosen candidate."""
    asked: dict[str, float | int | str]
    """What the tuning was told: the limit, the grid, the epochs, the seed."""
    memory: dict[str, int] = dataclasses.field(default_factory=dict)
    """{field of `objectives.graph_costs.Totals`: elements held at once by that model of
    memory}; empty where it is not counted, and left out of the files then."""

    @property
    def seed(self) -> int:
        """Of weights and of the order of images."""
        return int(self.asked['seed'])


def write(folder: str | pathlib.Path, rows: list[Row]) -> None:
    """Write the rows of a folder, in place of those that it has.

    The JSON alone is read again, and is replaced at once: a kill leaves the rows of
    before or the new ones. CSV and checksums follow it.

    Args:
      folder: made if it is not there.
      rows: in the order of the files.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    replacing.drop_abandoned(folder)
    for name, text in _texts(rows).items():
        replacing.write(folder / name, text)


def is_whole(folder: str | pathlib.Path, rows: list[Row]) -> bool:
    """Whether all files of a folder are those of its rows."""
    try:
        return all((pathlib.Path(folder) / name).read_text() == text
                   for name, text in _texts(rows).items())
    except (OSError, ValueError):
        return False


def read(folder: str | pathlib.Path) -> list[Row]:
    """The rows of a folder.

    Raises:
      RowsError: it has none, or they are not as they were written.
    """
    path = pathlib.Path(folder) / JSON
    try:
        text = path.read_text()
    except (OSError, ValueError):
        raise RowsError(f'{str(folder)!r} has no rows of competitors; allowed: a '
                        'folder that launch.baselines has written') from None
    try:
        tree = json.loads(text)
        plain, seal = tree[_ROWS], tree[_SEAL]
        digest = _digest(plain)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RowsError(f'{str(path)!r} is of another version or no JSON; allowed: '
                        'what this version of launch.baselines writes') from None
    if seal != digest:
        raise RowsError(f'{str(path)!r} is not as it was written; allowed: rows with '
                        'the digest that they were written with')
    try:
        rows = [Row(**row) for row in plain]
        _ = [row.seed for row in rows]
        return rows
    except (ValueError, TypeError, KeyError):
        raise RowsError(f'{str(path)!r} is of another version; allowed: what this '
                        'version of launch.baselines writes') from None


def of_data(folder: str | pathlib.Path, split: str) -> list[Row]:
    """The rows of a folder, which are of the data of a study.

    Args:
      folder: written by `write`.
      split: checksum of the training and validation parts.

    Raises:
      RowsError: it has none, or some are of other images or labels.
    """
    rows = read(folder)
    other = [row for row in rows if row.split != split]
    if other:
        raise RowsError(f'{str(folder)!r} has {other[0].method} on other data '
                        f'({other[0].data}); allowed: competitors on the same training '
                        'and validation images')
    return rows


def _texts(rows: list[Row]) -> dict[str, str]:
    """{file name: its content}, the JSON first."""
    plain = [_plain(row) for row in rows]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator='\n')
    names = [field.name for field in dataclasses.fields(Row)
             if field.name != _MEMORY or any(row.memory for row in rows)]
    writer.writerow(names)
    for row in plain:
        cells = [row.get(name, '') for name in names]
        writer.writerow([json.dumps(cell) if isinstance(cell, dict) else cell
                         for cell in cells])
    sealed = {_ROWS: plain, _SEAL: _digest(plain)}
    texts = {JSON: json.dumps(sealed, indent=1) + '\n', CSV: table.getvalue()}
    sums = ''.join(f'{hashlib.sha256(text.encode()).hexdigest()}  {name}\n'
                   for name, text in texts.items())
    return texts | {SUMS: sums}


def _plain(row: Row) -> dict[str, Any]:
    """A row as JSON values."""
    found = dataclasses.asdict(row)
    return found if row.memory else {
        name: value for name, value in found.items() if name != _MEMORY}


def _digest(plain: Any) -> str:
    """Of rows as plain values."""
    text = json.dumps(plain, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
