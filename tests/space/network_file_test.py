"""Network files: round trips, and one clear line for every fault."""

import json

import numpy as np
import pytest

from sparse_jax.space import encoding, network_file
from sparse_jax.space.network_file import NetworkFileError
from sparse_jax.space.restriction import restrict
from sparse_jax.space.sparse_space import sparse_space

SPACE = sparse_space((8, 8, 3), 10)
GOOD = {
    'downsample-input-in-depth': True, 'downsample-input': False,
    'zero-regularization-epochs': 5, 'annealing-epochs': 15, 'alpha': 0.3,
    'pretraining': False, 'batch-norm': False, 'num-conv-blocks': 1,
    'num-fc-layers': 0, 'left-branch': False, 'right-branch': False,
    'num-conv-layers-block-1': 1, 'layer-type-block-1-layer-1': 'Conv2D',
    'kernel-size-block-1-layer-1': 3, 'num-filters-block-1-layer-1': 12,
}
TWO_BLOCKS = {
    'num-conv-blocks': 2, 'num-conv-layers-block-2': 1,
    'layer-type-block-2-layer-1': 'Conv2D', 'kernel-size-block-2-layer-1': 4,
    'num-filters-block-2-layer-1': 12}


def _line(changes, space=SPACE):
    point = {n: v for n, v in (GOOD | changes).items() if v is not ...}
    with pytest.raises(NetworkFileError) as caught:
        network_file.check(space, point)
    message = str(caught.value)
    assert '\n' not in message and len(message) < 200
    return message


@pytest.mark.parametrize('shape, prior', [
    ((8, 8, 1), 'log-uniform'), ((12, 15, 3), 'uniform')])
def test_round_trip(shape, prior, key, tmp_path):
    space = sparse_space(shape, 10, prior=prior)
    for i, row in enumerate(encoding.sample(key, space, 60)):
        path = tmp_path / f'{i}.json'
        path.write_text(network_file.dumps(space, row))
        point = network_file.read(space, path)
        np.testing.assert_allclose(encoding.encode(space, point), row, atol=1e-12)
        assert set(json.loads(path.read_text())) == set(
            encoding.active_point(space, row))


def test_a_complete_point_comes_back():
    point = network_file.check(SPACE, GOOD)
    assert set(point) == set(SPACE.names)
    assert {n: point[n] for n in GOOD} == GOOD
    # Ours have defaults: the pool is the paper's.
    assert point['pool-block-1'] is True
    assert point['log-alpha-offset'] == 0.0


def test_held_rows_on_pruning_are_those_of_the_method():
    """A file may be of a search with another; what is not held stays as it is."""
    held = restrict(SPACE, 'log-alpha-offset=0')
    point = network_file.complete(held, GOOD | {
        'log-alpha-offset': -2.0, 'alpha': 0.5})
    assert (point['log-alpha-offset'], point['alpha']) == (0.0, 0.5)
    assert network_file.check(held, point)['log-alpha-offset'] == 0.0


def test_inactive_names_may_be_present():
    assert network_file.check(SPACE, GOOD | {'num-filters-block-2-layer-3': 7}) \
        == network_file.check(SPACE, GOOD)
    bad = _line({'num-filters-block-2-layer-3': 0})
    assert bad.startswith('num-filters-block-2-layer-3: 0 is not allowed')


@pytest.mark.parametrize('changes, message', [
    ({'kernel-size-block-1-layr-1': 3},
     "unknown key 'kernel-size-block-1-layr-1'; "
     'did you mean kernel-size-block-1-layer-1?'),
    ({'zzz': 1}, "unknown key 'zzz'"),
    ({'kernel-size-block-1-layer-1': 6},
     'kernel-size-block-1-layer-1: 6 is not allowed; allowed: 2 to 5 in steps of 1'),
    ({'alpha': 0.005},
     'alpha: 0.005 is not allowed; allowed: 0.01 to 1 in steps of 0.01'),
    ({'alpha': '0.1'},
     "alpha: '0.1' is not allowed; allowed: 0.01 to 1 in steps of 0.01"),
    ({'pretraining': 1}, 'pretraining: 1 is not allowed; allowed: true, false'),
    ({'layer-type-block-1-layer-1': 'conv2d'},
     "layer-type-block-1-layer-1: 'conv2d' is not allowed; allowed: "
     'Conv2D, DownsampledConv2D, SeparableConv2D'),
    ({'learning-rate': float('nan')},
     'learning-rate: nan is not allowed; allowed: 0.001 to 0.03'),
    ({'num-conv-blocks': None},
     'num-conv-blocks: None is not allowed; allowed: 1 to 2 in steps of 1'),
    ({'alpha': ...}, "missing key 'alpha'; allowed: 0.01 to 1 in steps of 0.01"),
    ({'batch-norm': ...}, "missing key 'batch-norm'; allowed: true, false"),
    ({'left-branch': True, 'total-fc-layer-weights': 2000},
     "missing key 'merge-type'; allowed: Sum, Concatenate"),
    ({'num-fc-layers': 1}, "missing key 'total-fc-layer-weights'; "
     'allowed: 1000 to 800000 in steps of 1000'),
    # 8 -> 6 -> 3 by the pool, then a kernel of 4
    (TWO_BLOCKS, 'kernel-size-block-2-layer-1: 4 is larger than its 3x3 input; '
     'allowed: at most 3'),
    # 8 -> 2 -> 1, then no kernel is left
    (TWO_BLOCKS | {'downsample-input': True, 'input-downsampling-rate': 2},
     'kernel-size-block-2-layer-1: 4 is larger than its 1x1 input; '
     'allowed: no kernel here, nor a pool or as large kernels before it'),
    ({'downsample-input': True, 'input-downsampling-rate': 4,
      'kernel-size-block-1-layer-1': 2},
     'pool-block-1: true leaves nothing of the 1x1 feature map; allowed: false'),
])
def test_every_fault_has_its_line(changes, message):
    assert _line(changes) == message


def test_an_image_smaller_than_the_down_sampling_rate():
    space = sparse_space((3, 9, 1), 10)
    changes = {'downsample-input': True, 'input-downsampling-rate': 4,
               'layer-type-block-1-layer-1': 'DownsampledConv2D',
               'downsample-block-1-layer-1': 0.5}
    assert _line(changes, space) == (
        'input-downsampling-rate: 4 leaves nothing of the 3x9 image; '
        'allowed: at most 3')


def test_the_kernel_of_a_separable_layer_is_named_by_its_row():
    space = sparse_space((4, 9, 1), 10)
    changes = {'layer-type-block-1-layer-1': 'SeparableConv2D',
               'kernel-size-block-1-layer-1': 5}
    assert _line(changes, space) == (
        'kernel-size-block-1-layer-1: 5 is larger than its 4x9 input; '
        'allowed: at most 4')


@pytest.mark.parametrize('value', [10**400, 'x' * 1000, [1] * 1000, {'a': 1}])
def test_absurd_values_stay_one_short_line(value):
    assert _line({'alpha': value}).endswith('allowed: 0.01 to 1 in steps of 0.01')
    assert _line({'layer-type-block-1-layer-1': value}).endswith('SeparableConv2D')
    _line({'x' * 1000: 1})


@pytest.mark.parametrize('text, part', [
    ('', 'not JSON'), ('{"alpha": 1', 'not JSON'), ('\ufeff{}', 'not JSON'),
    ('[1, 2]', 'a network is a JSON object of names and values, not [1, 2]'),
    ('{}', "missing key"), ('{"alpha": 7}', 'alpha: 7 is not allowed'),
    ('{"alpha": ' + '9' * 5000 + '}', 'not JSON'), ('[' * 100_000, 'not JSON'),
])
def test_bad_files_name_the_file(text, part, tmp_path):
    path = tmp_path / 'net.json'
    path.write_text(text)
    with pytest.raises(NetworkFileError) as caught:
        network_file.read(SPACE, path)
    message = str(caught.value)
    assert message.startswith(f'{path}: ') and part in message and '\n' not in message


def test_unreadable_files(tmp_path):
    for path, part in ((tmp_path / 'none.json', 'No such file'),
                       (tmp_path, 'Is a directory')):
        with pytest.raises(NetworkFileError, match=part) as caught:
            network_file.read(SPACE, path)
        assert '\n' not in str(caught.value)
    (tmp_path / 'binary.json').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(NetworkFileError, match='not JSON'):
        network_file.read(SPACE, tmp_path / 'binary.json')
