"""Values that decide a program -> a text that is the same in every process.

Two values with one text must give one trace. What cannot be told for sure, such as a
function of a module whose sources are not known here, has no description.
"""

import dataclasses
import enum
import functools
import hashlib
import pathlib
import sys
import types
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

PACKAGES = ('jax', 'jaxlib', 'numpy', 'flax', 'optax', 'chex', 'gpjax', 'equinox',
            'lineax', 'paramax')
"""Whose versions stand for their sources; some of them need not be installed."""
OWN = __name__.partition('.')[0]
OPTIONS = (
    'jax_enable_x64', 'jax_numpy_dtype_promotion', 'jax_numpy_rank_promotion',
    'jax_default_matmul_precision', 'jax_threefry_partitionable',
    'jax_default_prng_impl', 'jax_debug_nans', 'jax_debug_infs', 'jax_disable_jit',
    'jax_check_tracer_leaks', 'jax_enable_custom_prng', 'jax_softmax_custom_jvp')
"""Options of JAX that may change what is traced."""


class NoDescription(ValueError):
    """Nothing here says for sure what a value is."""


def describe(value: Any) -> str:
    """A text that equal values have in common, in this and in any other process.

    Args:
      value: plain data, arrays, dataclasses, named tuples, functions of this library
        and of `PACKAGES` with what they close over, and containers of these.

    Raises:
      NoDescription: of anything else, such as a function of another module.
    """
    if value is None or isinstance(value, (bool, int, float, str, bytes)) and not (
            isinstance(value, enum.Enum)):
        return f'{type(value).__name__}:{value!r}'
    if isinstance(value, tuple | list | frozenset | set):
        parts = map(describe, value)
        ordered = sorted(parts) if isinstance(value, frozenset | set) else parts
        return f'{_kind(value)}({",".join(ordered)})'
    if isinstance(value, Mapping):
        items = (f'{describe(k)}={describe(v)}' for k, v in value.items())
        return f'{_kind(value)}({",".join(items)})'
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return _array(value)
    if isinstance(value, functools.partial):
        return f'partial{describe((value.func, value.args, value.keywords))}'
    if _is_named(value):
        return f'{value.__module__}:{value.__qualname__}'
    if isinstance(value, types.FunctionType):
        return _function(value)
    if dataclasses.is_dataclass(value):
        fields = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))
        return f'{_kind(value)}{describe(tuple(fields))}'
    raise NoDescription(f'{type(value).__qualname__} has no description')


def arguments(values: Any) -> str:
    """Shapes, types and places of arrays, which may be abstract, in any tree."""
    leaves, structure = jax.tree.flatten(values)
    return '\n'.join([str(structure), *map(_abstract, leaves)])


@functools.cache
def sources() -> str:
    """Digest of all of this library's Python."""
    found, root = hashlib.sha256(), pathlib.Path(__file__).parents[1]
    for path in sorted(root.rglob('*.py')):
        content = path.read_bytes()
        found.update(f'{path.relative_to(root)}:{len(content)}:'.encode() + content)
    return found.hexdigest()


def surroundings() -> str:
    """What any trace depends on: versions, sources, options of JAX, the devices."""
    versions = {name: _version(name) for name in PACKAGES}
    options = {name: getattr(jax.config, name, None) for name in OPTIONS}
    device = jax.devices()[0]
    return repr((sys.version_info[:2], versions, sources(), options, device.platform,
                 device.device_kind))


@functools.cache
def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _kind(value: Any) -> str:
    """The name of a type that is known here."""
    kind = type(value)
    if kind.__module__ != 'builtins' and not _is_named(kind):
        raise NoDescription(f'{kind.__qualname__} is of a module that is not known')
    return f'{kind.__module__}:{kind.__qualname__}'


def _is_known(module: str | None) -> bool:
    """Whether versions or the digest of the sources stand for a module's contents."""
    root = (module or '').partition('.')[0]
    return root in (OWN, 'builtins', 'functools', 'operator', 'math', *PACKAGES)


def _is_named(value: Any) -> bool:
    """Whether a known module has this very object under the object's own name."""
    module, name = (getattr(value, a, None) for a in ('__module__', '__qualname__'))
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    found: Any = sys.modules.get(module)
    for part in name.split('.'):
        found = getattr(found, part, None)
    return found is value and _is_known(module)


def _function(value: types.FunctionType) -> str:
    """A function that was made inside of another one: its code and all it holds."""
    if not _is_known(value.__module__):
        raise NoDescription(f'{value.__qualname__} is of a module that is not known')
    held = tuple(cell.cell_contents for cell in value.__closure__ or ())
    inside = describe((held, value.__defaults__ or (), value.__kwdefaults__ or {}))
    return f'{value.__module__}:{value.__qualname__}:{_code(value.__code__)}{inside}'


def _code(code: types.CodeType) -> str:
    """Functions of one line and name, such as lambdas, differ in their code."""
    constants = [_code(c) if isinstance(c, types.CodeType) else repr(c)
                 for c in code.co_consts]
    text = repr((code.co_firstlineno, code.co_code, code.co_names, constants))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _array(value: Any) -> str:
    if isinstance(value, jax.Array) and jnp.issubdtype(
            value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    host = np.asarray(value)
    if host.dtype.hasobject:
        raise NoDescription('an array of objects has no description')
    content = hashlib.sha256(host.tobytes()).hexdigest()
    return f'{type(value).__name__}:{host.dtype}{host.shape}{content}'


def _abstract(leaf: Any) -> str:
    """One argument of a program; only a number's type is in the program."""
    if isinstance(leaf, bool | int | float | complex):
        return type(leaf).__name__
    weak = getattr(leaf, 'weak_type', False)
    return f'{leaf.dtype}{leaf.shape}{weak}{getattr(leaf, "sharding", None)}'
