"""Compiles firmware for a board with pip's ziglang or a system arm-none-eabi-gcc."""

import dataclasses
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from sparse_jax.export.chip.boards import Board
from sparse_jax.export.errors import INSTALL, ExportError, MissingToolError, need
from sparse_jax.paths import private_cache

TEMPLATES = pathlib.Path(__file__).parent / 'templates'
# -O2 is no faster on a Cortex-M0 (it unrolls until it spills) and 10 % on an M4.
_COMMON = ('-Os', '-fomit-frame-pointer', '-g', '-std=c99', '-ffreestanding',
           '-ffunction-sections', '-fdata-sections', '-Wl,--gc-sections')
# Linking into more room than the board has lets us say by how much it is exceeded.
_SPARE = 64 << 20


@dataclasses.dataclass(frozen=True)
class Compiler:
    """A way to compile: its name and version, the command, its flags."""

    name: str
    command: tuple[str, ...]
    flags: tuple[str, ...]
    last: tuple[str, ...] = ()

    def label(self) -> str:
        """Compiler and flags for reports."""
        return f'{self.name} {" ".join(f for f in self.flags if "=" in f or "O" in f)}'


def find_compiler(board: Board, prefer: str = 'auto') -> Compiler:
    """ziglang if installed, else arm-none-eabi-gcc; `prefer` names one of 'zig', 'gcc'.

    Instruction counts depend on the compiler, so reports name it.
    """
    if prefer not in ('auto', 'zig', 'gcc'):
        raise ExportError(f'unknown compiler {prefer!r}: choose auto, zig or gcc')
    if prefer != 'gcc' and importlib.util.find_spec('ziglang'):
        return _zig(board)
    if prefer != 'zig' and (path := shutil.which('arm-none-eabi-gcc')):
        version = _output([path, '-dumpversion'])
        flags = (f'-mcpu={board.core}', '-mthumb', *_COMMON, '-nostdlib',
                 '-fno-tree-loop-distribute-patterns')
        return Compiler(f'arm-none-eabi-gcc {version}', (path,), flags, ('-lgcc',))
    raise MissingToolError('no compiler for Cortex-M: ' + INSTALL
                           + ', or install arm-none-eabi-gcc')


def check_tools(board: Board, prefer: str = 'auto') -> None:
    """Raises MissingToolError unless networks can be compiled and emulated."""
    find_compiler(board, prefer)
    for module in ('unicorn', 'elftools', 'capstone'):
        need(module)


def _zig(board: Board) -> Compiler:
    from importlib.metadata import version

    flags = ('-target', 'thumb-freestanding-eabi',
             f'-mcpu={board.core.replace("-", "_")}', *_COMMON,
             '-Wl,-e,Reset_Handler')
    return Compiler(f'zig cc {version("ziglang")}',
                    (sys.executable, '-m', 'ziglang', 'cc'), flags)


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def linker_script(board: Board, *, exact: bool = True) -> str:
    """The board's linker script; not `exact` gives room to link what does not fit."""
    text = (TEMPLATES / 'board.ld').read_text()
    values = {'PART': board.part, 'FLASH_BYTES': board.flash.bytes,
              'RAM_BYTES': board.ram.bytes, 'FLASH_ORIGIN': hex(board.flash.origin),
              'RAM_ORIGIN': hex(board.ram.origin),
              'FLASH_LENGTH': board.flash.bytes if exact else _SPARE,
              'RAM_LENGTH': board.ram.bytes if exact else _SPARE}
    for key, value in values.items():
        text = text.replace(f'@{key}@', str(value))
    return text


def compile_firmware(
    sources: dict[str, str], board: Board, compiler: Compiler,
) -> bytes:
    """ELF bytes of C files {name: text}, start code and a roomy linker script added."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        files = dict(sources) | {'board.ld': linker_script(board, exact=False)}
        files.setdefault('start.c', (TEMPLATES / 'start.c').read_text())
        for name, text in files.items():
            (folder / name).write_text(text)
        inputs = sorted(name for name in files if name.endswith('.c'))
        command = [*compiler.command, *compiler.flags, '-Wl,-T,board.ld', *inputs,
                   *compiler.last, '-o', 'firmware.elf']
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True,
                              env=_environment())
        if done.returncode:
            raise ExportError(f'{compiler.name} failed: {done.stderr.strip()[:1000]}')
        return (folder / 'firmware.elf').read_bytes()


def _environment() -> dict[str, str]:
    """Zig needs a writable cache; a home directory may be missing or read-only."""
    environment = dict(os.environ)
    for name in ('ZIG_GLOBAL_CACHE_DIR', 'ZIG_LOCAL_CACHE_DIR'):
        if name not in environment:
            environment[name] = str(private_cache('zig'))
    return environment
