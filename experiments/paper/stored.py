"""A network that stands for a row, in three small files of its own.

NAME.json has what is claimed of it and how its nodes are joined, NAME.network.json is
its network file, NAME.npz has its numbers. Nothing is pickled, nothing is executed.
"""

import dataclasses
import io
import json
import pathlib
from typing import Any, NamedTuple

import numpy as np

from sparse_jax.data import DataError, DataSpec
from sparse_jax.model.compact import CompactNet, CompactNode, run
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.quantize import Ranges, quantize
from sparse_jax.study.stored_weights import NO_WEIGHTS

FOLDER = pathlib.Path(__file__).parent / 'winners'
_ARRAYS = ('weight', 'bias', 'gather')
_RANGE = 'range'
_DATA = tuple(field.name for field in dataclasses.fields(DataSpec)
              if field.name != 'path')
"""What of a `DataSpec` is kept; where the files lie is not."""


class WinnerError(ValueError):
    """Files that hold no winner; the message is one line."""


class Winner(NamedTuple):
    """A network with what is claimed of it."""

    net: CompactNet
    ranges: Ranges
    """Of its int8 form."""
    point: dict
    """Its network file."""
    data: DataSpec
    """Without a path."""
    claims: dict[str, Any]
    """'row', 'set', 'validation' and 'test' (int8 accuracies in 0 to 1), 'costs' (as
    the paper counts), 'own' (as built), 'ram', 'data_digest', 'test_digest', 'space'
    (that its network file is of), 'trial', 'command', 'study' (what tells it from
    others), 'date'; of newer ones 'teacher' (digest of what it says, '' for none),
    'seconds' of the search and its 'candidates'."""

    @property
    def costs(self) -> Totals:
        """As the paper counts: two classes are two output units."""
        return Totals(**self.claims['costs'])

    @property
    def own(self) -> Totals:
        """As the network is built."""
        return Totals(**self.claims['own'])


NETWORK = '.network'
"""Before the ending of the file with a winner's point."""


def names(folder: pathlib.Path = FOLDER) -> list[str]:
    """Of all winners of a folder, those that lack a file too."""
    found = {path.name.removesuffix('.json').removesuffix(NETWORK)
             for path in folder.glob('*.json')}
    return sorted(found | {path.stem for path in folder.glob('*.npz')})


def claims_file(name: str) -> str:
    """Name of the file with what is claimed of a winner: without it nothing is."""
    return f'{name}.json'


def claims(name: str, folder: pathlib.Path) -> dict[str, Any] | None:
    """What is claimed of a winner; empty of a file that cannot be read, None without
    one."""
    path = folder / claims_file(name)
    if not path.is_file():
        return None
    try:
        return dict(json.loads(path.read_text())['claims'])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return {}


def files_of(winner: Winner, name: str) -> dict[str, bytes]:
    """{file name: content}."""
    arrays: dict[str, Any] = {}
    nodes = []
    for node in winner.net.nodes:
        plain = dataclasses.asdict(node)
        for part in _ARRAYS:
            value = plain.pop(part)
            if value is not None:
                arrays[f'{node.name}/{part}'] = _narrow(np.asarray(value))
        nodes.append(plain)
    for node_name, value in winner.ranges.weights.items():
        arrays[f'{node_name}/{_RANGE}'] = _narrow(np.asarray(value))
    net = {field.name: getattr(winner.net, field.name)
           for field in dataclasses.fields(winner.net)} | {'nodes': nodes}
    document = {
        'claims': winner.claims, 'net': net,
        'data': {key: getattr(winner.data, key) for key in _DATA},
        'activations': winner.ranges.activations, 'pixels': winner.ranges.pixels}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    text = lambda tree: (json.dumps(tree, indent=1) + '\n').encode()
    return {claims_file(name): text(document),
            f'{name}{NETWORK}.json': text(winner.point),
            f'{name}.npz': buffer.getvalue()}


def read(name: str, folder: pathlib.Path = FOLDER) -> Winner:
    """A winner of a folder.

    Raises:
      WinnerError: a file is missing or is not as `files_of` makes it.
    """
    try:
        document = json.loads((folder / f'{name}.json').read_text())
        point = json.loads((folder / f'{name}{NETWORK}.json').read_text())
        with np.load(folder / f'{name}.npz', allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        net = dict(document['net'])
        nodes = tuple(_node(dict(node), arrays) for node in net.pop('nodes'))
        net = CompactNet(**net | {'nodes': nodes,
                                  'input_shape': tuple(net['input_shape'])})
        ranges = Ranges(
            {key: (low, high) for key, (low, high) in document['activations'].items()},
            {key.split('/')[0]: value for key, value in arrays.items()
             if key.endswith(f'/{_RANGE}')}, tuple(document['pixels']))
        spec: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
                for key, value in dict(document['data']).items()}
        winner = Winner(net, ranges, dict(point), DataSpec(**spec), document['claims'])
        check_claims(winner.claims)
        quantize(net, ranges)
        run(net, np.zeros((1, *net.input_shape)))
        return winner
    except OSError as error:
        raise WinnerError(f'{error.filename}: {error.strerror}') from None
    except (*NO_WEIGHTS, IndexError, ArithmeticError, DataError) as error:
        raise WinnerError(f'{folder / name}: no winner: {type(error).__name__}: '
                          f'{" ".join(str(error).split())}') from None


def check_claims(claims: dict[str, Any]) -> None:
    """Refuse claims that lack something or have another form than `Winner.claims`.

    Raises:
      KeyError, TypeError, ValueError: which one, and what it is.
    """
    for key, fits in _FORMS.items():
        if not fits(claims[key]):
            raise ValueError(f'{key}={claims[key]!r}')
    for key, fits in _LATER.items():
        if claims.get(key) is not None and not fits(claims[key]):
            raise ValueError(f'{key}={claims[key]!r}')
    for key in ('costs', 'own'):
        if not all(map(_is_count, Totals(**claims[key]))):
            raise ValueError(f'{key}={claims[key]!r}')


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= 1


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


_FORMS = {'row': _is_text, 'set': _is_text, 'validation': _is_share, 'test': _is_share,
          'ram': lambda value: isinstance(value, int | float) and value >= 0,
          'data_digest': _is_text, 'test_digest': _is_text, 'trial': _is_text,
          'space': lambda value: isinstance(value, dict), 'command': _is_text}
_LATER = {'study': _is_text, 'date': _is_text, 'teacher': _is_text,
          'seconds': _is_count, 'candidates': _is_count}
"""Those that older winners lack."""


def _node(plain: dict[str, Any], arrays: dict[str, np.ndarray]) -> CompactNode:
    size = plain['size']
    fields: dict[str, Any] = plain | {
        'inputs': tuple(plain['inputs']), 'size': None if size is None else tuple(size)}
    fields |= {part: arrays.get(f'{plain["name"]}/{part}') for part in _ARRAYS}
    return CompactNode(**fields)


def _narrow(array: np.ndarray) -> np.ndarray:
    """The same numbers in half of the bytes, where that is exact."""
    narrow = {'f': np.float32, 'i': np.int32}.get(array.dtype.kind)
    if narrow is None:
        return array
    small = array.astype(narrow)
    return small if np.array_equal(small, array) else array
