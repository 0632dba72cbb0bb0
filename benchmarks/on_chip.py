"""The tables of docs/on_chip.md, measured on emulated boards.

python -m benchmarks.on_chip --table=bytes      analytic against linked bytes
python -m benchmarks.on_chip --table=sparsity   instructions per product
python -m benchmarks.on_chip --table=arena      RAM against TFLM's planner
"""

import argparse
import pathlib
import tempfile

import numpy as np

from sparse_jax.export import (
    ExportData,
    analytic_cost,
    export_network,
    to_tflite,
    verify,
)
from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize import calibrate, quantize
from sparse_jax.quantize.random_nets import random_images

BOARDS = ('microbit', 'stm32f413')
SPARSITIES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)


def sparse(rng, shape, zeros):
    """Random weights of which an exact share is zero."""
    weight = rng.normal(size=int(np.prod(shape)))
    weight[rng.permutation(weight.size)[: round(zeros * weight.size)]] = 0.0
    return weight.reshape(shape)


def two_convolutions(zeros, seed=0):
    """28x28 -> 5x5x4, pool 2 -> 3x3x8, pool 2 -> 10; 2388 weights, 88 400 products."""
    rng = np.random.default_rng(seed)
    nodes = (
        CompactNode('conv1', 'conv', ('input',), sparse(rng, (4, 1, 5, 5), zeros),
                    rng.normal(size=4), True, 2),
        CompactNode('conv2', 'conv', ('conv1',), sparse(rng, (8, 4, 3, 3), zeros),
                    rng.normal(size=8), True, 2),
        CompactNode('fc', 'dense', ('conv2',), sparse(rng, (10, 200), zeros),
                    rng.normal(size=10)))
    return CompactNet((28, 28, 1), 1, False, 127.0, 70.0, nodes)


def paper_deployed(seed=0):
    """The shapes of the paper's deployed MNIST network: 3x3 maximum of 28x28, 22
    filters 5x5, 122 of 550 inputs gathered into 10 units."""
    rng = np.random.default_rng(seed)
    gather = np.sort(rng.choice(550, 122, replace=False))
    nodes = (
        CompactNode('conv', 'conv', ('input',), rng.normal(size=(22, 1, 5, 5)),
                    rng.normal(size=22), True, 1),
        CompactNode('fc', 'dense', ('conv',), rng.normal(size=(10, 122)) / 9,
                    rng.normal(size=10), gather=gather))
    return CompactNet((28, 28, 1), 3, False, 127.0, 70.0, nodes)


def separable(seed=0):
    """A branch of a separable convolution and one of a dense layer, summed."""
    rng = np.random.default_rng(seed)
    nodes = (
        CompactNode('first', 'conv', ('input',), sparse(rng, (6, 1, 3, 3), 0.3),
                    rng.normal(size=6), True, 2),
        CompactNode('depth', 'depthwise', ('first',), rng.normal(size=(6, 3, 3))),
        CompactNode('point', 'conv', ('depth',), sparse(rng, (12, 6, 1, 1), 0.5),
                    rng.normal(size=12), True, 2),
        CompactNode('left', 'dense', ('point',), sparse(rng, (16, 300), 0.85)),
        CompactNode('right', 'dense', ('input',), sparse(rng, (16, 784), 0.97)),
        CompactNode('merge', 'sum', ('left', 'right'), relu=True),
        CompactNode('fc', 'dense', ('merge',), rng.normal(size=(10, 16))))
    return CompactNet((28, 28, 1), 1, False, 127.0, 70.0, nodes)


def verified(net, board, weight_format='auto'):
    """(report, verification) of a network with random test images."""
    images = random_images(net, 8)
    data = ExportData(images, images, np.zeros(8, int))
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / 'out'
        report = export_network(net, data, board, out, weight_format=weight_format)
        return report, verify(out)


def bytes_table():
    networks = {'paper deployed': paper_deployed(), 'two convolutions': None,
                'separable, branches': separable()}
    networks['two convolutions'] = two_convolutions(0.0)
    for zeros in (0.5, 0.8):
        networks[f'two convolutions, {zeros:.0%} zeros'] = two_convolutions(zeros)
    print('| network | board | MS | tables | code | flash image | WM (6) | arena | '
          'static RAM | stack | instructions | est. ms |')
    print('|---' * 12 + '|')
    for label, net in networks.items():
        for board in BOARDS:
            report, v = verified(net, board)
            tables = sum(sum(t.values()) for t in v['layer_flash'].values())
            code = dict(v['flash_ledger']).get('code of the network', 0)
            cost = report['analytic']
            print(f'| {label} | {board} | {cost["model_size"]} | {tables} | {code} | '
                  f'{v["flash"]} | {cost["working_memory"]} | '
                  f'{report["arena"]["bytes"]} | {v["static_ram"]} | {v["stack"]} | '
                  f'{v["instructions"]["mean"]:,.0f} | '
                  f'{v["estimates"]["latency_s"] * 1e3:.1f} |')


def sparsity_table():
    total = 88_400
    print('| zeros | format | weight bytes | M0 instructions / dense product | '
          'M0 / stored product | M4 / dense product | M4 / stored product |')
    print('|---' * 7 + '|')
    for zeros in SPARSITIES:
        for form in ('dense', 'bitmap', 'gap'):
            net = two_convolutions(zeros)
            cells, stored = [], None
            for board in BOARDS:
                report, v = verified(net, board, form)
                stored = stored or _stored_products(report)
                count = v['instructions']['mean']
                cells.append(f'{count / total:.2f} | {count / stored:.2f}')
            size = sum(x['format_bytes'][form] for x in report['layers'])
            print(f'| {zeros:.0%} | {form} | {size} | ' + ' | '.join(cells) + ' |')


def _stored_products(report):
    windows = {'conv1': 576, 'conv2': 100, 'fc': 1}
    return sum(x['nonzero'] * windows[x['name']] for x in report['layers'])


def arena_table():
    import contextlib
    import os
    import re

    from tflite_micro.python.tflite_micro import runtime

    print('| network | WM (6) | our arena | TFLM arena head | TFLM tail (64 bit) |')
    print('|---' * 5 + '|')
    networks = {'two convolutions': two_convolutions(0.0),
                'paper deployed': paper_deployed(), 'separable, branches': separable()}
    for label, net in networks.items():
        images = random_images(net, 2)
        q = quantize(net, calibrate(net, images))
        report, _ = verified(net, 'generic')
        interpreter = runtime.Interpreter.from_bytes(to_tflite(q), arena_size=200_000)
        interpreter.set_input((images[:1].astype(int) - 128).astype(np.int8), 0)
        interpreter.invoke()
        with tempfile.TemporaryFile() as log, contextlib.ExitStack() as stack:
            saved = os.dup(2)
            stack.callback(os.dup2, saved, 2)
            os.dup2(log.fileno(), 2)
            interpreter.print_allocations()
            log.seek(0)
            text = log.read().decode()
        head, tail = (re.search(rf'{part} (\d+) bytes', text)[1]
                      for part in ('head', 'tail'))
        print(f'| {label} | {analytic_cost(net).working_memory} | '
              f'{report["arena"]["bytes"]} | {head} | {tail} |')


def main():
    tables = {'bytes': bytes_table, 'sparsity': sparsity_table, 'arena': arena_table}
    parser = argparse.ArgumentParser()
    parser.add_argument('--table', choices=tables, default='bytes')
    tables[parser.parse_args().table]()


if __name__ == '__main__':
    main()
