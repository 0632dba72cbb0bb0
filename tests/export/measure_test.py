"""Measured objectives: exact where they say exact, close where they are fitted."""

from importlib.util import find_spec

import numpy as np
import pytest

from sparse_jax.export import measure
from sparse_jax.export.bundle import firmware_program
from sparse_jax.export.c_source import generate
from sparse_jax.export.c_tables import LAYER_STRUCT_BYTES
from sparse_jax.export.image import read_image
from sparse_jax.export.machine import Machine
from sparse_jax.export.measure import exact_table_bytes
from sparse_jax.export.toolchain import compile_firmware, find_compiler
from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize import calibrate, pixel_codes, quantize
from sparse_jax.quantize.random_nets import random_images

needs_mcu = pytest.mark.skipif(
    not all(find_spec(m) for m in ('ziglang', 'unicorn', 'elftools', 'capstone')),
    reason='needs requirements-mcu.txt')


def _networks(count=4):
    """Networks as a search finds them: two convolutions and a dense layer."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        a, b, k = (int(v) for v in rng.integers((3, 4, 2), (7, 9, 5)))
        side = (((20 - k + 1) // 2) - 2) // 2

        def sparse(*shape, rng=rng):
            keep = rng.random(shape) < rng.uniform(0.1, 0.9)
            return rng.normal(size=shape) * keep

        nodes = (
            CompactNode('a', 'conv', ('input',), sparse(a, 1, k, k), None, True, 2),
            CompactNode('b', 'conv', ('a',), sparse(b, a, 3, 3), None, True, 2),
            CompactNode('fc', 'dense', ('b',), sparse(10, b * side * side)))
        net = CompactNet((20, 20, 1), 1, False, 120.0, 60.0, nodes)
        images = random_images(net, 4, seed)
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
        folded = predicted.tables - tables
        assert 0 <= folded and folded % LAYER_STRUCT_BYTES == 0
        assert predicted.flash == pytest.approx(tables + code, rel=0.15)
