"""What every pruning method promises, and the formulas of each."""

import functools
import inspect
import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax import pruning
from sparse_jax.pruning import METHODS, bayes_compress, keep, magnitude, sparse_vd
from sparse_jax.pruning.method import group_axes, kernels, log_uniform_kl
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.training import Procedure
from tests import sampled

SHAPES = {'conv': (4, 3, 2, 2), 'depth': (3, 3, 3), 'fc': (5, 7)}
TRUE = {'conv': (3, 2, 2, 1), 'depth': (2, 2, 3), 'fc': (4, 5)}
NODES = {'conv': 4, 'depth': None, 'fc': 5}
"""Units with a bias."""
FREE = ('none', 'gradual_magnitude')
"""Methods without a price: nothing goes, or a schedule says what does."""


def _valid():
    valid = {}
    for name, shape in SHAPES.items():
        mask = np.zeros(shape, bool)
        mask[tuple(slice(0, n) for n in TRUE[name])] = True
        valid[name] = {'kernel': mask}
        if NODES[name]:
            valid[name]['bias'] = np.arange(NODES[name]) < TRUE[name][0]
    return valid


def _params(seed, garbage=0.0):
    """Random weights; `garbage` in the places that the candidate has not."""
    rng, valid = np.random.default_rng(seed), _valid()
    params = {}
    for name, shape in SHAPES.items():
        kernel = rng.normal(0, 0.3, shape).astype(np.float32)
        kernel = np.where(valid[name]['kernel'], kernel, np.float32(garbage))
        params[name] = {'kernel': jnp.asarray(kernel)}
        if NODES[name]:
            params[name]['bias'] = jnp.asarray(
                rng.normal(size=NODES[name]).astype(np.float32))
    # A batch norm has no kernel and is nobody's business.
    params['conv-norm'] = {'scale': jnp.ones(4), 'shift': jnp.zeros(4)}
    return params


def _aux(method, params, seed=0, spread=3.0):
    rng = np.random.default_rng(seed)
    scattered = lambda leaf: np.asarray(leaf) + np.float32(
        spread * rng.normal(size=leaf.shape))
    return jax.tree.map(scattered, method.init(params, _valid()))


@functools.cache
def _quick(method):
    """The same method with a program for each function and results on the host: one
    compilation for all tests in place of one for every operation."""
    def whole(name):
        program = sampled.quick_jit(getattr(method, name))
        return lambda *trees: jax.device_get(program(*trees))

    return method._replace(**{
        name: whole(name) for name in ('penalty', 'noise', 'mean', 'score')})


@functools.cache
def _slopes(method):
    """Penalty and its gradients by (params, aux), of ((params, aux), valid)."""
    return sampled.quick_jit(jax.value_and_grad(lambda both, valid: jnp.asarray(
        method.penalty(*both, valid), jnp.float32)))


def _scramble_invalid(aux, value):
    """Other numbers at places that belong to no valid weight."""
    valid, changed = _valid(), {}
    for name, leaves in aux.items():
        mask = valid[name]['kernel']
        changed[name] = {v: jnp.where(_concerned(mask, leaf), leaf, value)
                         for v, leaf in leaves.items()}
    return changed


def _concerned(mask, leaf):
    """Where a leaf of the aux is about a valid weight, in the leaf's shape."""
    if leaf.ndim == 0:
        return mask.any()
    return mask if leaf.ndim > 1 else mask.any(axis=group_axes(mask))


@pytest.fixture(params=METHODS)
def method(request):
    return METHODS[request.param]()


def test_the_penalty_is_a_finite_scalar(method):
    params = _params(0)
    for spread in (0.0, 3.0, 30.0):
        value = _quick(method).penalty(
            params, _aux(method, params, 1, spread), _valid())
        assert np.shape(value) == () and np.isfinite(value)
        assert float(value) >= 0


def test_the_penalty_falls_when_weights_are_taken_away(method):
    params, valid = _params(0), _valid()
    aux = _aux(method, params)
    fewer = jax.tree.map(np.copy, valid)
    fewer['conv']['kernel'][0] = fewer['fc']['kernel'][:, 0] = False
    penalty = functools.partial(_quick(method).penalty, params, aux)
    if method.name in FREE:
        assert float(penalty(valid)) == 0
    else:
        assert float(penalty(fewer)) < float(penalty(valid))


def test_invalid_weights_contribute_nothing(method):
    valid, values, grads = _valid(), [], []
    for garbage in (0.0, 0.7, 50.0):
        params = _params(0, garbage)
        aux = _scramble_invalid(_aux(method, _params(0)), garbage)
        value, gradient = jax.device_get(_slopes(method)((params, aux), valid))
        values.append(float(value))
        grads.append(gradient)
        for tree in gradient:
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))
        for name, mask in valid.items():
            outside = ~mask['kernel']
            assert (gradient[0][name]['kernel'][outside] == 0).all()
            for leaf in gradient[1].get(name, {}).values():
                assert (np.asarray(leaf)[~_concerned(mask['kernel'], leaf)] == 0).all()
    assert values[0] == values[1] == values[2]
    jax.tree.map(np.testing.assert_array_equal, grads[0], grads[2])


@pytest.mark.parametrize('method', [n for n in METHODS if n not in FREE], indirect=True)
def test_the_penalty_pushes_every_valid_weight(method):
    """From the first step on: where the gradient is zero, nothing gets pruned."""
    params, valid = _params(0), _valid()
    aux = method.init(params, valid)
    gradient = jax.device_get(_slopes(method)((params, aux), valid)[1])
    for name, mask in valid.items():
        inside = mask['kernel']
        leaves = gradient[1].get(name, {})
        for variable, leaf in leaves.items():
            assert (np.asarray(leaf)[_concerned(inside, leaf)] != 0).all(), variable
        if not leaves:
            assert (gradient[0][name]['kernel'][inside] != 0).all()


def test_structures_dtypes_and_determinism(method):
    params = _params(0)
    aux = _aux(method, params)
    quick = _quick(method)
    functions = quick.noise, quick.mean, quick.score
    noise, mean, score = (f(params, aux) for f in functions)
    assert set(noise) in (set(), set(SHAPES))
    assert jax.tree.structure(mean) == jax.tree.structure(params)
    assert set(score) == set(SHAPES)
    for tree in (aux, noise, mean, score):
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(tree))
    for name, shape in SHAPES.items():
        assert jnp.broadcast_shapes(score[name].shape, shape) == shape
        for variable, leaf in noise.get(name, {}).items():
            assert (leaf >= 0).all() or variable == 'group_mean'
            if variable == 'variance':
                assert leaf.shape == shape
    np.testing.assert_array_equal(mean['fc']['bias'], params['fc']['bias'])
    again = (f(params, aux) for f in functions)
    for first, second in zip((noise, mean, score), again):
        jax.tree.map(np.testing.assert_array_equal, first, second)


def test_one_trace_serves_every_candidate(method):
    """Weights, posterior, cut and thresholds are data."""
    chex.clear_trace_counter()
    valid = _valid()

    @sampled.quick_jit
    @chex.assert_max_traces(n=1)
    def everything(params, aux, offset, threshold):
        kept = keep(method, params, aux, valid, offset=offset,
                    thresholds=dict.fromkeys(SHAPES, threshold))
        return method.penalty(params, aux, valid), method.mean(params, aux), kept

    for i in range(3):
        params = _params(i)
        chex.assert_tree_all_finite(everything(
            params, _aux(method, params, i), np.float32(i), np.float32(1e-3 * i)))


def test_all_functions_vmap(method):
    stacked = jax.tree.map(lambda *v: jnp.stack(v), *[_params(i) for i in range(3)])
    valid, auxes = _valid(), [_aux(method, _params(i), i) for i in range(3)]
    aux = jax.tree.map(lambda *v: jnp.stack(v), *auxes) if auxes[0] else {}

    def everything(params, aux):
        return (method.penalty(params, aux, valid), method.noise(params, aux),
                method.mean(params, aux), method.score(params, aux),
                keep(method, params, aux, valid, offset=0.0,
                     thresholds=dict.fromkeys(SHAPES, 1e-3)))

    batched = sampled.quick_jit(jax.vmap(everything))(stacked, aux)
    single = sampled.quick_jit(everything)
    for i in range(3):
        jax.tree.map(
            functools.partial(np.testing.assert_allclose, rtol=1e-5),
            jax.tree.map(lambda v, i=i: v[i], batched),
            single(_params(i), auxes[i]))


def test_keep_is_valid_and_monotone(method):
    params, valid = _params(0), _valid()
    aux = _aux(method, params)
    cut = lambda offset, threshold: keep(
        _quick(method), params, aux, valid, offset=offset,
        thresholds=dict.fromkeys(SHAPES, threshold))
    many, default, few = cut(1e9, 0.0), cut(0.0, 0.0), cut(0.0, 0.5)
    means = kernels(_quick(method).mean(params, aux))
    for name, mask in valid.items():
        # What a gate has taken away no cut brings back.
        whole = mask['kernel'] & (means[name] != 0 if method.gated else True)
        np.testing.assert_array_equal(many[name], whole)
        assert (default[name] <= mask['kernel']).all()
        assert (few[name] <= default[name]).all()
    total = lambda masks: sum(int(m.sum()) for m in masks.values())
    prunes = method.name != 'none'
    assert total(few) < total(default) <= total(many) or not prunes
    assert total(cut(-1e9, 0.0)) == (0 if prunes else total(many))
    assert total(cut(0.0, 1e9)) == (0 if prunes else total(many))


@pytest.mark.parametrize(
    'method', [n for n in METHODS if METHODS[n]().structured], indirect=True)
def test_structured_methods_drop_whole_groups(method):
    params, valid = _params(0), _valid()
    partly = 0
    for seed in range(5):
        aux = _aux(method, params, seed)
        if method.gated:  # thresholds among the sizes of the groups
            aux = jax.tree.map(lambda leaf: leaf / 10 - 0.6, aux)
        kept = keep(_quick(method), params, aux, valid, offset=0.0,
                    thresholds=dict.fromkeys(SHAPES, 0.1))
        for name, mask in kept.items():
            axes = group_axes(np.asarray(mask))
            inside = valid[name]['kernel']
            np.testing.assert_array_equal(
                mask, inside & mask.any(axis=axes, keepdims=True))
            partly += 0 < mask.sum() < inside.sum()
    assert partly > 3


# --- the formulas -------------------------------------------------------------------

KL = {-8: -4.635899, -5: -3.136684, -2: -1.540533, 0: -0.431239, 1: -0.177970,
      3: -0.025420, 8: -0.000168}


def test_log_uniform_kl_values():
    ours = sampled.quick_jit(log_uniform_kl)(jnp.array(list(KL), jnp.float32))
    np.testing.assert_allclose(-ours, list(KL.values()), atol=1e-5)


def test_log_uniform_kl_falls_everywhere():
    """Also below -8, where the group scales of Bayesian compression begin."""
    x = jnp.linspace(-20, 8, 113)
    slope = np.asarray(sampled.quick_jit(jax.vmap(jax.grad(log_uniform_kl)))(x))
    assert (slope < 0).all()
    np.testing.assert_allclose(slope[0], -0.5, atol=1e-4)
    with jax.enable_x64(True):
        wide = jnp.asarray(x, jnp.float64)
        k1, k2, k3 = 0.63576, 1.87320, 1.48695
        exact = jax.vmap(jax.grad(lambda a: 0.5 * jax.nn.softplus(-a)
                                  - k1 * jax.nn.sigmoid(k2 + k3 * a)))(wide)
    np.testing.assert_allclose(slope, exact, rtol=1e-6)
    # Finite far beyond what methods clip to.
    far = np.asarray(jax.vmap(jax.grad(log_uniform_kl))(jnp.array([-300.0, 300.0])))
    np.testing.assert_array_equal(far, [-0.5, 0.0])


def test_sparse_vd_scores_and_penalty_by_hand():
    method = _quick(sparse_vd())
    params = {'fc': {'kernel': jnp.array([[0.5, -0.01, 1.0, 0.0]])}}
    aux = {'fc': {'log_sigma2': jnp.array([[-3.0, -3.0, -20.0, -20.0]])}}
    score = method.score(params, aux)['fc'][0]
    # -3 - log .25; -3 - log(1e-4 + 1e-8) clipped up; -20 - 0; -20 + log 1e8
    expected = [-3 + math.log(4), -3 + math.log(1e4), -20.0, -20 + 8 * math.log(10)]
    np.testing.assert_allclose(score, expected, atol=2e-4)
    np.testing.assert_allclose(
        method.noise(params, aux)['fc']['variance'], np.exp(aux['fc']['log_sigma2']))
    valid = {'fc': {'kernel': np.array([[False, False, True, False]])}}
    np.testing.assert_allclose(
        method.penalty(params, aux, valid), 0.63576 + 10.0, atol=1e-4)
    kept = keep(method, params, aux, {'fc': {'kernel': np.ones((1, 4), bool)}},
                offset=0.0, thresholds={'fc': 1e-6})
    assert kept['fc'].tolist() == [[True, False, True, False]]
    # log alpha 6.2 survives a cut of 3 + 3.3; 6.2 is dropped by 3 + 3.
    for offset, alive in ((3.3, True), (3.0, False)):
        kept = keep(method, params, aux, {'fc': {'kernel': np.ones((1, 4), bool)}},
                    offset=offset, thresholds={'fc': 0.0})
        assert bool(kept['fc'][0, 1]) == alive


def test_sparse_vd_starts_almost_deterministic():
    params = _params(0)
    aux = sparse_vd().init(params, _valid())
    assert set(aux) == set(SHAPES)
    assert all((leaf == -10).all() for leaf in jax.tree.leaves(aux))


def test_bayes_compression_by_hand():
    method = _quick(bayes_compress())
    params = {'fc': {'kernel': jnp.array([[1.0, 2.0, 0.5], [-1.0, 0.0, 0.1]])},
              'conv': {'kernel': jnp.full((2, 1, 1, 1), 0.5)}}
    aux = {'fc': {'log_sigma2': jnp.log(jnp.full((2, 3), 0.01)),
                  'group_mean': jnp.array([1.0, 0.1, 2.0]),
                  'group_log_sigma2': jnp.log(jnp.array([0.01, 0.04, 0.04]))},
           'conv': {'log_sigma2': jnp.log(jnp.full((2, 1, 1, 1), 0.02)),
                    'group_mean': jnp.array([0.5, 1.0]),
                    'group_log_sigma2': jnp.log(jnp.array([0.25, 0.001]))}}
    valid = jax.tree.map(lambda k: np.ones(k.shape, bool), params)
    score = method.score(params, aux)
    # One group per input of the dense layer, per output of the convolution.
    np.testing.assert_allclose(
        score['fc'], np.log([[0.01, 4.0, 0.01]]), rtol=1e-4)
    np.testing.assert_allclose(
        score['conv'].ravel(), np.log([1.0, 0.001]), atol=1e-4)
    kept = keep(method, params, aux, valid, offset=0.0,
                thresholds={'fc': 0.0, 'conv': 0.0})
    assert kept['fc'].tolist() == [[True, False, True]] * 2
    assert kept['conv'].ravel().tolist() == [False, True]
    np.testing.assert_allclose(
        method.mean(params, aux)['fc']['kernel'], [[1, 0.2, 1.0], [-1, 0, 0.2]],
        rtol=1e-6)
    np.testing.assert_allclose(
        method.mean(params, aux)['conv']['kernel'].ravel(), [0.25, 0.5])
    normal = lambda mu, var: 0.5 * (-math.log(var) + var + mu * mu - 1)

    def scale(log_alpha):
        k1, k2, k3 = 0.63576, 1.87320, 1.48695
        return -(k1 / (1 + math.exp(-(k2 + k3 * log_alpha)))
                 - 0.5 * math.log1p(math.exp(-log_alpha)) - k1)

    expected = sum(normal(float(m), 0.01) for m in params['fc']['kernel'].ravel())
    expected += 2 * normal(0.5, 0.02)
    expected += sum(scale(math.log(a)) for a in (0.01, 4.0, 0.01, 1.0, 0.001))
    np.testing.assert_allclose(method.penalty(params, aux, valid), expected, rtol=1e-5)


def test_bayes_compression_thresholds_see_the_largest_of_a_group():
    method = _quick(bayes_compress())
    params = {'fc': {'kernel': jnp.array([[0.5, 0.002], [0.001, 0.001]])}}
    aux = method.init(params, None)
    kept = keep(method, params, aux, {'fc': {'kernel': np.ones((2, 2), bool)}},
                offset=0.0, thresholds={'fc': 0.01})
    assert kept['fc'].tolist() == [[True, False], [True, False]]


def test_bayes_compression_is_free_at_the_prior():
    """A weight N(0, 1) costs nothing, a narrower one what its knowledge is worth: with
    variances capped below 1 a useless group would go on paying."""
    method, params = _quick(bayes_compress()), {'fc': {'kernel': jnp.zeros((3, 2))}}
    aux = method.init(params, None)
    scales = {'group_mean': jnp.zeros(2), 'group_log_sigma2': jnp.zeros(2)}
    at = lambda log_variance: method.penalty(params, {'fc': aux['fc'] | scales | {
        'log_sigma2': jnp.full((3, 2), log_variance)}}, {'fc': {
            'kernel': np.ones((3, 2), bool)}})
    groups = at(0.0)
    assert 0 <= groups < 1e-3  # two scales of log alpha 8, the largest
    np.testing.assert_allclose(
        at(math.log(0.04)) - groups, 6 * 0.5 * (0.04 - 1 - math.log(0.04)), rtol=1e-5)


@pytest.mark.parametrize('settings, cap', [({}, 1.0), ({'max_variance': 0.04}, 0.04)])
def test_bayes_compression_caps_the_weight_variance(settings, cap):
    method, params = bayes_compress(**settings), _params(0)
    aux = method.init(params, _valid())
    at = lambda value: {n: leaf | {
        'log_sigma2': np.full(leaf['log_sigma2'].shape, value, np.float32)}
        for n, leaf in aux.items()}
    high = at(5.0)
    for leaf in _quick(method).noise(params, high).values():
        np.testing.assert_allclose(leaf['variance'], cap, rtol=1e-5)
    # At the cap the penalty, which asks for more, has no say; the data may lower it.
    _, (_, up) = _slopes(method)((params, high), _valid())
    down = sampled.quick_jit(jax.grad(lambda a: sum(
        leaf['variance'].sum() for leaf in method.noise(params, a).values())))(high)
    for name in SHAPES:
        assert not np.any(up[name]['log_sigma2'])
        np.testing.assert_allclose(down[name]['log_sigma2'], cap, rtol=1e-5)
    # However small a variance gets, the penalty stays finite.
    value, (_, gradient) = jax.device_get(
        _slopes(method)((params, at(-200.0)), _valid()))
    assert np.isfinite(value)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_magnitude_by_hand():
    method = _quick(magnitude())
    params = {'fc': {'kernel': jnp.array([[0.1, -0.2, 0.4, 0.0]])}}
    valid = {'fc': {'kernel': np.array([[True, True, True, False]])}}
    # rms^2 = (.01 + .04 + .16) / 3 = .07: weights below half of .2646 go.
    np.testing.assert_allclose(
        method.score(params, {})['fc'][0, :3], np.log([7.0, 1.75, 0.4375]), rtol=1e-4)
    kept = keep(method, params, {}, valid, offset=0.0, thresholds={'fc': 0.0})
    assert kept['fc'].tolist() == [[False, True, True, False]]
    np.testing.assert_allclose(method.penalty(params, {}, valid), 0.7, rtol=1e-6)


def test_a_weight_of_exactly_zero_is_none(method):
    params, valid = _params(0), _valid()
    params = jax.tree.map(np.array, params)
    for leaf in jax.tree.leaves(params):
        leaf[0] = 0.0
    kept = keep(_quick(method), params, _aux(method, params), valid, offset=1e9,
                thresholds=dict.fromkeys(SHAPES, 0.0))
    for name in kernels(params):
        expected = valid[name]['kernel'].copy()
        expected[0] = False
        np.testing.assert_array_equal(kept[name], expected)


def test_methods_are_found_by_name_or_path():
    for name, factory in METHODS.items():
        assert pruning.find(name).name == factory().name
    own = pruning.find('sparse_jax.pruning.reference:magnitude')
    assert own.name == 'magnitude'
    for name, reason in (('lasso', 'allowed: sparse_vd'),
                         ('os:getcwd', 'is no function of Python'),
                         ('sparse_jax.pruning:lasso', 'lasso')):
        with pytest.raises(ValueError, match=reason):
            pruning.find(name)


@pytest.mark.parametrize('factory, others', [
    (sparse_vd, [{'cut': 2.0}, {'init_log_sigma2': -9.0}]),
    (bayes_compress, [{'max_variance': 0.04}]), (magnitude, [{'cut': 1.0}]),
    (METHODS['none'], [])])
def test_methods_of_equal_settings_are_equal(factory, others):
    defaults = {name: parameter.default for name, parameter in
                inspect.signature(factory).parameters.items()}
    assert factory() == factory(**defaults) and hash(factory()) == hash(factory())
    made = [factory(), *(factory(**other) for other in others)]
    assert len(set(made)) == len(made)


def test_equal_procedures_share_a_trace():
    skeleton, _ = sampled.unpadded(Graph((2, 2, 1), 1, False, (
        Node('classifier', 'dense', ('input',), 2, relu=False),)))
    traced = []

    @functools.partial(jax.jit, static_argnames='procedure')
    def run(x, procedure):
        traced.append(procedure.method.name)
        return x + procedure.method.default_cut

    for cut in (3.0, 3, 2.0, 3.0):
        procedure = Procedure(skeleton, sparse_vd(cut=cut))
        assert float(run(jnp.float32(1), procedure)) == 1 + cut
        assert procedure == Procedure(skeleton, sparse_vd(cut=cut))
        assert hash(procedure) == hash(Procedure(skeleton, sparse_vd(cut=cut)))
    assert traced == ['sparse_vd', 'sparse_vd']
