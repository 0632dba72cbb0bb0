"""Activity, canonical form and sampling."""

import math

import jax
import numpy as np
import pytest

from sparse_jax.space import architecture, encoding
from sparse_jax.space.sparse_space import sparse_space

SPACES = [
    sparse_space((8, 8, 1), 10),
    sparse_space((12, 12, 3), 4, prior='uniform'),
    sparse_space((20, 17, 3), 4),
]


@pytest.fixture(params=SPACES, ids=lambda s: f'{s.input_shape}-{s.prior}')
def space(request):
    return request.param


@pytest.fixture
def rows(space, key):
    return encoding.sample(key, space, 300)


def _by_name(space, row):
    return dict(zip(space.names, encoding.activity(space, row[None])[0]))


def _expected_activity(point, channels):
    """The paper's conditions and ours, written again."""
    left, right = point['left-branch'], point['right-branch']
    fc, merged = point['num-fc-layers'] == 1, left or right
    summed = merged and point['merge-type'] == 'Sum'
    main = fc or summed
    active = dict.fromkeys(point, True)
    active |= {
        'downsample-input-in-depth': channels > 1,
        'input-downsampling-rate': point['downsample-input'],
        'annealing-epochs': not point['pretraining'],
        'total-fc-layer-weights': fc or merged,
        'weight-fraction-main-branch': main and merged,
        'weight-fraction-left-branch': left and (right or main),
        'weight-fraction-right-branch': right and (left or main),
        'merge-type': merged,
    }
    for k in (1, 2):
        block = k <= point['num-conv-blocks']
        layers = point[f'num-conv-layers-block-{k}']
        active[f'num-conv-layers-block-{k}'] = active[f'pool-block-{k}'] = block
        for l in (1, 2, 3):
            tag, on = f'block-{k}-layer-{l}', block and l <= layers
            for name in ('layer-type', 'kernel-size', 'num-filters',
                         'pruning-threshold'):
                active[f'{name}-{tag}'] = on
            active[f'downsample-{tag}'] = (
                on and point[f'layer-type-{tag}'] == 'DownsampledConv2D')
    return active


def test_activity_is_what_the_table_says(space):
    random = encoding.snap(space, np.random.default_rng(0).random((300, 53)))
    for row in random:
        point = encoding.decode(space, row)
        assert _by_name(space, row) == _expected_activity(point, space.input_shape[2])


def test_inactive_dimensions_are_neutral(space, rows):
    neutral = np.array([d.encode(d.neutral_value()) for d in space.dimensions])
    active = encoding.activity(space, rows)
    assert (~active).any(axis=1).all()
    np.testing.assert_array_equal(
        np.where(active, 0, rows), np.where(active, 0, neutral))


def test_samples_are_canonical_feasible_and_different(space, rows):
    assert rows.shape == (300, 53) and ((rows >= 0) & (rows <= 1)).all()
    assert encoding.feasible(space, rows).all()
    np.testing.assert_allclose(encoding.canonical(space, rows), rows, atol=1e-12)
    assert len(np.unique(rows.round(9), axis=0)) == 300


def test_samples_depend_on_the_key_alone(space, rows, key):
    np.testing.assert_array_equal(encoding.sample(key, space, 300), rows)
    other = encoding.sample(jax.random.key(9), space, 300)
    assert (np.abs(other - rows).max(axis=1) > 0).all()
    assert encoding.sample(key, space, 0).shape == (0, 53)


def test_feasible_agrees_with_hand_counted_sizes(space):
    random = encoding.snap(space, np.random.default_rng(1).random((300, 53)))
    expected = []
    for row in random:
        point = encoding.decode(space, row)
        side = min(space.input_shape[:2])
        side //= point['input-downsampling-rate'] if point['downsample-input'] else 1
        fine = True
        for k in range(1, point['num-conv-blocks'] + 1):
            for l in range(1, point[f'num-conv-layers-block-{k}'] + 1):
                side -= point[f'kernel-size-block-{k}-layer-{l}'] - 1
                fine &= side >= 1
            side //= 2 if point[f'pool-block-{k}'] else 1
            fine &= side >= 1
        expected.append(fine)
    assert 0.05 < np.mean(expected) < 0.95
    np.testing.assert_array_equal(encoding.feasible(space, random), expected)


def test_canonical_form_keeps_the_network_and_every_training_setting(space):
    random = encoding.snap(space, np.random.default_rng(2).random((600, 53)))
    random = random[encoding.feasible(space, random)]
    same = [i for i, n in enumerate(space.names) if not n.startswith((
        'total-fc', 'weight-fraction', 'downsample-block'))]
    for row, canonical in zip(random, encoding.canonical(space, random)):
        assert encoding.graph(space, row) == encoding.graph(space, canonical)
        np.testing.assert_array_equal(row[same], canonical[same])


def test_canonical_form_is_idempotent(space):
    random = encoding.snap(space, np.random.default_rng(3).random((600, 53)))
    random = random[encoding.feasible(space, random)]
    once = encoding.canonical(space, random)
    np.testing.assert_allclose(encoding.canonical(space, once), once, atol=1e-12)


def test_equal_networks_get_equal_encodings(space):
    """Settings of budget, fractions and reductions that build the same graph."""
    rng = np.random.default_rng(4)
    random = encoding.snap(space, rng.random((400, 53)))
    random = random[encoding.feasible(space, random)]
    redundant = [i for i, n in enumerate(space.names) if n.startswith((
        'total-fc', 'weight-fraction', 'downsample-block'))]
    pairs = several = 0
    for row in random:
        graph = encoding.graph(space, row)
        others = np.repeat(row[None], 20, axis=0)
        scale = rng.choice([1e-3, 1e-2, 1e-1], (20, 1))
        others[:, redundant] += scale * rng.normal(size=(20, len(redundant)))
        others = encoding.snap(space, np.clip(others, 0, 1))
        equal = np.array([encoding.graph(space, o) == graph for o in others])
        equal &= np.abs(others - row).max(axis=1) > 0
        if not equal.any():
            continue
        same = np.concatenate([row[None], others[equal]])
        canonical = encoding.canonical(space, same)
        np.testing.assert_allclose(
            canonical, np.repeat(canonical[:1], len(canonical), axis=0), atol=1e-12)
        pairs += equal.sum()
        point = encoding.decode(space, row)
        several += len(architecture.branches(point)) > 1
    assert pairs > 300 and several > 30


def test_different_networks_get_different_encodings(space, rows):
    """Other units or maps by the smallest step are another point."""
    by_graph = {}
    for row in rows:
        point = encoding.decode(space, row)
        for total in (-1000, 1000):
            other = point | {'total-fc-layer-weights': min(max(
                point['total-fc-layer-weights'] + total, 1000), 800_000)}
            other = encoding.canonical(space, encoding.encode(space, other)[None])[0]
            if encoding.graph(space, other) != encoding.graph(space, row):
                assert np.abs(other - row).max() > 1e-9
                by_graph[len(by_graph)] = other
    assert len(by_graph) > 50


def test_decode_and_encode_are_inverse_on_samples(space, rows):
    for row in rows[:100]:
        point = encoding.decode(space, row)
        assert list(point) == list(space.names)
        np.testing.assert_allclose(encoding.encode(space, point), row, atol=1e-12)
        active, on = encoding.active_point(space, row), _by_name(space, row)
        assert active == {n: v for n, v in point.items() if on[n]}
        np.testing.assert_allclose(encoding.encode(space, active), row, atol=1e-12)


def test_the_prior_is_uniform_over_unconditional_rows():
    """Kernels of an image that any network fits keep their prior shares."""
    space = sparse_space((64, 64, 1), 10)
    rows = encoding.sample(jax.random.key(0), space, 2000)
    points = [encoding.decode(space, row) for row in rows]
    for name, num in (('kernel-size-block-1-layer-1', 4), ('batch-norm', 2),
                      ('num-conv-layers-block-1', 3), ('pool-block-1', 2),
                      ('layer-type-block-1-layer-1', 3), ('zero-regularization-epochs',
                                                          46)):
        values, counts = np.unique([p[name] for p in points], return_counts=True)
        assert len(values) == num
        spread = math.sqrt(2000 / num)
        assert np.abs(counts - 2000 / num).max() < 5 * spread, name


def test_points_that_differ_in_their_training_have_one_graph(space, rows):
    trained = rows[:8].copy()
    column = space.index('learning-rate')
    trained[:, column] = space['learning-rate'].snap(1.0 - trained[:, column])
    for one, other, row in zip(
            encoding.graphs(space, rows[:8]), encoding.graphs(space, trained), trained):
        assert one is other
        assert one == architecture.resolve(
            encoding.decode(space, row), space.input_shape, space.num_classes,
            fold_binary=space.fold_binary)
