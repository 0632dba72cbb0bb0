"""Measured objectives: exact where they say exact, close where they are fitted."""

from importlib.util import find_spec

import numpy as np
import pytest

from sparse_jax.export import measure
from sparse_jax.export.chip.image import read_image
from sparse_jax.export.chip.machine import Machine
from sparse_jax.export.chip.toolchain import compile_firmware, find_compiler
from sparse_jax.export.code.c_source import generate
from sparse_jax.export.cost_model.measure import exact_table_bytes
from sparse_jax.export.project.bundle import firmware_program
from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize import calibrate, pixel_codes, quantize
from sparse_jax.quantize.random_nets import random_images

needs_mcu = pytest.mark.skipif(
    not all(find_spec(m) for m in ('ziglang', 'unicorn', 'elftools', 'capstone')),
    reason='needs requirements-mcu.txt')


def _sparse(rng, *shape, least=0.1, most=0.9):
    return rng.normal(size=shape) * (rng.random(shape) < rng.uniform(least, most))


def _convolutions(seed):
    """A network as a search finds them: two convolutions and a dense layer."""
    rng = np.random.default_rng(seed)
    a, b, k = (int(v) for v in rng.integers((3, 4, 2), (7, 9, 5)))
    side = (((20 - k + 1) // 2) - 2) // 2
    return CompactNet((20, 20, 1), 1, False, 120.0, 60.0, (
        CompactNode('a', 'conv', ('input',), _sparse(rng, a, 1, k, k), None, True, 2),
        CompactNode('b', 'conv', ('a',), _sparse(rng, b, a, 3, 3), None, True, 2),
        CompactNode('fc', 'dense', ('b',), _sparse(rng, 10, b * side * side))))


def _dense():
    """Dense layers alone, no weight zero."""
    rng = np.random.default_rng(0)
    return CompactNet((14, 14, 1), 1, False, 120.0, 60.0, (
        CompactNode('a', 'dense', ('input',), rng.normal(size=(30, 196)), None, True),
        CompactNode('fc', 'dense', ('a',), rng.normal(size=(10, 30)))))


def _bridged():
    """Few weights, more than 255 inputs apart: the pairs between them cost too."""
    rng = np.random.default_rng(0)
    few = _sparse(rng, 8, 3, 3, 3, least=0.05, most=0.06)
    few[:, 0, 0, 0] = 1.0
    return CompactNet((32, 32, 3), 1, False, 120.0, 60.0, (
        CompactNode('a', 'conv', ('input',), few, None, True, 2),
        CompactNode('fc', 'dense', ('a',), _sparse(rng, 10, 8 * 15 * 15))))


def _residual():
    """A residual block of cropped maps, and a global average pool."""
    rng = np.random.default_rng(0)
    return CompactNet((20, 20, 1), 1, False, 120.0, 60.0, (
        CompactNode('a', 'conv', ('input',), _sparse(rng, 4, 1, 3, 3), None, True, 2),
        CompactNode('b', 'conv', ('a',), _sparse(rng, 6, 4, 3, 3), None, True),
        CompactNode('add', 'add', ('a', 'b'), relu=True),
        CompactNode('mean', 'average_pool', ('add',), kernel=7),
        CompactNode('fc', 'dense', ('mean',), rng.normal(size=(10, 6)))))


def _networks():
    """[(int8 network, pixel codes of an image)]."""
    for net in (*map(_convolutions, range(4)), _dense(), _bridged(), _residual()):
        images = random_images(net, 4)
        q = quantize(net, calibrate(net, images))
        yield q, pixel_codes(q, images)[3]


def test_dearer_networks_measure_dearer():
    q, _ = next(iter(_networks()))
    small, large = measure(q), measure(q, 'stm32f413')
    assert small.tables == large.tables and small.ram == large.ram
    assert large.latency_s < small.latency_s
    assert small.flash > small.tables and small.instructions > 1000
    assert 0 < small.error['instructions'] < 0.2


@needs_mcu
@pytest.mark.parametrize('board_name', ('microbit', 'stm32f413'))
def test_prediction_against_the_emulated_board(board_name):
    from sparse_jax.export import load_board

    board = load_board(board_name)
    cases = [(generate(q, name=f'n{i}', guard=False), codes)
             for i, (q, codes) in enumerate(_networks())]
    source = {'bundle.c': firmware_program([g for g, _ in cases])}
    image = read_image(compile_firmware(source, board, find_compiler(board)), board)
    machine = Machine(image, board)
    sizes = {s.name: s.size for s in image.symbols}
    for g, codes in cases:
        predicted = measure(g.net, board)
        assert predicted.ram == g.plan.arena == sizes[f'{g.name}_arena']
        row = image.addresses['row_buffer']

        def infer(g=g, codes=codes, row=row):
            for index, pixels in enumerate(codes):
                machine.write(row, pixels.tobytes())
                machine.call(f'{g.name}_push_row', index, row)
            machine.call(f'{g.name}_infer')

        cost = machine.count(infer)
        assert predicted.instructions == pytest.approx(cost.instructions, rel=0.2)
        assert predicted.cycles == pytest.approx(cost.cycles, rel=0.2)
        owned = {n: b for n, b in sizes.items() if n.startswith(f'{g.name}_')}
        code = sum(s.size for s in image.symbols
                   if s.section == '.text' and s.name in owned)
        tables = sum(s.size for s in image.symbols
                     if s.section == '.rodata' and s.name in owned)
        assert predicted.tables == exact_table_bytes(g)
        assert tables <= predicted.tables
        assert predicted.flash == pytest.approx(tables + code, rel=0.15)
