"""From compact networks to verified microcontroller firmware."""

from sparse_jax.export import boards
from sparse_jax.export.analytic import analytic_cost
from sparse_jax.export.boards import Board
from sparse_jax.export.boards import load as load_board
from sparse_jax.export.buffers import plan_buffers
from sparse_jax.export.c_source import generate
from sparse_jax.export.errors import ExportError, MissingToolError, VerificationError
from sparse_jax.export.folder import read_report
from sparse_jax.export.measure import Measurement, measure
from sparse_jax.export.network import ExportData, export_network
from sparse_jax.export.report_text import verification_text
from sparse_jax.export.tflite_model import to_tflite
from sparse_jax.export.verify import verify

__all__ = [
    'Board',
    'ExportData',
    'ExportError',
    'Measurement',
    'MissingToolError',
    'VerificationError',
    'analytic_cost',
    'boards',
    'export_network',
    'generate',
    'load_board',
    'measure',
    'plan_buffers',
    'read_report',
    'to_tflite',
    'verification_text',
    'verify',
]
