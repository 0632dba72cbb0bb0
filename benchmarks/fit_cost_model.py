"""Fits the cost models of sparse_jax/export/cost_model/fitted/cost_model.json.

python -m benchmarks.fit_cost_model [--only_maps]

Compiles random networks for an M0 and an M4, counts the instructions of one inference
in emulation and fits code bytes, instructions and cycles by non-negative least squares
of relative errors. A third of the networks is left out; the errors stored are theirs.
What adds of feature maps and average pools cost is fitted last, to what the model
leaves of networks that have some; --only_maps keeps the rest of the stored model.
"""

import argparse
import dataclasses
import functools
import itertools
import json

import numpy as np
from scipy.optimize import nnls

from sparse_jax.export.chip.boards import load
from sparse_jax.export.chip.image import read_image
from sparse_jax.export.chip.machine import Machine
from sparse_jax.export.chip.toolchain import compile_firmware, find_compiler
from sparse_jax.export.code.c_source import generate
from sparse_jax.export.code.formats import FORMATS
from sparse_jax.export.cost_model.features import CODE_FEATURES, WORK_FEATURES
from sparse_jax.export.cost_model.measure import MODEL, predict
from sparse_jax.export.project.bundle import firmware_program
from sparse_jax.quantize import calibrate, pixel_codes, quantize
from sparse_jax.quantize.random_nets import random_images, random_net

BOARDS = ('microbit', 'stm32f413')
BATCH = 15
SIZES = ({'largest': 28}, {'largest': 32, 'maps': 20, 'units': 80})
"""Of random networks, in turn: small ones, where fixed costs show, and those of a
search."""
PRODUCTS = (2e3, 4e6)
"""Of an inference: nobody has to predict less, nor waits for more."""


QUANTITIES = {'code': CODE_FEATURES, 'instructions': WORK_FEATURES,
              'cycles': WORK_FEATURES}


def networks(count, residual):
    """[(Generated, pixel codes)]: random networks, mostly in their cheapest formats.

    Every layer has some weight, as in a shrunk network: the compiler removes others.
    `residual`: all have an add or an average pool; else none has.
    """
    cases = []
    for seed in itertools.count(1000):
        if len(cases) == count:
            return cases
        net = random_net(seed, **SIZES[seed % 2], residual=residual)
        if residual and not {'add', 'average_pool'} & {n.op for n in net.nodes}:
            continue
        images = random_images(net, 3, seed)
        q = quantize(net, calibrate(net, images))
        if not PRODUCTS[0] <= products(q) <= PRODUCTS[1] or not all(
                n.weight.any() for n in q.nodes if n.weight is not None):
            continue
        form = FORMATS[seed // 8 % 3] if seed // 2 % 4 == 0 else 'auto'
        g = generate(q, name=f'n{seed}', weight_format=form, guard=False)
        cases.append((g, pixel_codes(q, images)[2]))


def products(q):
    """Multiplications of one inference if nothing were sparse."""
    windows = {n.name: int(np.prod(n.full_shape[1:])) for n in q.nodes}
    return sum(n.weight.size * windows[n.name] for n in q.nodes
               if n.weight is not None)


def run_once(machine, g, codes):
    row = machine.image.addresses['row_buffer']
    for index, pixels in enumerate(codes):
        machine.write(row, pixels.tobytes())
        machine.call(f'{g.name}_push_row', index, row)
    machine.call(f'{g.name}_infer')


def observe(cases, board, compiler):
    """[N, 3] code bytes, instructions, cycles."""
    rows = []
    for start in range(0, len(cases), BATCH):
        batch = cases[start : start + BATCH]
        source = {'bundle.c': firmware_program([g for g, _ in batch])}
        image = read_image(compile_firmware(source, board, compiler), board)
        machine = Machine(image, board)
        for g, codes in batch:
            code = sum(s.size for s in image.symbols if s.section == '.text'
                       and s.name.startswith(f'{g.name}_'))
            cost = machine.count(functools.partial(run_once, machine, g, codes))
            rows.append((code, cost.instructions, cost.cycles))
    return np.array(rows, np.float64)


def fit(features, names, target, known=0.0):
    """Coefficients of what is not `known` of a target, and held-out relative errors."""
    held = np.arange(len(target)) % 3 == 0
    weight = 1.0 / target[:, None]
    solution, _ = nnls((features * weight)[~held], ((target - known) / target)[~held],
                       maxiter=10_000)
    error = np.abs((features @ solution + known) / target - 1.0)[held]
    return {'coefficients': {n: round(float(c), 3) for n, c in zip(names, solution)
                             if c > 0},
            'error': {'median': round(float(np.median(error)), 4),
                      'p90': round(float(np.percentile(error, 90)), 4),
                      'worst': round(float(error.max()), 4),
                      'networks': int(held.sum())}}


def roomy(board):
    """A board with room for a whole batch of networks; costs do not depend on it."""
    memories = (dataclasses.replace(m, bytes=1 << 24) for m in (board.flash, board.ram))
    return dataclasses.replace(board, **dict(zip(('flash', 'ram'), memories)))


def fit_layers(count):
    """{core: model} of networks without adds and average pools."""
    cases, cores = networks(count, residual=False), {}
    counts = {name: np.stack([f.count(g, f.names) for g, _ in cases])
              for name, f in QUANTITIES.items()}
    for name in BOARDS:
        board = roomy(load(name))
        compiler = find_compiler(board)
        seen = observe(cases, board, compiler)
        cores[board.core] = {'board': name, 'compiler': compiler.label()}
        for column, (key, f) in enumerate(QUANTITIES.items()):
            cores[board.core][key] = fit(counts[key], f.names, seen[:, column])
            print(name, key, cores[board.core][key]['error'])
    return cores


def fit_maps(count, cores):
    """Adds the coefficients of adds and average pools to {core: model}."""
    cases = networks(count, residual=True)
    for name in BOARDS:
        board = roomy(load(name))
        seen = observe(cases, board, find_compiler(board))
        for column, (key, f) in enumerate(QUANTITIES.items()):
            model = cores[board.core][key]
            for feature in f.of_maps:
                model['coefficients'].pop(feature, None)
            known = np.array([predict(model, f, g) for g, _ in cases])
            counts = np.stack([f.count(g, f.of_maps) for g, _ in cases])
            found = fit(counts, f.of_maps, seen[:, column], known)
            model['coefficients'] |= found['coefficients']
            model['error_of_maps'] = found['error']
            print(name, key, found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--count', type=int, default=480)
    parser.add_argument('--maps', type=int, default=90)
    parser.add_argument('--only_maps', action='store_true')
    options = parser.parse_args()
    if options.only_maps:
        content = json.loads(MODEL.read_text())
    else:
        content = {
            'made_by': f'python -m benchmarks.fit_cost_model --count={options.count}',
            'networks': options.count, 'cores': fit_layers(options.count)}
    fit_maps(options.maps, content['cores'])
    content['networks_of_maps'] = options.maps
    MODEL.write_text(json.dumps(content, indent=1) + '\n')


if __name__ == '__main__':
    main()
