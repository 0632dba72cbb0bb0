"""Files and settings changed at random: read, or refused in one line, never else."""

import copy
import json
import random

import numpy as np
import pytest

from sparse_jax.data import DataError, DataSpec, load
from sparse_jax.data.loading import _parts
from sparse_jax.export.chip import boards
from sparse_jax.export.errors import ExportError
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.reading import read
from sparse_jax.settings.stored import read_json
from sparse_jax.settings.tree import to_tree
from sparse_jax.space import graph_file, network_file
from sparse_jax.space.sparse_space import sparse_space
from tests import tiny_study
from tests.data import folders

VALUES = (None, True, False, 0, 1, -1, 2**31, 2**64, 10**400, 0.5, -1e300, float('nan'),
          float('inf'), '', 'x', 'a' * 300, '../../x', 'x:y', '\0', 'gs://x', [], [[]],
          [1, 2], [None], ['x'], [[1, 2], 3], {}, {'a': 1}, {'': {}})
TRIES = 100


def _places(tree, path=()):
    """Paths to every value inside nested dicts and lists."""
    items = (tree.items() if isinstance(tree, dict) else
             enumerate(tree) if isinstance(tree, list) else ())
    for key, value in items:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _changed(rng, tree):
    """A copy with one to three values replaced, removed or added."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.randint(1, 3)):
        path = rng.choice(list(_places(tree)) or [()])
        inside = tree
        for key in path[:-1]:
            inside = inside[key]
        if not path:
            continue
        what = rng.random()
        if what < 0.8:
            inside[path[-1]] = copy.deepcopy(rng.choice(VALUES))
        elif isinstance(inside, dict) and what < 0.9:
            inside[rng.choice(('x', '', 'channels', 'a' * 300))] = rng.choice(VALUES)
        else:
            del inside[path[-1]]
    return tree


def _one_line(error):
    assert '\n' not in str(error) and 0 < len(str(error)) < 2000, str(error)[:500]


@pytest.mark.parametrize('seed', range(3))
def test_configurations(seed, tmp_path):
    rng, whole = random.Random(seed), to_tree(Settings())
    whole = json.loads(json.dumps(whole))
    for _ in range(TRIES):
        tree = _changed(rng, whole)
        (tmp_path / 'config.json').write_text(json.dumps(tree))
        for stored in (True, False):
            try:
                read(read_json(tmp_path / 'config.json') if stored else tree)
            except ConfigError as error:
                _one_line(error)


@pytest.mark.parametrize('seed', range(3))
def test_network_files(seed, tmp_path):
    rng, space = random.Random(seed), sparse_space((6, 6, 1), 3)
    nodes = {'input_shape': [6, 6, 1], 'nodes': [
        {'name': 'a', 'op': 'conv', 'inputs': ['input'], 'channels': 4, 'kernel': 3},
        {'name': 'classifier', 'op': 'dense', 'inputs': ['a'], 'channels': 3,
         'relu': False}]}
    graph_file.parse(nodes)
    for _ in range(TRIES):
        path = tmp_path / 'network.json'
        path.write_text(json.dumps(_changed(rng, tiny_study.POINT)))
        try:
            network_file.read(space, str(path))
        except network_file.NetworkFileError as error:
            _one_line(error)
        changed = json.loads(json.dumps(_changed(rng, nodes)))
        if graph_file.is_graph(changed):
            try:
                graph_file.parse(changed)
            except network_file.NetworkFileError as error:
                _one_line(error)


@pytest.mark.parametrize('seed', range(3))
def test_boards(seed, tmp_path):
    rng = random.Random(seed)
    whole = json.loads((boards.FOLDER / 'microbit.json').read_text())
    for _ in range(TRIES):
        path = tmp_path / 'board.json'
        path.write_text(json.dumps(_changed(rng, whole)))
        try:
            boards.load(str(path))
        except ExportError as error:
            assert str(path) in str(error)


def _bytes_changed(rng, data):
    """Bytes flipped, cut out or put in."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data))
        what = rng.random()
        if what < 0.6:
            data[place] = rng.randrange(256)
        elif what < 0.8:
            del data[place:place + rng.choice((1, 4, 200, 10**6))]
        else:
            data[place:place] = rng.randbytes(rng.choice((1, 8, 64)))
        data = data or bytearray(b'x')
    return bytes(data)


@pytest.mark.parametrize('seed', range(3))
def test_npz_files(seed, tmp_path):
    rng, path = random.Random(seed), tmp_path / 'file.npz'
    images = np.random.default_rng(0).integers(0, 256, (30, 5, 6), dtype=np.uint8)
    np.savez(path, x_train=images, y_train=np.arange(30) % 3, x_test=images[:9],
             y_test=np.arange(9) % 3, classes=np.array(['a', 'b', 'c']))
    whole = path.read_bytes()
    for _ in range(TRIES):
        path.write_bytes(_bytes_changed(rng, whole))
        _parts.cache_clear()
        try:
            load(DataSpec(name='own', path=str(path)))
        except DataError as error:
            _one_line(error)


@pytest.mark.parametrize('seed', range(3))
def test_idx_files(seed, tmp_path):
    rng = random.Random(seed)
    head = np.array([2051, 30, 5, 6], '>u4').tobytes()
    files = {'train-images-idx3-ubyte': head + rng.randbytes(900),
             'train-labels-idx1-ubyte': np.array([2049, 30], '>u4').tobytes() + bytes(
                 i % 3 for i in range(30))}
    for name, whole in files.items():
        (tmp_path / name).write_bytes(whole)
    for _ in range(TRIES):
        name, whole = rng.choice(list(files.items()))
        (tmp_path / name).write_bytes(_bytes_changed(rng, whole))
        _parts.cache_clear()
        try:
            load(DataSpec(name='own', path=str(tmp_path)))
        except DataError as error:
            _one_line(error)
        (tmp_path / name).write_bytes(whole)


@pytest.mark.parametrize('suffix', ['png', 'jpg', 'bmp'])
def test_pictures(suffix, tmp_path):
    rng, picture = random.Random(suffix), tmp_path / 'a' / f'0.{suffix}'
    for name in ('a', 'b'):
        for i in range(5):
            folders.picture(tmp_path / name / f'{i}.{suffix}', folders.colour(8, 9))
    whole = picture.read_bytes()
    for _ in range(TRIES):
        picture.write_bytes(_bytes_changed(rng, whole))
        _parts.cache_clear()
        try:
            load(DataSpec(name='own', path=str(tmp_path), validation_size=2))
        except DataError as error:
            _one_line(error)


@pytest.mark.parametrize('name', ['images.npy', 'labels.npy', 'train.csv'])
def test_tables_and_arrays(name, tmp_path):
    rng, path = random.Random(name), tmp_path / name
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 3), dtype=np.uint8)
    labels = np.arange(30) % 3
    if name == 'train.csv':
        np.savetxt(path, np.c_[labels, images.reshape(30, 9)], '%d', ',',
                   header='label,' + ','.join(f'p{i}' for i in range(9)), comments='')
    else:
        np.save(tmp_path / 'images.npy', images)
        np.save(tmp_path / 'labels.npy', labels)
    whole = path.read_bytes()
    for _ in range(TRIES):
        path.write_bytes(_bytes_changed(rng, whole))
        _parts.cache_clear()
        try:
            load(DataSpec(name='own', path=str(tmp_path)))
        except DataError as error:
            _one_line(error)
