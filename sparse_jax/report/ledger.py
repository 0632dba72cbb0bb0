"""Bytes of flash and RAM of a network on a board, as far as they are known before it is
compiled."""

from sparse_jax.evaluation.chip import as_int8
from sparse_jax.export.chip.boards import Board
from sparse_jax.export.code.c_source import generate
from sparse_jax.export.code.c_tables import table_bytes
from sparse_jax.export.cost_model.measure import Measurement, measure
from sparse_jax.quantize.quantized import UnfitNetworkError
from sparse_jax.report.elements import Child, Element, element, table
from sparse_jax.study.front import Member
from sparse_jax.study.opened import OpenStudy

_PARTS = {'weights': 'weights', 'index': 'positions of sparse weights',
          'gather': 'positions of gathered inputs', 'requant': 'biases, multipliers',
          'shift': 'shifts', 'descriptor': 'descriptors'}


def show(study: OpenStudy, member: Member) -> Element:
    """The ledger of a network on the study's board; why there is none otherwise."""
    try:
        int8 = as_int8(member.net, study.dataset)
        found, generated = measure(int8, study.board), generate(int8)
    except UnfitNetworkError as error:
        return element('p', f'It cannot be generated for a board: {error}',
                       class_='note')
    parts: dict[str, int] = {}
    for node in generated.net.nodes:
        if node.weight is not None:
            for part, size in table_bytes(node, generated.encoded[node.name]).items():
                parts[part] = parts.get(part, 0) + size
    return element('div', table(['flash', 'B'], _rows(parts, found)),
                   _sentence(found, study.board))


def _rows(parts: dict[str, int], found: Measurement) -> list[list[Child]]:
    rows: list[list[Child]] = [
        [_PARTS.get(part, part), str(size)] for part, size in parts.items() if size]
    rows.append(['code of the network (predicted)',
                 f'{found.flash - found.tables:.0f}'])
    total = [element('td', element('b', words)) for words in (
        'flash of the network', f'{found.flash:.0f}')]
    return [*rows, list(total)]


def _sentence(found: Measurement, board: Board) -> Element:
    energy = '' if found.energy_j is None else f', {1e6 * found.energy_j:.0f} uJ'
    error = max(found.error['instructions'], found.error['cycles'])
    return element(
        'p', f'On {board.name}: RAM {found.ram} B (exact, without stack); predicted '
             f'{found.instructions:.0f} instructions, {1e3 * found.latency_s:.1f} ms'
             f'{energy} per image (within {100 * error:.0f} % for 9 of 10 networks). '
             'launch.export compiles it and verifies every byte.', class_='note')
