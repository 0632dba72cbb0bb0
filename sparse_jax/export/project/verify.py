"""Compiles an export folder, runs it on the emulated board and accounts for it all."""

import pathlib

import numpy as np

from sparse_jax.export.chip import boards
from sparse_jax.export.chip.image import Image, read_image
from sparse_jax.export.chip.machine import Cost, Machine
from sparse_jax.export.chip.toolchain import compile_firmware, find_compiler
from sparse_jax.export.errors import ExportError, VerificationError
from sparse_jax.export.project import folder
from sparse_jax.export.project.budget import check_image, check_plan, check_stack
from sparse_jax.export.project.ledger import (
    flash_ledger,
    linked_tables,
    network_bytes,
    ram_ledger,
)
from sparse_jax.model.compact import per_class

_COUNTED = 8


def verify(
    out_dir: str | pathlib.Path, *, limit: int | None = None, compiler: str = 'auto',
) -> dict:
    """Compile an export, run it on the emulated board and compare every logit.

    The firmware is linked for exactly the board's memories, so what does not fit fails.
    Every test image is given to it as raw pixels, row by row, and all logits must equal
    those of the integer emulator bit by bit.

    Args:
      out_dir: an export folder, from `export_trial` or `launch.export`.
      limit: only the first so many test images; None for all of them.
      compiler: 'auto' for the first that is found, or a path or name of one.

    Returns:
      The verification, which also replaces an earlier one in report.json:
      'images' compared, 'flash', 'static_ram' and 'stack' in bytes as linked and run,
      'network' (the network's own share of both), exact 'instructions' per image
      ('least', 'mean', 'most' of some images), and 'estimates' of cycles, latency in
      seconds and energy in joules from the board's cycle table.

    Raises:
      VerificationError: a logit differs, or a memory is too small; the export then has
        no verification.
      MissingToolError: no compiler, or a package of requirements-mcu.txt is missing.
      ExportError: the folder is no export, or a part of it is missing.
      ValueError: `limit` is below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError(f'limit: {limit} is not allowed; allowed: 1 or more')
    report, tests = folder.read_report(out_dir), folder.read_testset(out_dir)
    # Until this one has passed there is none.
    folder.set_verification(out_dir, None)
    board = boards.from_dict(report['board'])
    check_plan(report, board)
    tool = find_compiler(board, compiler)
    image = read_image(compile_firmware(_sources(out_dir, report), board, tool), board)
    check_image(report, board, image)
    machine = Machine(image, board)
    count = len(tests['codes']) if limit is None else min(limit, len(tests['codes']))
    counts = [machine.count(lambda i=i: run_images(machine, report,
                                                   tests['codes'][i : i + 1]))
              for i in range(min(_COUNTED, count))]
    check_stack(report, board, image.static_ram, machine.stack())
    outputs = run_images(machine, report, tests['codes'][:count])
    _compare(board, outputs, tests['logits'][:count])
    stack = machine.stack()
    check_stack(report, board, image.static_ram, stack)
    result = {
        'board': board.name, 'compiler': tool.label(), 'logits': 'bit-equal',
        'images': count, 'test_set': len(tests['codes']),
        'accuracy': _accuracy(report, outputs, tests['labels'][:count]),
        'stack': stack, **_sizes(report, image), **_costs(board, counts)}
    folder.set_verification(out_dir, result)
    return result


def run_images(machine: Machine, facts: dict, codes: np.ndarray) -> np.ndarray:
    """[N, units] int8 logits of uint8 pixel codes [N, H, W, C], row by row."""
    name, row = facts['name'], machine.image.addresses['row_buffer']
    logits = []
    for image in codes:
        for index, pixels in enumerate(image):
            machine.write(row, pixels.tobytes())
            machine.call(f'{name}_push_row', index, row)
        address = machine.call(f'{name}_infer')
        logits.append(machine.read(address, facts['logits']))
    return np.frombuffer(b''.join(logits), np.int8).reshape(len(codes), -1)


def _sources(out_dir: str | pathlib.Path, report: dict) -> dict[str, str]:
    """The folder's own sources: what is verified is what was exported."""
    name, out = report['name'], pathlib.Path(out_dir)
    try:
        return {file: (out / file).read_text()
                for file in (f'{name}.c', f'{name}.h', 'firmware.c', 'start.c')}
    except OSError as error:
        raise ExportError(f'{out}: {error.filename} is missing') from error


def _compare(
    board: boards.Board, outputs: np.ndarray, expected: np.ndarray
) -> None:
    wrong = np.flatnonzero((outputs != expected).any(axis=1))
    if len(wrong):
        first = wrong[0]
        raise VerificationError(
            f'{board.name}: wrong logits for {len(wrong)} of {len(expected)} images; '
            f'image {first} gives {outputs[first].tolist()}, '
            f'not {expected[first].tolist()}')


def _accuracy(
    facts: dict, outputs: np.ndarray, labels: np.ndarray
) -> float | None:
    """None if the export came without labels."""
    if (labels < 0).any():
        return None
    above = outputs.astype(np.float64) - facts['logit_zero_point']
    return float(np.mean(per_class(above).argmax(-1) == labels))


def _sizes(report: dict, image: Image) -> dict:
    flash, ram = flash_ledger(report, image), ram_ledger(report, image)
    return {
        'flash': image.flash, 'static_ram': image.static_ram,
        'network': network_bytes(report, image), 'sections': image.sections,
        'flash_ledger': flash, 'ram_ledger': ram,
        'layer_flash': linked_tables(report, image),
        'functions': {s.name: s.size for s in image.symbols if s.section == '.text'}}


def _costs(board: boards.Board, counts: list[Cost]) -> dict:
    instructions = [cost.instructions for cost in counts]
    cycles = float(np.mean([cost.cycles for cost in counts]))
    seconds = cycles / board.clock_hz
    return {
        'instructions': {'images': len(counts), 'least': min(instructions),
                         'mean': float(np.mean(instructions)),
                         'most': max(instructions)},
        'estimates': {'cycles': cycles, 'latency_s': seconds,
                      'energy_j': board.energy_j(seconds), 'clock_hz': board.clock_hz,
                      'notes': list(board.notes)}}
