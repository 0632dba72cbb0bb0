"""Weights in a study: bit by bit, small, and refused where they are damaged."""

import io
import json

import numpy as np
import pytest

from sparse_jax.study import weights_file as packing
from sparse_jax.study.outcome import Weights


def _weights(seed=0, *, normed=False):
    """Of two layers, half of the kernels pruned; `normed` ones have another scale."""
    rng = np.random.default_rng(seed)
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
    params = {'a': {'kernel': draw(8, 3, 3, 3), 'bias': draw(8)},
              'b': {'kernel': draw(5, 64)}}
    masked = lambda x: np.where(rng.random(x.shape) < 0.5, x, np.float32(0)) * (
        np.float32(1.5) if normed else np.float32(1))
    folded = {name: {v: masked(x) for v, x in leaf.items()}
              for name, leaf in params.items()}
    aux = {name: {'log_sigma2': draw(*leaf['kernel'].shape)}
           for name, leaf in params.items()}
    return Weights(params, aux, {'a-norm': {'mean': draw(8)}}, folded,
                   {'a': rng.random(8) < 0.7, 'b': np.ones(5, bool)})


ODD = Weights(
    {'a': {'kernel': np.array([-0.0, 0.0, np.nan, 1.0, -np.inf], np.float32),
           'empty': np.zeros((0, 3), np.float32)}},
    {'a': {'count': np.array(7, np.int64), 'half': np.ones((2, 2), np.float16)}}, {},
    {'a': {'kernel': np.array([-0.0, 0.0, np.nan, 0.0, -np.inf], np.float32),
           'bias': np.zeros(2, np.float64)}}, {})


@pytest.mark.parametrize('weights', [
    _weights(), _weights(1, normed=True), ODD, Weights({}, {}, {}, {}, {})],
    ids=['plain', 'normed', 'odd', 'none'])
@pytest.mark.parametrize('write', [packing.pack, packing.plain])
def test_weights_come_back_bit_by_bit(weights, write):
    found = packing.unpack(write(weights))
    text = lambda tree: json.dumps(tree, default=lambda x: [
        str(x.dtype), x.shape, x.tobytes().hex()])
    assert text(found) == text(weights)


def test_equal_weights_are_equal_bytes():
    assert packing.pack(_weights()) == packing.pack(_weights())


def test_a_pruned_network_is_a_mask_of_its_posterior():
    whole = _weights()
    size = lambda weights: len(packing.pack(weights))
    values = sum(x.size for leaf in whole.params.values() for x in leaf.values())
    bare = size(whole._replace(folded={}))
    assert size(whole) - bare < values / 8 + 100
    assert size(_weights(normed=True)) - bare > 3 * values / 2
    assert size(whole) < 0.7 * len(packing.plain(whole))


def _changed(change):
    """A packed file with its index changed."""
    with np.load(io.BytesIO(packing.pack(_weights()))) as archive:
        index, data = json.loads(archive['index'].tobytes()), archive['data']
    change(index)
    buffer = io.BytesIO()
    np.savez(buffer, index=np.frombuffer(json.dumps(index).encode(), np.uint8),
             data=data)
    return buffer.getvalue()


@pytest.mark.parametrize('change', [
    lambda index: index[0].__setitem__(2, [10**12]),
    lambda index: index[0].__setitem__(2, [-8, 27]),
    lambda index: index[0].__setitem__(1, '|O'),
    lambda index: index[0].__setitem__(1, '<f8'),
    lambda index: index[0].__setitem__(0, 'params/other/kernel'),
    lambda index: index.pop(), lambda index: index.append(['params']),
    lambda index: index[0].__setitem__(0, 'elsewhere/a/kernel')])
def test_a_damaged_index_is_refused(change):
    with pytest.raises((ValueError, TypeError, KeyError)):
        packing.unpack(_changed(change))


