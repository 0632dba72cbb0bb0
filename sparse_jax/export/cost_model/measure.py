"""Measured objectives: what a network costs on a board, without compiling it.

RAM and constant tables are exact: they come from the same plan and the same encoder as
the generated C. Code bytes, instructions and cycles come from linear models fitted to
compiled and emulated random networks; their error on networks left out of the fit is in
fitted/cost_model.json and in `Measurement.error`.
"""

import functools
import hashlib
import json
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.export.chip.boards import Board, load
from sparse_jax.export.code.c_source import Generated, generate
from sparse_jax.export.code.c_tables import table_bytes
from sparse_jax.export.cost_model.features import (
    CODE_FEATURES,
    WORK_FEATURES,
    FeatureSet,
)
from sparse_jax.quantize.quantized import QuantizedNet

MODEL = pathlib.Path(__file__).parent / 'fitted' / 'cost_model.json'


class Measurement(NamedTuple):
    """Costs of one network; bytes unless said otherwise."""

    ram: int
    """Exact: the arena, image and room to unpack weights included; no stack."""
    tables: int
    """Exact as written: weights in their stored format, biases, requantisation and
    descriptors. Of a layer that has a loop to itself the compiler may fold the
    descriptor and short tables into code."""
    flash: float
    """`tables` plus predicted code of the network; no reset code, no example."""
    instructions: float
    """Predicted, per inference."""
    cycles: float
    """Predicted, of the board's cycle table: an estimate of an estimate."""
    latency_s: float
    """`cycles` at the board's clock."""
    energy_j: float | None
    """So long at the board's voltage and current; None if that is not known."""
    error: dict[str, float]
    """90th percentile of the relative error of 'code', 'instructions', 'cycles'."""


def measure(net: QuantizedNet, board: str | Board = 'microbit') -> Measurement:
    """Costs of an int8 network on a board."""
    board = load(board) if isinstance(board, str) else board
    g = generate(net)
    model = _models()[board.core]
    code = predict(model['code'], CODE_FEATURES, g)
    instructions = predict(model['instructions'], WORK_FEATURES, g)
    cycles = predict(model['cycles'], WORK_FEATURES, g)
    tables, seconds = exact_table_bytes(g), cycles / board.clock_hz
    return Measurement(g.plan.arena, tables, tables + code, instructions, cycles,
                       seconds, board.energy_j(seconds), prediction_error(board))


def prediction_error(board: Board) -> dict[str, float]:
    """90th percentile of the relative error of 'code', 'instructions', 'cycles', of
    random networks that the fit did not see."""
    model = _models()[board.core]
    return {name: model[name]['error']['p90']
            for name in ('code', 'instructions', 'cycles')}


def coefficients(core: str) -> dict[str, dict[str, float]]:
    """{'code', 'instructions' or 'cycles': {feature: coefficient}} of a core's models;
    features of `CODE` and `WORK` and those of maps that are left out have none."""
    return {name: dict(fit['coefficients']) for name, fit in _models()[core].items()
            if isinstance(fit, dict)}


def models_digest() -> str:
    """Changes with the cost models, and so with what they predict."""
    return hashlib.sha256(MODEL.read_bytes()).hexdigest()


def exact_table_bytes(g: Generated) -> int:
    """Bytes of all constant tables of a generated network."""
    return sum(sum(table_bytes(node, g.encoded[node.name]).values())
               for node in g.net.nodes if node.weight is not None)


def predict(fit: dict, features: FeatureSet, g: Generated) -> float:
    """A fitted figure of a generated network."""
    return sum(_linear(fit, names, features.count(g, names))
               for names in (features.names, features.of_maps))


def _linear(fit: dict, names: Sequence[str], counts: np.ndarray) -> float:
    coefficients = np.array([fit['coefficients'].get(name, 0.0) for name in names])
    return float(coefficients @ counts)


@functools.cache
def _models() -> dict:
    return json.loads(MODEL.read_text())['cores']
