"""Boards as data: memory map, core, clock, cycle table and supply current."""

import dataclasses
import json
import math
import pathlib
from typing import TypeGuard

from sparse_jax.export.errors import ExportError
from sparse_jax.paths import PathError, local, shown

FOLDER = pathlib.Path(__file__).parent / 'boards'
CORES = ('cortex-m0', 'cortex-m4')
PAGE = 1024
"""Bytes: memories are emulated in whole pages."""
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

    def energy_j(self, seconds: float) -> float | None:
        """Joules of so long a run, at a constant current; None if that is unknown."""
        return None if self.amperes is None else seconds * self.volts * self.amperes


def names() -> list[str]:
    """The boards that come with the library."""
    return sorted(path.stem for path in FOLDER.glob('*.json'))


def load(board: str) -> Board:
    """A board by name, or by the path of a JSON file of the same form."""
    try:
        path = local(board) if board.endswith('.json') else FOLDER / f'{board}.json'
    except PathError as error:
        raise ExportError(f'board {error}') from error
    # A name is one of those there are, never a way to another folder.
    known = board.endswith('.json') and path.is_file() or board in names()
    if not known:
        raise ExportError(f'unknown board {shown(board)}; there are '
                          f'{", ".join(names())}, or the path of a .json file')
    try:
        return from_dict(json.loads(path.read_text()))
    except (OSError, ValueError, OverflowError, RecursionError) as error:
        raise ExportError(f'{path} is not a board: {error}') from error


def from_dict(fields: dict) -> Board:
    """A board from the content of its JSON file.

    Raises:
      ValueError: a field is missing, unknown or out of range; names it and its value.
    """
    if not isinstance(fields, dict):
        raise ValueError('not a JSON object')
    known = {field.name: field.default for field in dataclasses.fields(Board)}
    if unknown := sorted(set(fields) - set(known)):
        raise ValueError(f'unknown {", ".join(unknown)}; allowed: {", ".join(known)}')
    if missing := [n for n, default in known.items()
                   if n not in fields and default is dataclasses.MISSING]:
        raise ValueError(f'{", ".join(missing)} missing')
    for name in ('name', 'part'):
        _check(name, fields[name], 'a text', isinstance(fields[name], str))
    _check('core', fields['core'], f'one of {", ".join(CORES)}',
           fields['core'] in CORES)
    for name in ('clock_hz', 'volts', 'amperes'):
        unknown_current = name == 'amperes' and fields[name] is None
        _check(name, fields[name], 'a positive number',
               unknown_current or _is_number(fields[name]) and fields[name] > 0)
    notes = fields.get('notes', ())
    _check('notes', notes, 'a list of texts', isinstance(notes, (list, tuple))
           and all(isinstance(note, str) for note in notes))
    _check_cycles(fields['cycles'])
    flash, ram = (_memory(name, fields[name]) for name in ('flash', 'ram'))
    low, high = sorted((flash, ram), key=lambda memory: memory.origin)
    if high.origin < low.origin + low.bytes:
        raise ValueError('flash and ram overlap')
    return Board(**fields | {'flash': flash, 'ram': ram, 'notes': tuple(notes)})


def _check(name: str, value: object, allowed: str, holds: bool) -> None:
    if not holds:
        raise ValueError(f'{name}: {value!r} is not allowed; allowed: {allowed}')


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) \
        and math.isfinite(value)


def _check_cycles(cycles: dict) -> None:
    _check('cycles', cycles, 'an object', isinstance(cycles, dict))
    if missing := _CYCLE_KEYS - set(cycles):
        raise ValueError(f'no cycles for {", ".join(sorted(missing))}')
    for key, value in cycles.items():
        _check(f'cycles.{key}', value, 'a number from 0',
               _is_number(value) and value >= 0)


def _memory(name: str, region: dict) -> Memory:
    _check(name, region, 'an object of origin and bytes',
           isinstance(region, dict) and set(region) == {'origin', 'bytes'})
    for key, least in (('origin', 0), ('bytes', PAGE)):
        value = region[key]
        _check(f'{name}.{key}', value, f'a multiple of {PAGE} from {least}',
               type(value) is int and value >= least and value % PAGE == 0)
    if region['origin'] + region['bytes'] > 1 << 32:
        raise ValueError(f'{name} ends beyond 32-bit addresses')
    return Memory(**region)
