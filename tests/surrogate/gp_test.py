"""The Gaussian process against a slow NumPy reference, and its invariances."""

import dataclasses
import functools

import gpjax as gpx
import jax
import numpy as np
import pytest

from sparse_jax.surrogate import gp as module
from sparse_jax.surrogate import posterior
from sparse_jax.surrogate.embedding import KINDS, Layout
from sparse_jax.surrogate.gp import TRACES, ConditionalMatern52, GPConfig, gp
from tests import sampled

LAYOUT = Layout((0, 0, 4, 3), (False, False, False, True), (False, True, False, False),
                'indicator')
CONFIG = GPConfig(LAYOUT, (False, True), restarts=2, screen=3, steps=30)
SURROGATE = gp(CONFIG)
CAPACITY = 16


def _data(n, seed=0, capacity=CAPACITY):
    rng = np.random.default_rng(seed)
    x = rng.random((capacity, 4))
    active = np.ones((capacity, 4))
    active[:, 1] = rng.random(capacity) < 0.6
    y = np.stack([
        np.sin(4 * x[:, 0]) + active[:, 1] * x[:, 1],
        np.exp(x[:, 2] + 0.5 * (np.floor(3 * x[:, 3]) == 1))], 1)
    mask = np.arange(capacity) < n
    y[~mask] = np.nan
    return x, active, y, mask


@functools.lru_cache
def _fitted(n=10):
    return SURROGATE.fit(jax.random.key(1), *_data(n))


# The slow reference: scalar loops over the definition.


def _slow_kernel(params, a, b):
    (x, on), (z, there) = a, b
    square = 0.0
    for i in range(4):
        length = np.exp(params['length'][i])
        if LAYOUT.categorical[i]:
            if on[i] and there[i]:
                same = np.floor(x[i] * 3) == np.floor(z[i] * 3)
                square += 0.0 if same else 1 / length**2
        else:
            left, right = on[i] * (x[i] - 0.5), there[i] * (z[i] - 0.5)
            square += ((left - right) / length) ** 2
        if LAYOUT.conditional[i]:
            square += ((on[i] - there[i]) / np.exp(params['activity'][i])) ** 2
    r = np.sqrt(5 * square)
    return np.exp(params['variance']) * (1 + r + r * r / 3) * np.exp(-r)


def _slow_posterior(state, k, data, target, points):
    params = {name: np.asarray(value)[k] for name, value in state.params.items()}
    gram = np.array([[_slow_kernel(params, a, b) for b in data] for a in data])
    cross = np.array([[_slow_kernel(params, a, b) for b in points] for a in data])
    prior = np.array([[_slow_kernel(params, a, b) for b in points] for a in points])
    noise = np.exp(params['noise']) + posterior.NOISE_FLOOR + posterior.JITTER
    inverse = np.linalg.inv(gram + noise * np.eye(len(data)))
    mean = params['mean'] + cross.T @ inverse @ (target - params['mean'])
    return mean, prior - cross.T @ inverse @ cross


def _reference(n=10):
    state = _fitted(n)
    x, active, y, mask = _data(n)
    z = y[mask].copy()
    z[:, 1] = np.log(z[:, 1])
    z = (z - z.mean(0)) / z.std(0)
    points_x, points_on, _, _ = _data(5, seed=7)
    pairs = lambda x, on: list(zip(x, on))
    found = [_slow_posterior(state, k, pairs(x[mask], active[mask]), z[:, k],
                             pairs(points_x[:6], points_on[:6])) for k in range(2)]
    return state, points_x[:6], points_on[:6], found


def test_moments_equal_the_slow_reference():
    state, x, active, found = _reference()
    mean, var = SURROGATE.predict(state, x, active)
    for k, (slow_mean, slow_cov) in enumerate(found):
        np.testing.assert_allclose(mean[k], slow_mean, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(var[k], np.diag(slow_cov), rtol=1e-5, atol=1e-7)


def test_joint_covariance_equals_the_slow_reference():
    state, x, active, found = _reference()
    kernel_of = functools.partial(ConditionalMatern52, LAYOUT)
    with jax.enable_x64(True):
        cov = sampled.quick_jit(lambda *given: posterior.covariance(
            kernel_of, given[0], posterior.solve(kernel_of, *given)))(state, x, active)
    for k, (_, slow_cov) in enumerate(found):
        np.testing.assert_allclose(cov[k], slow_cov, atol=1e-7)


def test_prediction_is_gpjax_own():
    state, x, active, _ = _reference()

    @sampled.quick_jit
    def gpjax_own(params, data, residual, rows):
        exact = module._condition(CONFIG, params, data, residual + params['mean'])
        found = exact(rows, covariance='dense')
        return found.mean + params['mean'], jax.numpy.diag(found.covariance_matrix)

    mean, var = SURROGATE.predict(state, x, active)
    with jax.enable_x64(True):
        for k in range(2):
            own_mean, own_var = gpjax_own(
                {name: value[k] for name, value in state.params.items()},
                state.rows[k], state.residual[k], posterior.queries(x, active))
            np.testing.assert_allclose(mean[k], own_mean, rtol=1e-8)
            np.testing.assert_allclose(var[k], own_var, atol=1e-7)


def test_the_fit_objective_is_gpjax_evidence():
    state = _fitted()
    with jax.enable_x64(True):
        params = {name: value[0] for name, value in state.params.items()}
        rows, target = state.rows[0], state.residual[0] + params['mean']
        priors = module._prior_of_params(CONFIG)
        slow = lambda p: -module._condition(
            CONFIG, p, rows, target).log_marginal_likelihood
        fast = lambda p: module._loss(CONFIG, p, rows, target, priors) + (
            module.fitting.log_prior(p, *priors))
        (a, slow_grad), (b, fast_grad) = sampled.quick_jit(lambda p: (
            jax.value_and_grad(slow)(p), jax.value_and_grad(fast)(p)))(params)
    np.testing.assert_allclose(a, b, rtol=1e-9)
    # The hand-written gradient against differentiation through the Cholesky.
    for a, b in zip(jax.tree.leaves(slow_grad), jax.tree.leaves(fast_grad)):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_empty_rows_change_nothing():
    # The same ten rows at two capacities, with rubbish in the empty rows.
    x, active, y, mask = _data(10)
    wide = SURROGATE.fit(jax.random.key(1), x, active, y, mask)
    narrow = SURROGATE.fit(
        jax.random.key(1), x[mask], active[mask], y[mask], mask[mask])
    rubbish = np.where(mask[:, None], x, 0.77)
    other = SURROGATE.fit(jax.random.key(1), rubbish, active, y, mask)
    points = _data(6, seed=3)[:2]
    a, b, c = (SURROGATE.predict(s, *points) for s in (wide, narrow, other))
    np.testing.assert_allclose(a.mean, b.mean, atol=1e-8)
    np.testing.assert_allclose(a.var, b.var, atol=1e-8)
    np.testing.assert_allclose(a.mean, c.mean, atol=1e-8)
    np.testing.assert_allclose(SURROGATE.nll(wide), SURROGATE.nll(narrow), atol=1e-8)


def test_the_kernel_is_smooth_where_points_meet():
    with jax.enable_x64(True):
        slope = jax.vmap(jax.grad(module.matern52))(np.array([0.0, 1e-18, 1.0]))
        step = (module.matern52(1.0 + 1e-5) - module.matern52(1.0 - 1e-5)) / 2e-5
    np.testing.assert_allclose(slope[:2], -5 / 6, rtol=1e-8)
    np.testing.assert_allclose(slope[2], step, rtol=1e-8)


def test_hyperparameters_are_fitted_on_rows_in_use():
    x, active, y, mask = _data(10)
    # Blocks of five evaluations, the start's among them, none of which ends the fit.
    few = gp(dataclasses.replace(
        CONFIG, fit_rows=10, noise=float(np.exp(-7)), gain=-np.inf))
    every = gp(dataclasses.replace(CONFIG, restarts=1, steps=CONFIG.steps - 1))
    wide = few.fit(jax.random.key(1), x, active, y, mask)
    narrow = every.fit(
        jax.random.key(1), x[mask], active[mask], y[mask], mask[mask])
    for name, value in narrow.params.items():
        np.testing.assert_allclose(wide.params[name], value, atol=1e-5)


def test_a_fit_on_some_of_many_rows_finds_their_noise():
    layout = Layout((0,) * 6, (False,) * 6, (False,) * 6)
    surrogate = gp(GPConfig(layout, (False, False), fit_rows=48))
    rng = np.random.default_rng(0)
    x = rng.random((64, 6))
    signal = np.sin(3 * x[:, :1]) + x[:, 1:2]
    y = signal + rng.normal(0.0, [[0.0, 0.2]], (64, 2))
    state = surrogate.fit(jax.random.key(0), x, np.ones_like(x), y, np.ones(64, bool))
    clean, noisy = surrogate.noise(state) * np.asarray(state.warp.scale) ** 2
    assert clean < 1e-4 and 0.5 < noisy / 0.2**2 < 2


def test_inactive_coordinates_do_not_matter():
    state = _fitted()
    x, active, _, _ = _data(8, seed=4)
    active[:, 1] = 0
    moved = x.copy()
    moved[:, 1] = 1 - moved[:, 1]
    a, b = (SURROGATE.predict(state, z, active) for z in (x, moved))
    np.testing.assert_array_equal(a.mean, b.mean)


def test_missing_values_leave_their_own_model_only():
    x, active, y, mask = _data(10)
    y[3, 0] = np.nan
    state = SURROGATE.fit(jax.random.key(1), x, active, y, mask)
    whole = _fitted()
    points = _data(6, seed=3)[:2]
    a, b = SURROGATE.predict(state, *points), SURROGATE.predict(whole, *points)
    np.testing.assert_allclose(a.mean[1], b.mean[1], atol=1e-8)
    assert not np.allclose(a.mean[0], b.mean[0])
    assert np.isfinite(a.mean).all()


@pytest.mark.parametrize('rows', [0, 1])
def test_almost_no_data_gives_the_prior(rows):
    state = SURROGATE.fit(jax.random.key(0), *_data(rows))
    mean, var = SURROGATE.predict(state, *_data(6, seed=3)[:2])
    assert np.isfinite(mean).all() and (var > 0).all()


def test_a_constant_objective_is_flat():
    x, active, y, mask = _data(10)
    y[mask] = 3.0
    state = SURROGATE.fit(jax.random.key(0), x, active, y, mask)
    mean, _ = SURROGATE.predict(state, *_data(6, seed=3)[:2])
    np.testing.assert_allclose(SURROGATE.unwarp(state, mean), 3.0, rtol=1e-3)


def test_one_trace_per_capacity():
    _fitted()
    before = TRACES['fit']
    for n in (3, 7, 16):
        SURROGATE.fit(jax.random.key(n), *_data(n))
    assert TRACES['fit'] == before
    SURROGATE.fit(jax.random.key(0), *_data(20, capacity=2 * CAPACITY))
    assert TRACES['fit'] == before + 1


def test_equal_settings_share_programs():
    assert gp(GPConfig(LAYOUT, (False, True), restarts=2, screen=3, steps=30)
              ) is SURROGATE


def _standard(state, draws):
    """Draws in the objectives' units back to model units."""
    draws = np.stack([draws[:, 0], np.log(draws[:, 1])], 1)
    warp = state.warp
    return (draws - np.asarray(warp.shift)[:, None]) / np.asarray(warp.scale)[:, None]


def test_joint_samples_have_the_posterior_moments():
    state, x, active, found = _reference()
    draws = _standard(state, SURROGATE.sample(
        jax.random.key(2), state, x, active, 4000))
    for k, (mean, cov) in enumerate(found):
        sd = np.sqrt(np.diag(cov))
        np.testing.assert_allclose(draws[:, k].mean(0), mean, atol=0.06 * sd.max())
        np.testing.assert_allclose(np.cov(draws[:, k].T), cov, atol=0.08 * sd.max()**2)


def test_function_draws_have_the_posterior_moments():
    state, x, active, found = _reference()
    many = gp(GPConfig(LAYOUT, (False, True), restarts=2, screen=3, steps=30,
                       frequencies=256))
    with jax.enable_x64(True):
        paths = sampled.quick_jit(many.draw, static_argnums=2)(
            jax.random.key(3), state, 2000)
        evaluate = sampled.quick_jit(many.evaluate)
        values = np.asarray(evaluate(paths, x, active))
        again = np.asarray(evaluate(paths, x[::-1], active[::-1]))
    np.testing.assert_allclose(values, again[:, :, ::-1], rtol=1e-9)
    draws = _standard(state, values)
    for k, (mean, cov) in enumerate(found):
        sd = np.sqrt(np.diag(cov))
        np.testing.assert_allclose(draws[:, k].mean(0), mean, atol=0.12 * sd.max())
        np.testing.assert_allclose(np.cov(draws[:, k].T), cov, atol=0.2 * sd.max()**2)


def test_fantasies_equal_a_model_with_more_data():
    state, x, active, _ = _reference()
    mask = np.array([1, 0, 1, 0, 0, 0], bool)
    with jax.enable_x64(True):
        solved = sampled.quick_jit(SURROGATE.solve)(state, x, active)
        fantasies, values = sampled.quick_jit(SURROGATE.fantasise, static_argnums=4)(
            jax.random.key(4), state, solved, mask, 3)
        mean, var = sampled.quick_jit(SURROGATE.conditional)(fantasies, solved)
    # The model passes through what it imagined, and is sure of it.
    np.testing.assert_allclose(
        mean[:, :, mask], np.asarray(values)[:, :, mask], atol=1e-3)
    assert (np.asarray(var)[:, mask] < 1e-5).all()
    # Slow: append the two points to the data with the imagined values.
    data_x, data_on, _, rows = _data(10)
    for k in range(2):
        params = {name: np.asarray(value)[k] for name, value in state.params.items()}
        pairs = list(zip(np.concatenate([data_x[rows], x[mask]]),
                         np.concatenate([data_on[rows], active[mask]])))
        points = list(zip(x, active))
        gram = np.array([[_slow_kernel(params, a, b) for b in pairs] for a in pairs])
        cross = np.array([[_slow_kernel(params, a, b) for b in points] for a in pairs])
        noise = np.exp(params['noise']) + posterior.NOISE_FLOOR + posterior.JITTER
        diagonal = np.r_[np.full(10, noise), np.full(2, 2e-8)]
        target = np.concatenate([
            np.asarray(state.residual)[k, :10],
            np.asarray(values)[1, k, mask] - params['mean']])
        gain = np.linalg.solve(gram + np.diag(diagonal), cross)
        np.testing.assert_allclose(
            mean[1, k], params['mean'] + gain.T @ target, atol=1e-4)
        np.testing.assert_allclose(
            var[k], np.exp(params['variance']) - (cross * gain).sum(0), atol=1e-4)


def test_leave_one_out_equals_really_leaving_out():
    state = _fitted()
    with jax.enable_x64(True):
        found = sampled.quick_jit(posterior.leave_one_out)(state)
        params = {name: value[0] for name, value in state.params.items()}
    x, active, _, _ = _data(10)
    pairs, target = list(zip(x, active)), np.asarray(state.residual)[0]
    noise = np.exp(params['noise']) + posterior.NOISE_FLOOR + posterior.JITTER
    gram = np.array([[_slow_kernel(params, a, b) for b in pairs[:10]]
                     for a in pairs[:10]]) + noise * np.eye(10)
    slow = []
    for i in range(10):
        rest = np.delete(np.arange(10), i)
        gain = np.linalg.solve(gram[np.ix_(rest, rest)], gram[rest, i])
        mean, var = gain @ target[rest], gram[i, i] - gain @ gram[rest, i]
        slow.append(-0.5 * (np.log(2 * np.pi * var) + (target[i] - mean) ** 2 / var))
    np.testing.assert_allclose(found[0], np.mean(slow), rtol=1e-6)


def test_the_precision_of_the_process_is_left_alone():
    _fitted()
    assert jax.numpy.zeros(1).dtype == np.float32


@pytest.mark.parametrize('kind', KINDS)
def test_the_gram_matrix_is_positive_definite(kind):
    layout = Layout(LAYOUT.levels, LAYOUT.categorical, LAYOUT.conditional, kind)
    x, active, _, _ = _data(CAPACITY)
    with jax.enable_x64(True):
        params = module._prior_of_params(GPConfig(layout, (False,)))[0]
        kernel = ConditionalMatern52(layout, params)
        rows = posterior.queries(x, active)
        gram = sampled.quick_jit(lambda rows: kernel.gram(rows).as_matrix())(rows)
        pair = sampled.quick_jit(lambda a, b: kernel(a, b))
        one_by_one = np.array([[pair(a, b) for b in rows[:4]] for a in rows[:4]])
    assert isinstance(kernel, gpx.kernels.AbstractKernel)
    assert np.linalg.eigvalsh(np.asarray(gram)).min() > -1e-9
    np.testing.assert_allclose(gram[:4, :4], one_by_one, atol=1e-7)


@pytest.mark.parametrize('kind', KINDS)
def test_the_prior_of_hyperparameters_by_hand(kind):
    layout = Layout(LAYOUT.levels, LAYOUT.categorical, LAYOUT.conditional, kind)
    centre, spread = module._prior_of_params(GPConfig(layout, (False,)))
    # sqrt(2) + log(4) / 2 - 3, and sqrt(3).
    length = (np.full(4, -0.8926393), 1.7320508)
    expected = {'length': length, 'variance': (0.0, 1.0), 'noise': (-7.0, 3.0),
                'mean': (0.0, 0.5), **{
                    'neutral': {}, 'indicator': {'activity': length},
                    'arc': {'angle': (np.zeros(4), 1.0)}}[kind]}
    assert set(centre) == set(spread) == set(expected)
    for name, (middle, width) in expected.items():
        np.testing.assert_allclose(centre[name], middle, atol=1e-6)
        assert np.shape(centre[name]) == np.shape(middle)
        np.testing.assert_allclose(spread[name], width, atol=1e-6)


def test_an_unknown_embedding_is_refused():
    with pytest.raises(ValueError, match='unknown embedding'):
        Layout((0,), (False,), (False,), 'ark')
