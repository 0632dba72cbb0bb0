"""A Cortex-M in unicorn with exactly the memory of a board."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

from sparse_jax.export.chip.boards import Board
from sparse_jax.export.chip.cycles import CostTable
from sparse_jax.export.chip.image import Image
from sparse_jax.export.errors import VerificationError, need

_PAINT = 0xA5
_PAGE = 1024
_RESET_LIMIT = 5_000_000


@dataclasses.dataclass(frozen=True)
class Cost:
    """Exact instructions and estimated cycles of one run."""

    instructions: int
    cycles: int


class Machine:
    """Loads an image, runs its reset code, then calls its functions one by one."""

    def __init__(self, image: Image, board: Board):
        self._unicorn, self._arm = need('unicorn'), need('unicorn.arm_const')
        self.image, self.board = image, board
        self._edges, self._lowest = Counter(), 1 << 32
        self._last: tuple[int, int] | None = None
        self._cpu = cpu = self._make_cpu(board)
        # Flash is mapped read-only: a store to it faults, as does any other address.
        unicorn = self._unicorn
        cpu.mem_map(board.flash.origin, board.flash.bytes,
                    unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        cpu.mem_map(board.ram.origin, board.ram.bytes,
                    unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        for address, data in image.segments:
            cpu.mem_write(address, data)
        self.top = board.ram.origin + board.ram.bytes
        self.bottom = image.addresses['_bss_end']
        cpu.mem_write(self.bottom, bytes([_PAINT]) * (self.top - self.bottom))
        self._costs = CostTable(board, lambda a, n: bytes(cpu.mem_read(a, n)))
        self._run('Reset_Handler', until=image.addresses['main'], limit=_RESET_LIMIT)

    def _make_cpu(self, board: Board) -> Any:
        unicorn, arm = self._unicorn, self._arm
        if board.flash.bytes % _PAGE or board.ram.bytes % _PAGE:
            raise VerificationError(f'{board.name}: memories must be whole KB')
        # UC_MODE_MCLASS would silently turn any model into a Cortex-M33.
        cpu = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
        model = {'cortex-m0': arm.UC_CPU_ARM_CORTEX_M0,
                 'cortex-m4': arm.UC_CPU_ARM_CORTEX_M4}[board.core]
        cpu.ctl_set_cpu_model(model)
        if cpu.ctl_get_cpu_model() != model:
            raise VerificationError(f'unicorn does not emulate {board.core}')
        return cpu

    def write(self, address: int, data: bytes) -> None:
        """Puts bytes in memory, as a sensor would."""
        self._cpu.mem_write(address, data)

    def read(self, address: int, size: int) -> bytes:
        """Bytes of memory."""
        return bytes(self._cpu.mem_read(address, size))

    def call(self, function: str, *arguments: int) -> int:
        """Calls a function with up to four words; returns r0."""
        for index, value in enumerate(arguments):
            self._cpu.reg_write(self._arm.UC_ARM_REG_R0 + index, value)
        halt = self.image.addresses['halt']
        self._run(function, until=halt)
        return self._cpu.reg_read(self._arm.UC_ARM_REG_R0)

    def count(self, work: Callable, within: tuple[int, int] | None = None) -> Cost:
        """What `work()` executes here, or in the blocks that start `within` addresses.

        Per-instruction hooks miss skipped instructions of IT blocks; blocks do not.
        """
        self._edges.clear()
        # Blocks translated before the hook was set would go on without it.
        self._cpu.ctl_flush_tb()
        hook = self._cpu.hook_add(self._unicorn.UC_HOOK_BLOCK, self._enter)
        try:
            work()
        finally:
            self._cpu.hook_del(hook)
            self._cpu.ctl_flush_tb()
        low, high = within or (0, 1 << 32)
        return Cost(*self._costs.total(
            {edge: n for edge, n in self._edges.items() if low <= edge[0] < high}))

    def stack(self) -> int:
        """Most bytes of stack used so far.

        From the paint that is gone, and from the stack pointer of counted calls, which
        also sees a frame that reaches into the static data without writing all of it.
        """
        painted = self.read(self.bottom, self.top - self.bottom)
        untouched = len(painted) - len(painted.lstrip(bytes([_PAINT])))
        return max(self.top - self.bottom - untouched, self.top - self._lowest)

    def _enter(self, cpu: Any, address: int, size: int, data: object) -> None:
        self._leave(address)
        self._last = address, size
        self._lowest = min(self._lowest, cpu.reg_read(self._arm.UC_ARM_REG_SP))

    def _leave(self, following: int) -> None:
        """Counts the way from the last block to the one that follows."""
        if self._last is not None:
            self._edges[(*self._last, following)] += 1

    def _run(self, function: str, until: int, limit: int = 0) -> None:
        cpu, arm = self._cpu, self._arm
        cpu.reg_write(arm.UC_ARM_REG_SP, self.top)
        cpu.reg_write(arm.UC_ARM_REG_LR, self.image.addresses['halt'] | 1)
        self._last = None
        try:
            cpu.emu_start(self.image.addresses[function] | 1, until, count=limit)
        except self._unicorn.UcError as error:
            pc, sp = cpu.reg_read(arm.UC_ARM_REG_PC), cpu.reg_read(arm.UC_ARM_REG_SP)
            deep = min(sp, self._lowest) < self.bottom
            why = ': the stack ran into the static data' if deep else ''
            raise VerificationError(
                f'{self.board.name}: {error} at {hex(pc)} in '
                f'{self.image.name_at(pc)}, called by {function}{why}') from error
        self._leave(until)
        if cpu.reg_read(arm.UC_ARM_REG_PC) & ~1 != until & ~1:
            raise VerificationError(f'{function} did not return')
