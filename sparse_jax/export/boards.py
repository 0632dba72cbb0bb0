"""Boards as data: memory map, core, clock, cycle table and supply current."""

import dataclasses
import json
import pathlib

from sparse_jax.export.errors import ExportError

FOLDER = pathlib.Path(__file__).parent / 'boards'
CORES = ('cortex-m0', 'cortex-m4')
_CYCLE_KEYS = {'other', 'multiply', 'load', 'store', 'block_base', 'block_pc', 'branch',
               'branch_taken', 'call', 'exchange', 'barrier'}


@dataclasses.dataclass(frozen=True)
class Memory:
    """A contiguous region of the address space."""

    origin: int
    bytes: int


@dataclasses.dataclass(frozen=True)
class Board:
    """One microcontroller. `cycles` holds cycles per class of instruction.

    Clock, cycles and current only feed estimates; `notes` says how far to trust them.
    """

    name: str
    part: str
    core: str
    flash: Memory
    ram: Memory
    clock_hz: float
    volts: float
    amperes: float | None
    cycles: dict[str, int]
    notes: tuple[str, ...] = ()


def names() -> list[str]:
    """The boards that come with the library."""
    return sorted(path.stem for path in FOLDER.glob('*.json'))


def load(board: str) -> Board:
    """A board by name, or by the path of a JSON file of the same form."""
    path = FOLDER / f'{board}.json'
    if board.endswith('.json'):
        path = pathlib.Path(board)
    if not path.is_file():
        raise ExportError(f'unknown board {board!r}; there are {", ".join(names())}, '
                          'or the path of a .json file')
    try:
        return from_dict(json.loads(path.read_text()))
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ExportError(f'{path} is not a board: {error!r}') from error


def from_dict(fields: dict) -> Board:
    """A board from the content of its JSON file."""
    fields = dict(fields)
    for region in ('flash', 'ram'):
        fields[region] = Memory(**fields[region])
        if fields[region].bytes <= 0 or fields[region].origin % 4:
            raise ValueError(f'bad {region} region')
    if fields['core'] not in CORES:
        raise ValueError(f'core must be one of {", ".join(CORES)}')
    if missing := _CYCLE_KEYS - set(fields['cycles']):
        raise ValueError(f'no cycles for {", ".join(sorted(missing))}')
    return Board(**fields | {'notes': tuple(fields.get('notes', ()))})
