"""A board from outside: one JSON file, and nothing else."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

from sparse_jax.export import (
    ExportData,
    export_network,
    load_board,
    measure,
    read_report,
    verification_text,
    verify,
)
from sparse_jax.quantize import calibrate, quantize
from sparse_jax.quantize.random_nets import random_images, random_net

BOARD = {
    'name': 'toy', 'part': 'a Cortex-M0 with little memory', 'core': 'cortex-m0',
    'flash': {'origin': 0x08000000, 'bytes': 24 * 1024},
    'ram': {'origin': 0x20000000, 'bytes': 3 * 1024},
    'clock_hz': 8e6, 'volts': 1.8, 'amperes': 0.002,
    'cycles': {'other': 1, 'multiply': 32, 'load': 2, 'store': 2, 'block_base': 1,
               'block_pc': 4, 'branch': 1, 'branch_taken': 3, 'call': 4, 'exchange': 3,
               'barrier': 4, 'divide': 1},
    'notes': ['A toy: nothing of it was measured.']}


@pytest.fixture
def path(tmp_path):
    file = tmp_path / 'toy.json'
    file.write_text(json.dumps(BOARD))
    return str(file)


def test_it_is_loaded_and_measured_on(path):
    board = load_board(path)
    assert (board.name, board.flash.bytes, board.ram.bytes) == ('toy', 24576, 3072)
    net = random_net(5)
    q = quantize(net, calibrate(net, random_images(net, 4)))
    here, there = measure(q, board), measure(q, 'microbit')
    assert here.ram == there.ram and here.flash == there.flash
    assert here.latency_s == pytest.approx(2 * there.latency_s)


@pytest.mark.skipif(
    not all(map(find_spec, ('ziglang', 'unicorn', 'elftools', 'capstone'))),
    reason='needs requirements-mcu.txt')
def test_it_is_exported_for_and_verified_on(path, tmp_path):
    net = next(n for n in map(random_net, range(100))
               if {'add', 'average_pool'} <= {node.op for node in n.nodes})
    images = random_images(net, 6)
    export_network(net, ExportData(images, images), load_board(path), tmp_path / 'out')
    result = verify(tmp_path / 'out')
    assert result['board'] == 'toy' and result['logits'] == 'bit-equal'
    assert sum(size for _, size in result['flash_ledger']) == result['flash']
    assert sum(size for _, size in result['ram_ledger']) == result['static_ram']
    seconds = result['estimates']['cycles'] / 8e6
    assert result['estimates']['energy_j'] == pytest.approx(seconds * 1.8 * 0.002)
    text = verification_text(read_report(tmp_path / 'out'))
    assert 'toy (emulated)' in text and f'of {24 * 1024} B' in text
    assert np.isfinite(result['estimates']['latency_s'])
