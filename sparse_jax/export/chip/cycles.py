"""Estimated cycles of executed basic blocks from a board's cycle table.

The table knows classes of instructions only: no wait states, no load pipelining. The
result is an estimate; the instruction count it comes with is exact.
"""

import dataclasses
from collections.abc import Callable

from sparse_jax.export.chip.boards import Board
from sparse_jax.export.errors import need

_BLOCK = ('push', 'pop', 'ldm', 'stm', 'ldrd', 'strd')
_CONDITIONS = ('eq', 'ne', 'hs', 'cs', 'lo', 'cc', 'mi', 'pl', 'vs', 'vc', 'hi', 'ls',
               'ge', 'lt', 'gt', 'le')


@dataclasses.dataclass(frozen=True)
class BlockCost:
    """A basic block: instructions, cycles if left by falling through, and by a jump."""

    instructions: int
    cycles: int
    cycles_taken: int


class CostTable:
    """Costs of the blocks of one program, disassembled on demand."""

    def __init__(self, board: Board, read_code: Callable[[int, int], bytes]):
        """`read_code(address, size)` returns the bytes of a block."""
        capstone = need('capstone')
        self._machine = capstone.Cs(capstone.CS_ARCH_ARM,
                                    capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        self._cycles, self._read, self._known = board.cycles, read_code, {}

    def block(self, address: int, size: int) -> BlockCost:
        """The cost of the block of `size` bytes at `address`."""
        if (address, size) not in self._known:
            code = self._machine.disasm_lite(self._read(address, size), address)
            rows = [(mnemonic, operands) for _, _, mnemonic, operands in code]
            costs = [instruction_cycles(*row, self._cycles) for row in rows]
            base = sum(low for low, _ in costs)
            taken = base + (costs[-1][1] - costs[-1][0] if costs else 0)
            self._known[address, size] = BlockCost(len(rows), base, taken)
        return self._known[address, size]

    def total(self, edges: dict) -> tuple[int, int]:
        """(instructions, cycles) of {(address, size, next address): executions}."""
        instructions = cycles = 0
        for (address, size, following), count in edges.items():
            cost = self.block(address, size)
            jumped = following != address + size
            instructions += count * cost.instructions
            cycles += count * (cost.cycles_taken if jumped else cost.cycles)
        return instructions, cycles


def instruction_cycles(mnemonic: str, operands: str, table: dict) -> tuple[int, int]:
    """(cycles if not taken, cycles if it jumps) of one instruction."""
    name = mnemonic.split('.')[0]
    if name == 'bl' or name == 'blx':
        return table['call'], table['call']
    if name == 'bx':
        return table['exchange'], table['exchange']
    if name in ('b', 'cbz', 'cbnz') or (name[0] == 'b' and name[1:] in _CONDITIONS):
        return table['branch'], table['branch_taken']
    if name.startswith(_BLOCK):
        return _block_transfer(name, operands, table)
    if name.startswith('ldr'):
        return table['load'], table['load']
    if name.startswith('str'):
        return table['store'], table['store']
    if name.startswith(('sdiv', 'udiv')):
        return table.get('divide', 1), table.get('divide', 1)
    if name.startswith(('mul', 'mla', 'mls', 'sml', 'smu', 'uml', 'umu')):
        return table['multiply'], table['multiply']
    if name in ('mrs', 'msr', 'dmb', 'dsb', 'isb'):
        return table['barrier'], table['barrier']
    if operands.startswith('pc,'):
        return table['exchange'], table['exchange']
    return table['other'], table['other']


def _block_transfer(
    name: str, operands: str, table: dict[str, int]
) -> tuple[int, int]:
    if name in ('ldrd', 'strd'):
        return table['block_base'] + 2, table['block_base'] + 2
    registers = operands[operands.index('{') + 1 : operands.index('}')].split(', ')
    count = sum(_span(r) for r in registers)
    extra = table['block_pc'] - table['block_base'] if 'pc' in registers else 0
    total = table['block_base'] + count + extra
    return total, total


def _span(register: str) -> int:
    if '-' not in register:
        return 1
    first, last = register.split('-')
    return int(last.strip()[1:]) - int(first.strip()[1:]) + 1
