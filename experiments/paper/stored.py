"""A network that stands for a row, in three small files of its own.

NAME.json has what is claimed of it and how its nodes are joined, NAME.network.json is
its network file, NAME.npz has its numbers. Nothing is pickled, nothing is executed.
"""

import dataclasses
import io
import json
import pathlib
import zipfile
from typing import Any, NamedTuple

import numpy as np

from sparse_jax.data import DataError, DataSpec
from sparse_jax.model.compact import CompactNet, CompactNode, run
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.quantize import Ranges

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
    others), 'date'; of newer ones 'seconds' of the search and its 'candidates'."""

    @property
    def costs(self) -> Totals:
        """As the paper counts: two classes are two output units."""
        return Totals(**self.claims['costs'])

    @property
    def own(self) -> Totals:
        """As the network is built."""
        return Totals(**self.claims['own'])


def names(folder: pathlib.Path = FOLDER) -> list[str]:
    """Of all winners of a folder, those that lack a file too."""
    found = {path.name.removesuffix('.json').removesuffix('.network')
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
    except (OSError, ValueError, TypeError, KeyError):
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
            f'{name}.network.json': text(winner.point),
            f'{name}.npz': buffer.getvalue()}


def read(name: str, folder: pathlib.Path = FOLDER) -> Winner:
    """A winner of a folder.

    Raises:
      WinnerError: a file is missing or is not as `files_of` makes it.
    """
    try:
        document = json.loads((folder / f'{name}.json').read_text())
        point = json.loads((folder / f'{name}.network.json').read_text())
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
        # What is read later is there, and has the form that it should have.
        for key in ('row', 'set', 'validation', 'test', 'ram', 'data_digest',
                    'test_digest', 'space'):
            winner.claims[key]
        _ = winner.costs, winner.own
        run(net, np.zeros((1, *net.input_shape)))
        return winner
    except OSError as error:
        raise WinnerError(f'{error.filename}: {error.strerror}') from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError,
            zipfile.BadZipFile, DataError) as error:
        raise WinnerError(f'{folder / name}: no winner: {type(error).__name__}: '
                          f'{" ".join(str(error).split())}') from None


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
