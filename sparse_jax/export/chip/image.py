"""A linked firmware image: what must be in memory, and who owns which bytes."""

import dataclasses
import io
from collections.abc import Iterable

from sparse_jax.export.chip.boards import Board
from sparse_jax.export.errors import need

_ALLOCATE = 2


@dataclasses.dataclass(frozen=True)
class Symbol:
    """A function or an object of the image."""

    name: str
    address: int
    size: int
    section: str


@dataclasses.dataclass(frozen=True)
class Image:
    """`segments` are (address, bytes) in flash; `sections` {name: bytes}."""

    segments: tuple[tuple[int, bytes], ...]
    sections: dict[str, int]
    symbols: tuple[Symbol, ...]
    addresses: dict[str, int]

    @property
    def flash(self) -> int:
        """Bytes of flash from its start to the last byte used."""
        start = min(address for address, _ in self.segments)
        return max(address + len(data) for address, data in self.segments) - start

    @property
    def static_ram(self) -> int:
        """Bytes of .data and .bss."""
        return self.sections.get('.data', 0) + self.sections.get('.bss', 0)

    def name_at(self, address: int) -> str:
        """The function that holds an address, for messages."""
        for symbol in self.symbols:
            if symbol.address <= address < symbol.address + max(symbol.size, 1):
                return symbol.name
        return hex(address)


def read_image(elf: bytes, board: Board) -> Image:
    """The flash content and the sized symbols of an ELF file."""
    file = need('elftools.elf.elffile').ELFFile(io.BytesIO(elf))
    segments = tuple(
        (s['p_paddr'], s.data()) for s in file.iter_segments('PT_LOAD')
        if s['p_filesz'] and _in_flash(s['p_paddr'], board))
    sections, names = {}, []
    for section in file.iter_sections():
        names.append(section.name)
        if section['sh_flags'] & _ALLOCATE and section['sh_size']:
            sections[section.name] = section['sh_size']
    symbols, addresses = [], {}
    for symbol in file.get_section_by_name('.symtab').iter_symbols():
        index, kind = symbol['st_shndx'], symbol['st_info']['type']
        if not symbol.name or symbol.name.startswith('$') or index == 'SHN_UNDEF':
            continue
        addresses[symbol.name] = symbol['st_value'] & ~int(kind == 'STT_FUNC')
        if kind in ('STT_FUNC', 'STT_OBJECT') and symbol['st_size']:
            symbols.append(Symbol(symbol.name, addresses[symbol.name],
                                  symbol['st_size'], names[index]))
    return Image(segments, sections, tuple(_distinct(symbols)), addresses)


def _in_flash(address: int, board: Board) -> bool:
    # Generous: an image that is too big is reported by its size, not lost here.
    return board.flash.origin <= address < board.flash.origin + (64 << 20)


def _distinct(symbols: Iterable[Symbol]) -> Iterable[Symbol]:
    """Aliases (two names of the same bytes) count once."""
    seen = {}
    for symbol in sorted(symbols, key=lambda s: (s.address, -s.size)):
        seen.setdefault((symbol.section, symbol.address), symbol)
    return seen.values()
