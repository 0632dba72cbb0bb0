"""Results of competitors on disk: JSON, CSV and their checksums."""

import csv
import dataclasses
import hashlib
import io
import json
import pathlib

JSON, CSV, SUMS = 'baselines.json', 'baselines.csv', 'SHA256SUMS'


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
    """Checksum of the training and validation parts."""
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
    seed: int
    settings: dict[str, float | int]
    """Of the chosen candidate."""
    asked: dict[str, float | int | str] = dataclasses.field(default_factory=dict)
    """What the tuning was told: the limit, the grid, the epochs, the seed."""


def write(folder: str | pathlib.Path, rows: list[Row]) -> None:
    """Write the rows of a folder, in place of those that it has.

    Args:
      folder: made if it is not there.
      rows: in the order of the files.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    plain = [dataclasses.asdict(row) for row in rows]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator='\n')
    names = [field.name for field in dataclasses.fields(Row)]
    writer.writerow(names)
    for row in plain:
        writer.writerow([json.dumps(row[n]) if isinstance(row[n], dict) else row[n]
                         for n in names])
    texts = {JSON: json.dumps({'rows': plain}, indent=1) + '\n', CSV: table.getvalue()}
    sums = ''.join(f'{hashlib.sha256(text.encode()).hexdigest()}  {name}\n'
                   for name, text in texts.items())
    for name, text in (texts | {SUMS: sums}).items():
        temporary = folder / f'.{name}.new'
        temporary.write_text(text)
        temporary.replace(folder / name)


def read(folder: str | pathlib.Path) -> list[Row]:
    """The rows of a folder.

    Raises:
      RowsError: it has none, or their files are not as they were written.
    """
    folder = pathlib.Path(folder)
    try:
        lines = [line.split('  ', 1)
                 for line in (folder / SUMS).read_text().splitlines()]
        sums = {name: digest for digest, name in lines}
        texts = {name: (folder / name).read_bytes() for name in (JSON, CSV)}
    except (OSError, ValueError):
        raise RowsError(f'{str(folder)!r} has no rows of competitors; allowed: a '
                        'folder that launch.baselines has written') from None
    for name, text in texts.items():
        if hashlib.sha256(text).hexdigest() != sums.get(name):
            raise RowsError(f'{str(folder / name)!r} is not as it was written; allowed:'
                            ' a file with the checksum in SHA256SUMS')
    try:
        return [Row(**row) for row in json.loads(texts[JSON])['rows']]
    except (ValueError, TypeError, KeyError):
        raise RowsError(f'{str(folder / JSON)!r} is of another version; allowed: what '
                        'this version of launch.baselines writes') from None
