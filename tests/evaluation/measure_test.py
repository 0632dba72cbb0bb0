"""Error counts, statuses and curves of a trained candidate."""

import functools

import jax
import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.evaluation.curve import threshold_curve
from sparse_jax.evaluation.measure import measure
from sparse_jax.objectives import graph_costs
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from sparse_jax.training.validation import error_rate
from tests import sampled

GRAPH = Graph((1, 3, 1), 1, False, (
    Node('main-fc', 'dense', ('input',), 4),
    Node('classifier', 'dense', ('main-fc',), 3, relu=False)))
SKELETON, CANDIDATE = sampled.unpadded(GRAPH)
NUM = 23


def _data():
    rng = np.random.default_rng(0)
    return TrainData(rng.normal(size=(NUM, 1, 3, 1)).astype(np.float32),
                     rng.integers(0, 3, NUM).astype(np.int32))


def _state(method):
    state = sampled.started(Procedure(SKELETON, method), CANDIDATE)
    rng = np.random.default_rng(1)
    return state._replace(params=jax.tree.map(
        lambda leaf: 0.6 * rng.normal(size=leaf.shape).astype(np.float32),
        state.params))


@functools.cache
def _program(method):
    fixed = dict(procedure=Procedure(SKELETON, method))
    return sampled.quick_jit(lambda state, candidate: measure(
        state, candidate, _data(), *prune(state, candidate, **fixed), **fixed))


def _measured(method, state, candidate=CANDIDATE):
    return _program(method)(state, candidate)


def _wrong(params, keep=1.0):
    """Mistakes of the plain network, in NumPy; weights times `keep`."""
    data = _data()
    value = lambda name, v: np.asarray(params[name][v], np.float64)
    masks = dict.fromkeys(('main-fc', 'classifier'), keep) \
        if np.isscalar(keep) else keep
    x = data.images.reshape(NUM, 3)
    x = x @ (value('main-fc', 'kernel') * masks['main-fc']).T + value('main-fc', 'bias')
    logits = np.maximum(x, 0) @ (value('classifier', 'kernel')
                                 * masks['classifier']).T + value('classifier', 'bias')
    return int((logits.argmax(1) != data.labels).sum())


@pytest.mark.parametrize('chunk', [1, 5, 23, 512])
def test_the_error_counts_every_image_once(chunk):
    params = _state(METHODS['none']()).params
    expected = _wrong(params)
    assert 0 < expected < NUM
    rate = sampled.quick_jit(lambda params: error_rate(
        params, CANDIDATE, _data(), skeleton=SKELETON, chunk=chunk))(params)
    assert float(rate) * NUM == pytest.approx(expected)


def test_a_whole_network():
    method = METHODS['none']()
    state = _state(method)
    measured = _measured(method, state)
    assert int(measured.status) == status.OK
    assert float(measured.error) * NUM == pytest.approx(_wrong(state.params))
    before = graph_costs.totals(graph_costs.layer_rows(GRAPH))
    # The image is left out of the last: four values and three.
    assert before == (12 + 4 + 12 + 3, 7, 4 + 12, 24, 7)
    assert [int(v) for v in measured.costs] == list(before)


def test_thresholds_and_offsets_of_the_candidate_cut():
    """Weights below their own layer's threshold go; of the other layer they stay."""
    method = METHODS['none']()._replace(score=METHODS['magnitude']().score)
    state = _state(method)
    candidate = CANDIDATE._replace(
        threshold=np.array([0.0, 0.4], np.float32), log_alpha_offset=np.float32(100))
    kernel = np.abs(np.asarray(state.params['classifier']['kernel']))
    keep = kernel >= 0.4
    assert 2 <= keep.sum() <= 10
    live = keep.any(axis=0)
    measured = _measured(method, state, candidate)
    assert int(measured.costs.model_size) == keep.sum() + 3 + live.sum() * 4
    masks = {'main-fc': 1.0, 'classifier': keep}
    assert float(measured.error) * NUM == pytest.approx(_wrong(state.params, masks))


def test_the_posterior_mean_is_what_is_measured():
    method = METHODS['bayes_compress']()
    state = _state(method)
    scale = np.array([1.0, -2.0, 0.5], np.float32)
    aux = state.aux | {'main-fc': state.aux['main-fc'] | {'group_mean': scale}}
    measured = _measured(method, state._replace(aux=aux))
    masks = {'main-fc': scale, 'classifier': 1.0}
    assert _wrong(state.params, masks) != _wrong(state.params)
    assert float(measured.error) * NUM == pytest.approx(_wrong(state.params, masks))


@pytest.mark.parametrize('name', METHODS)
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize('where', ['params', 'aux'])
def test_a_value_that_is_not_finite_is_a_status(name, value, where):
    method = METHODS[name]()
    state = _state(method)
    tree = getattr(state, where)
    if not tree:
        assert name in ('none', 'magnitude')
        return
    leaf = next(iter(tree['main-fc']))
    wrong = np.array(tree['main-fc'][leaf])
    wrong[(..., 0) if wrong.ndim else ...] = value
    broken = tree | {'main-fc': tree['main-fc'] | {leaf: wrong}}
    measured = _measured(method, state._replace(**{where: broken}))
    assert int(measured.status) == status.NONFINITE


def test_nothing_left_is_empty_and_guesses_by_its_bias():
    method = METHODS['sparse_vd']()
    state = _state(method)
    measured = _measured(
        method, state, CANDIDATE._replace(log_alpha_offset=np.float32(-100)))
    assert int(measured.status) == status.EMPTY
    guess = int(np.argmax(state.params['classifier']['bias']))
    assert float(measured.error) == pytest.approx((_data().labels != guess).mean())
    assert int(measured.costs.model_size) == 3 and int(measured.costs.macs) == 0


def test_a_curve_is_the_measurement_at_every_cut():
    method = METHODS['sparse_vd']()
    state = _state(method)
    rng = np.random.default_rng(3)
    state = state._replace(aux=jax.tree.map(
        lambda leaf: leaf + 6 * rng.normal(size=leaf.shape).astype(np.float32),
        state.aux))
    offsets = (-100.0, -9.0, -5.0, 0.0, 100.0)
    curve = sampled.quick_jit(lambda state: threshold_curve(
        state, CANDIDATE, _data(), offsets, procedure=Procedure(SKELETON, method)))(
            state)
    sizes = []
    for i, offset in enumerate(offsets):
        single = _measured(
            method, state, CANDIDATE._replace(log_alpha_offset=np.float32(offset)))
        assert float(curve.error[i]) == pytest.approx(float(single.error))
        assert [int(v[i]) for v in curve.costs] == [int(v) for v in single.costs]
        assert bool(curve.empty[i]) == (int(single.status) == status.EMPTY)
        sizes.append(int(single.costs.model_size))
    assert sizes == sorted(sizes) and (sizes[0], sizes[-1]) == (3, 31)
    assert len(set(sizes)) >= 4
