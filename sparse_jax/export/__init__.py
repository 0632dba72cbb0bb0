"""From compact networks to verified microcontroller firmware.

The names below are imported when they are first used, so that the boards can be listed
without JAX.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparse_jax.export.chip.boards import Board
    from sparse_jax.export.chip.boards import load as load_board
    from sparse_jax.export.code.analytic import analytic_cost
    from sparse_jax.export.code.buffers import plan_buffers
    from sparse_jax.export.code.c_source import generate
    from sparse_jax.export.cost_model.measure import Measurement, measure
    from sparse_jax.export.errors import (
        ExportError,
        MissingToolError,
        VerificationError,
    )
    from sparse_jax.export.operations import OPERATIONS
    from sparse_jax.export.project.folder import read_report
    from sparse_jax.export.project.network import ExportData, export_network
    from sparse_jax.export.project.report_text import tuning_text, verification_text
    from sparse_jax.export.project.verify import verify
    from sparse_jax.export.tflite.model import to_tflite

_HOMES = {
    'chip.boards': ('Board', 'load_board'),
    'code.analytic': ('analytic_cost',),
    'code.buffers': ('plan_buffers',),
    'code.c_source': ('generate',),
    'cost_model.measure': ('Measurement', 'measure'),
    'errors': ('ExportError', 'MissingToolError', 'VerificationError'),
    'operations': ('OPERATIONS',),
    'project.folder': ('read_report',),
    'project.network': ('ExportData', 'export_network'),
    'project.report_text': ('tuning_text', 'verification_text'),
    'project.verify': ('verify',),
    'tflite.model': ('to_tflite',),
}
_NAMED = {'load_board': 'load'}
"""Names that their module has under another one."""

__all__ = [
    'OPERATIONS',
    'Board',
    'ExportData',
    'ExportError',
    'Measurement',
    'MissingToolError',
    'VerificationError',
    'analytic_cost',
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


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first asked for."""
    for module, names in _HOMES.items():
        if name in names:
            home = importlib.import_module(f'{__name__}.{module}')
            globals()[name] = found = getattr(home, _NAMED.get(name, name))
            return found
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
