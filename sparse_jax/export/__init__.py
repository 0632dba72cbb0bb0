"""From compact networks to verified microcontroller firmware."""

from sparse_jax.export.chip import boards
from sparse_jax.export.chip.boards import Board
from sparse_jax.export.chip.boards import load as load_board
from sparse_jax.export.code.analytic import analytic_cost
from sparse_jax.export.code.buffers import plan_buffers
from sparse_jax.export.code.c_source import generate
from sparse_jax.export.cost_model.measure import Measurement, measure
from sparse_jax.export.errors import ExportError, MissingToolError, VerificationError
from sparse_jax.export.operations import OPERATIONS
from sparse_jax.export.project.folder import read_report
from sparse_jax.export.project.network import ExportData, export_network
from sparse_jax.export.project.report_text import tuning_text, verification_text
from sparse_jax.export.project.verify import verify
from sparse_jax.export.tflite.model import to_tflite

__all__ = [
    'OPERATIONS',
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
    'tuning_text',
    'verification_text',
    'verify',
]
