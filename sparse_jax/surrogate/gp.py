"""Gaussian processes: one independent GPJax model per objective, at fixed capacity.

The only file that imports gpjax. Everything runs in 64 bit inside a context of its
own, so that the rest of the program keeps JAX's default precision. An empty row has
a zero kernel and unit noise: the posterior and the evidence are exactly those of the
unpadded data, and one trace serves every number of rows within a capacity.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import gpjax as gpx
import jax
import jax.numpy as jnp
import numpy as np
from gpjax.kernels.computations import DenseKernelComputation

from sparse_jax.surrogate import fitting, paths, warping
from sparse_jax.surrogate.base import Prediction, Surrogate
from sparse_jax.surrogate.embedding import Layout, embed, pack, squared_distance
from sparse_jax.types import Array

JITTER = 1e-8
NOISE_FLOOR = 1e-7
TRACES = {'fit': 0}
"""How often `fit` was traced, for the tests that guard it."""


@dataclasses.dataclass(frozen=True)
class GPConfig:
    """Settings of the surrogate; hashable, a jit static argument."""

    layout: Layout
    log: tuple[bool, ...]
    """One per objective: model its logarithm."""
    restarts: int = 2
    screen: int = 8
    """Draws from the prior of which the best become the other starts."""
    steps: int = 100
    learning_rate: float = 0.1
    fit_rows: int = 256
    """Hyperparameters are fitted on at most so many rows; prediction uses all."""
    frequencies: int = 512
    """Random Fourier frequencies of a function draw."""


class GPState(NamedTuple):
    """K fitted models over N rows, all float64."""

    params: dict[str, Array]
    """Unconstrained hyperparameters, leading axis K."""
    warp: warping.Warp
    rows: Array
    """[K, N, 2 D + 1] packed inputs; empty or missing rows are not present."""
    residual: Array
    """[K, N] targets minus the mean, zero where not present."""
    factor: Array
    """[K, N, N] Cholesky factor of the noisy covariance."""
    weights: Array
    """[K, N] inverse covariance times residual."""
    nll: Array
    """[K] negative log evidence per observation."""


class GPPaths(NamedTuple):
    """Function draws beside the state they belong to."""

    state: GPState
    paths: paths.Paths


class Fantasies(NamedTuple):
    """The state extended by q points, with S sets of imagined values at them."""

    state: GPState
    rows: Array
    """[K, N + q, 2 D + 1]"""
    factor: Array
    """[K, N + q, N + q]"""
    weights: Array
    """[K, N + q, S]"""


class MatmulComputation(DenseKernelComputation):
    """Covariances through one matrix product instead of a double vmap."""

    def _cross_covariance(self, kernel, x, y):
        square = squared_distance(kernel.embed(x), kernel.embed(y))
        return kernel.of_square(square) * x[:, -1:] * y[None, :, -1]


class ConditionalMatern52(gpx.kernels.AbstractKernel):
    """Matern-5/2 over the conditional embedding of packed rows."""

    layout: Layout
    length: Any
    activity: Any
    angle: Any
    variance: Any

    def __init__(self, layout: Layout, params: dict[str, Array]):
        super().__init__(compute_engine=MatmulComputation())
        self.layout = layout
        self.length = jnp.exp(params['length'])
        self.activity = jnp.exp(params['activity'])
        self.angle = jax.nn.sigmoid(params['angle'])
        self.variance = jnp.exp(params['variance'])

    def embed(self, rows: Array) -> Array:
        """Packed rows [.., 2 D + 1] -> [.., F]."""
        return embed(self.layout, self.length, self.activity, self.angle, rows)

    def of_square(self, square: Array) -> Array:
        """The kernel at a squared distance."""
        # The floor keeps the gradient of the root finite at distance zero.
        r = jnp.sqrt(5.0 * square + 1e-20)
        return self.variance * (1.0 + r + r**2 / 3.0) * jnp.exp(-r)

    def __call__(self, x: Array, y: Array) -> Array:
        """One entry of the covariance, for rows [2 D + 1]."""
        square = jnp.sum((self.embed(x) - self.embed(y)) ** 2)
        return self.of_square(square) * x[-1] * y[-1]


class MaskedGaussian(gpx.likelihoods.Gaussian):
    """Gaussian noise on present rows, unit variance on empty ones."""

    variance: Any

    def __init__(self, noise: Array, present: Array):
        super().__init__(obs_stddev=jnp.sqrt(noise))
        self.variance = jnp.where(present > 0, noise, 1.0)

    def noise_vector(self, num_rows: int) -> Array:
        """[N] variances."""
        del num_rows
        return self.variance


def _prior_of_params(config):
    """Centre and spread of the unconstrained hyperparameters.

    Length scales grow with the root of the dimension (Hvarfner et al. 2024), their
    centre being the mode of that log-normal; targets are standardised.
    """
    dim = config.layout.dim
    length = np.sqrt(2.0) + 0.5 * np.log(dim) - 3.0
    centre = {
        'length': jnp.full(dim, length), 'activity': jnp.full(dim, length),
        'angle': jnp.zeros(dim), 'variance': jnp.zeros(()),
        'noise': jnp.asarray(-7.0), 'mean': jnp.zeros(()),
    }
    spread = {
        'length': np.sqrt(3.0), 'activity': np.sqrt(3.0), 'angle': 1.0,
        'variance': 1.0, 'noise': 3.0, 'mean': 0.5,
    }
    return centre, spread


def _noise(params):
    return NOISE_FLOOR + jnp.exp(params['noise'])


def _posterior(config, params, rows, target):
    """GPJax's exact posterior of one objective; target [N] is zero where empty."""
    present = rows[:, -1]
    kernel = ConditionalMatern52(config.layout, params)
    # Targets have their mean taken off by hand: it must not reach empty rows.
    prior = gpx.gps.Prior(kernel, gpx.mean_functions.Zero(), jitter=JITTER)
    model = prior * MaskedGaussian(_noise(params), present)
    residual = (target - params['mean']) * present
    return model.condition(gpx.Dataset(X=rows, y=residual[:, None]))


def _loss(config, params, rows, target, priors):
    """Negative log posterior density of the hyperparameters."""
    present = rows[:, -1]
    kernel = ConditionalMatern52(config.layout, params)
    noise = jnp.where(present > 0, _noise(params), 1.0) + JITTER
    cov = kernel.gram(rows).as_matrix() + jnp.diag(noise)
    residual = (target - params['mean']) * present
    evidence = fitting.log_evidence(cov, residual)
    return -evidence - fitting.log_prior(params, *priors)


def _fit_one(config, key, rows, target):
    key_rows, key_start = jax.random.split(key)
    size = rows.shape[0]
    some, goal = rows, target
    if size > config.fit_rows:
        order = rows[:, -1] * (1.0 + jax.random.uniform(key_rows, (size,)))
        chosen = jax.lax.top_k(order, config.fit_rows)[1]
        some, goal = rows[chosen], target[chosen]
    centre, spread = priors = _prior_of_params(config)
    params = fitting.fit(
        key_start, lambda p: _loss(config, p, some, goal, priors), centre, spread,
        screen=config.screen, restarts=config.restarts, steps=config.steps,
        learning_rate=config.learning_rate)
    posterior = _posterior(config, params, rows, target)
    count = rows[:, -1].sum()
    # Each empty row adds the log density of a standard normal at zero.
    empty = -0.5 * jnp.log(2.0 * jnp.pi) * (size - count)
    evidence = posterior.log_marginal_likelihood - empty
    return (params, posterior.residual[:, 0], posterior.cholesky_factor,
            posterior.representer_weights[:, 0], -evidence / jnp.maximum(count, 1))


@functools.partial(jax.jit, static_argnames='config')
def _fit(key, x, active, y, mask, *, config):
    TRACES['fit'] += 1
    valid = (mask[:, None] & jnp.isfinite(y)).T
    y = jnp.where(valid, y.T, 0.0)
    warp = warping.fit(y, valid, jnp.array(config.log))
    target = jnp.where(valid, warping.forward(warp, y), 0.0)
    rows = jax.vmap(lambda v: pack(x, active, v.astype(x.dtype)))(valid)
    keys = jax.random.split(key, len(config.log))
    parts = jax.vmap(functools.partial(_fit_one, config))(keys, rows, target)
    params, residual, factor, weights, nll = parts
    return GPState(params, warp, rows, residual, factor, weights, nll)


def _queries(x, active):
    x = jnp.asarray(x, jnp.float64)
    active = jnp.asarray(active, jnp.float64)
    return pack(x, active, jnp.ones(x.shape[0], jnp.float64))


def _moments(config, state, x, active):
    rows = _queries(x, active)

    def one(params, data, factor, weights):
        kernel = ConditionalMatern52(config.layout, params)
        cross = kernel.cross_covariance(data, rows)
        solved = jax.scipy.linalg.solve_triangular(factor, cross, lower=True)
        var = kernel.variance - (solved**2).sum(0)
        return params['mean'] + cross.T @ weights, jnp.maximum(var, 1e-12)

    return Prediction(
        *jax.vmap(one)(state.params, state.rows, state.factor, state.weights))


def _joint(config, state, rows):
    """Joint posterior at packed rows [Q, ..] -> mean [K, Q], cov [K, Q, Q], and the
    data's solved cross covariance [K, N, Q]."""

    def one(params, data, factor, weights):
        kernel = ConditionalMatern52(config.layout, params)
        cross = kernel.cross_covariance(data, rows)
        solved = jax.scipy.linalg.solve_triangular(factor, cross, lower=True)
        cov = kernel.gram(rows).as_matrix() - solved.T @ solved
        return params['mean'] + cross.T @ weights, cov, solved

    return jax.vmap(one)(state.params, state.rows, state.factor, state.weights)


def _safe_cholesky(cov):
    """Cholesky factor with as little extra jitter as it takes; cov [.., Q, Q]."""
    scale = jnp.diagonal(cov, axis1=-2, axis2=-1).max(-1)[..., None, None]
    identity = jnp.eye(cov.shape[-1], dtype=cov.dtype)
    factor = jnp.linalg.cholesky(cov + (1e-10 + 1e-8 * scale) * identity)
    for extra in (1e-6, 1e-4):
        redo = lambda extra=extra: jnp.linalg.cholesky(
            cov + (1e-10 + extra * scale) * identity)
        broken = ~jnp.isfinite(factor).all()
        factor = jax.lax.cond(broken, redo, lambda factor=factor: factor)
    return factor


@functools.partial(jax.jit, static_argnames=('config', 'num'))
def _sample(key, state, x, active, *, config, num):
    mean, cov, _ = _joint(config, state, _queries(x, active))
    normal = jax.random.normal(key, (num, *mean.shape), mean.dtype)
    draws = mean + jnp.einsum('kij,skj->ski', _safe_cholesky(cov), normal)
    return warping.inverse(state.warp, draws)


def _draw(config, key, state, num):
    def one(key, params, data, residual, factor):
        kernel = ConditionalMatern52(config.layout, params)
        noise = jnp.where(data[:, -1] > 0, _noise(params) + JITTER, 0.0)
        solve = lambda b: jax.scipy.linalg.cho_solve((factor, True), b)
        # Empty rows keep a zero right-hand side through the present column.
        masked = lambda b: solve(b * data[:, -1:])
        return paths.draw(key, kernel.embed(data), kernel.variance, noise, residual,
                          masked, size=(num, config.frequencies))

    keys = jax.random.split(key, state.residual.shape[0])
    drawn = jax.vmap(one)(
        keys, state.params, state.rows, state.residual, state.factor)
    return GPPaths(state, drawn)


def _evaluate(config, drawn, x, active):
    rows = _queries(x, active)

    def one(params, data, path):
        kernel = ConditionalMatern52(config.layout, params)
        cross = kernel.cross_covariance(rows, data)
        return params['mean'] + paths.evaluate(
            path, kernel.embed(rows), kernel.variance, cross)

    state = drawn.state
    values = jax.vmap(one)(state.params, state.rows, drawn.paths)
    return warping.inverse(state.warp, jnp.swapaxes(values, 0, 1))


def _fantasise(config, key, state, x, active, mask, num):
    rows = _queries(x, active).at[:, -1].set(jnp.asarray(mask, jnp.float64))
    mean, cov, solved = _joint(config, state, rows)
    size = rows.shape[0]
    # An absent point gets a unit diagonal, exactly like an empty row of the data.
    diagonal = jnp.where(rows[:, -1] > 0, 1e-8, 1.0)
    corner = _safe_cholesky(cov + jnp.diag(diagonal))
    normal = jax.random.normal(key, (num, *mean.shape), mean.dtype)
    values = mean + jnp.einsum('kij,skj->ski', corner, normal) * rows[:, -1]

    def one(params, data, factor, residual, corner, solved, values):
        zeros = jnp.zeros((factor.shape[0], size), factor.dtype)
        whole = jnp.block([[factor, zeros], [solved.T, corner]])
        extra = (values - params['mean']) * rows[:, -1]
        both = jnp.concatenate(
            [jnp.broadcast_to(residual, (num, residual.shape[0])), extra], 1)
        weights = jax.scipy.linalg.cho_solve((whole, True), both.T)
        return jnp.concatenate([data, rows]), whole, weights

    parts = jax.vmap(one, in_axes=(0, 0, 0, 0, 0, 0, 1))(
        state.params, state.rows, state.factor, state.residual, corner, solved, values)
    return Fantasies(state, *parts), values


def _conditional(config, fantasies, x, active):
    rows = _queries(x, active)

    def one(params, data, factor, weights):
        kernel = ConditionalMatern52(config.layout, params)
        cross = kernel.cross_covariance(data, rows)
        solved = jax.scipy.linalg.solve_triangular(factor, cross, lower=True)
        var = jnp.maximum(kernel.variance - (solved**2).sum(0), 1e-12)
        return params['mean'] + (cross.T @ weights).T, var

    mean, var = jax.vmap(one)(
        fantasies.state.params, fantasies.rows, fantasies.factor, fantasies.weights)
    return jnp.swapaxes(mean, 0, 1), var


def _unwarp(state, f):
    with jax.enable_x64(True):  # no effect inside a 64-bit trace
        return warping.inverse(state.warp, jnp.asarray(f, jnp.float64))


_moments_jit = jax.jit(_moments, static_argnums=0)


@functools.lru_cache
def gp(config: GPConfig) -> Surrogate:
    """The Gaussian-process surrogate of a configuration.

    Equal configurations give the same object, so that compiled programs are shared.
    """
    bind = lambda function: functools.partial(function, config)

    def fit(key, x, active, y, mask):
        with jax.enable_x64(True):
            return _fit(
                key, jnp.asarray(x, jnp.float64), jnp.asarray(active, jnp.float64),
                jnp.asarray(y, jnp.float64), jnp.asarray(mask, bool), config=config)

    def predict(state, x, active):
        with jax.enable_x64(True):
            found = _moments_jit(config, state, np.asarray(x), np.asarray(active))
        return Prediction(*map(np.asarray, found))

    def sample(key, state, x, active, num):
        with jax.enable_x64(True):
            return np.asarray(_sample(
                key, state, np.asarray(x), np.asarray(active), config=config, num=num))

    return Surrogate(
        fit, predict, sample, lambda state: np.asarray(state.nll), bind(_moments),
        _unwarp, bind(_draw), bind(_evaluate), bind(_fantasise), bind(_conditional))
