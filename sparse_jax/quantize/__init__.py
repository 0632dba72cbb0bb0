"""Int8 networks: calibration, fine-tuning and exact integer emulation."""

from sparse_jax.quantize.accuracy import int8_accuracy
from sparse_jax.quantize.emulate import (
    classes_of,
    dequantize,
    emulate,
    emulate_codes,
)
from sparse_jax.quantize.emulate_blas import Images, classify, emulate_blas
from sparse_jax.quantize.emulate_jax import emulate_jax, make_emulator
from sparse_jax.quantize.finetune import finetune
from sparse_jax.quantize.operations import OPERATIONS
from sparse_jax.quantize.pixels import METHODS, Method, PixelGrid, pixel_grid
from sparse_jax.quantize.quantize import quantize
from sparse_jax.quantize.quantized import (
    QTensor,
    QuantizedNet,
    QuantizedNode,
    UnfitNetworkError,
    pixel_codes,
)
from sparse_jax.quantize.ranges import Ranges, Tuning, calibrate

__all__ = [
    'METHODS',
    'OPERATIONS',
    'Images',
    'Method',
    'PixelGrid',
    'QTensor',
    'QuantizedNet',
    'QuantizedNode',
    'Ranges',
    'Tuning',
    'UnfitNetworkError',
    'calibrate',
    'classes_of',
    'classify',
    'dequantize',
    'emulate',
    'emulate_blas',
    'emulate_codes',
    'emulate_jax',
    'finetune',
    'int8_accuracy',
    'make_emulator',
    'pixel_codes',
    'pixel_grid',
    'quantize',
]
