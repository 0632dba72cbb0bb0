"""Failures of export and verification, each a one-line message for the user."""

import importlib
from types import ModuleType


class ExportError(RuntimeError):
    """The network cannot be exported or verified as asked; the message is one line.

    It says what does not fit and by how much: a network larger than the board's flash
    or RAM and the layer that is to blame, a folder that holds something else, images of
    another shape. Two kinds of it can be told apart: `VerificationError`, where the
    firmware on the emulated board does not do what it should, and `MissingToolError`,
    where a compiler or an optional package is not installed. An export that
    fails leaves an earlier one in its folder as it was.
    """


class VerificationError(ExportError):
    """The exported network does not do on the board what it should."""


class MissingToolError(ExportError):
    """A compiler or an optional package is not installed."""


INSTALL = "pip install -r requirements-mcu.txt (or pip install 'sparse_jax[mcu]')"
_TFLITE = ('tflite', 'flatbuffers')


def need(module: str) -> ModuleType:
    """Imports an optional package, or says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split('.')[0]
        how = INSTALL.replace('mcu', 'tflite') if package in _TFLITE else INSTALL
        raise MissingToolError(f'{package} is not installed: {how}') from error
