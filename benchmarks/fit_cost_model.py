"""Fits the cost models of sparse_jax/export/cost_model/fitted/cost_model.json.

python -m benchmarks.fit_cost_model

Compiles random networks for an M0 and an M4, counts the instructions of one inference
in emulation and fits code bytes, instructions and cycles by non-negative least squares
of relative errors. A third of the networks is left out; the errors stored are theirs.
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
from sparse_jax.export.cost_model.features import (
    CODE,
    WORK,
    code_features,
    work_features,
)
from sparse_jax.export.cost_model.measure import MODEL
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


def networks(count):
    """[(Generated, pixel codes)]: random networks, mostly in their cheapest formats.

    Every layer has some weight, as in a shrunk network: the compiler removes others.
    """
    cases = []
    for seed in itertools.count(1000):
        if len(cases) == count:
            return cases
        net = random_net(seed, **SIZES[seed % 2])
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


def fit(features, names, target):
    """Coefficients and the held-out relative errors."""
    held = np.arange(len(target)) % 3 == 0
    weight = 1.0 / target[:, None]
    solution, _ = nnls((features * weight)[~held], np.ones((~held).sum()),
                       maxiter=10_000)
    error = np.abs(features[held] @ solution / target[held] - 1.0)
    return {'coefficients': {n: round(float(c), 3) for n, c in zip(names, solution)
                             if c > 0},
            'error': {'median': round(float(np.median(error)), 4),
                      'p90': round(float(np.percentile(error, 90)), 4),
                      'worst': round(float(error.max()), 4),
                      'networks': int(held.sum())}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--count', type=int, default=480)
    count = parser.parse_args().count
    cases = networks(count)
    work = np.stack([work_features(g) for g, _ in cases])
    code = np.stack([code_features(g) for g, _ in cases])
    cores = {}
    for name in BOARDS:
        # Room for a whole batch of networks; costs do not depend on it.
        board = load(name)
        roomy = lambda memory: dataclasses.replace(memory, bytes=1 << 24)
        board = dataclasses.replace(
            board, flash=roomy(board.flash), ram=roomy(board.ram))
        compiler = find_compiler(board)
        seen = observe(cases, board, compiler)
        cores[board.core] = {
            'board': name, 'compiler': compiler.label(),
            'code': fit(code, CODE, seen[:, 0]),
            'instructions': fit(work, WORK, seen[:, 1]),
            'cycles': fit(work, WORK, seen[:, 2])}
        for key in ('code', 'instructions', 'cycles'):
            print(name, key, cores[board.core][key]['error'])
    content = {'made_by': f'python -m benchmarks.fit_cost_model --count={count}',
               'networks': count, 'cores': cores}
    MODEL.write_text(json.dumps(content, indent=1) + '\n')


if __name__ == '__main__':
    main()
