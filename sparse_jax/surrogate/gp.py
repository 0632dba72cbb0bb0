"""Gaussian processes: one independent GPJax model per objective, at fixed capacity.

The only file that imports gpjax. Everything runs in 64 bit inside a context of its
own, so that the rest of the program keeps JAX's default precision. An empty row has
a zero kernel and unit noise: the posterior and the evidence are exactly those of the
unpadded data, and one trace serves every number of rows within a capacity.
"""

import dataclasses
import functools
from typing import Any

import gpjax as gpx
import jax
import jax.numpy as jnp
import numpy as np
from gpjax.kernels.computations import DenseKernelComputation

from sparse_jax.efforts import PLAIN
from sparse_jax.lowered import lower
from sparse_jax.surrogate import bfgs, fantasies, fitting, paths, posterior, warping
from sparse_jax.surrogate.base import Posterior, Surrogate
from sparse_jax.surrogate.embedding import Layout, embed, pack, squared_distance
from sparse_jax.surrogate.posterior import JITTER, GPState, noise_of
from sparse_jax.surrogate.programs import cheap_jit
from sparse_jax.types import Array, PRNGKey

Params = dict[str, Any]
"""Unconstrained hyperparameters of one objective, or their centres or spreads."""

TRACES = {'fit': 0}
"""How often `fit` was traced, for the tests that guard it."""


@dataclasses.dataclass(frozen=True)
class GPConfig:
    """Settings of the surrogate; hashable, a jit static argument."""

    layout: Layout
    log: tuple[bool, ...]
    """One per objective: model its logarithm."""
    restarts: int = 2
    """Starts of the fit; one start is enough past `small` rows, where the evidence is
    peaked and a step costs more."""
    small: int = 128
    screen: int = 8
    """Draws from the prior of which the best become the other starts."""
    steps: int = 60
    """Optimiser steps."""
    fit_rows: int = 256
    """Hyperparameters are fitted on at most so many rows; prediction uses all."""
    noise: float = 0.1
    """Variance of the noise that a fit begins with where there are more rows."""
    gain: float = 1.0
    """Such a fit ends when `bfgs.BLOCK` steps raise the log posterior density by no
    more than this."""
    frequencies: int = 512
    """Random Fourier frequencies of a function draw."""


@jax.custom_jvp
def matern52(square: Array) -> jax.Array:
    """The Matern 5/2 kernel of unit variance at a squared distance.

    Its derivative is the closed form: that of the root would magnify the rounding of
    distances near zero, which is on every diagonal.
    """
    return _matern52(square)[0]


@matern52.defjvp
def _matern52_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[jax.Array, jax.Array]:
    value, slope = _matern52(*primals)
    return value, slope * tangents[0]


def _matern52(square: Array) -> tuple[jax.Array, jax.Array]:
    """The kernel and its derivative."""
    r = jnp.sqrt(5.0 * square)
    decay = jnp.exp(-r)
    return (1.0 + r + r**2 / 3.0) * decay, -5.0 / 6.0 * (1.0 + r) * decay


class MatmulComputation(DenseKernelComputation):
    """Covariances through one matrix product instead of a double vmap."""

    def _cross_covariance(
        self, kernel: 'ConditionalMatern52', x: Array, y: Array
    ) -> Array:
        square = squared_distance(kernel.embed(x), kernel.embed(y))
        return kernel.of_square(square) * x[:, -1:] * y[None, :, -1]


class ConditionalMatern52(gpx.kernels.AbstractKernel):
    """Matern-5/2 over the conditional embedding of packed rows."""

    # Fields of an Equinox module may follow those of the base that have defaults.
    layout: Layout  # pyright: ignore[reportGeneralTypeIssues]
    length: Any  # pyright: ignore[reportGeneralTypeIssues]
    activity: Any  # pyright: ignore[reportGeneralTypeIssues]
    angle: Any  # pyright: ignore[reportGeneralTypeIssues]
    variance: Any  # pyright: ignore[reportGeneralTypeIssues]

    def __init__(self, layout: Layout, params: dict[str, Array]):
        super().__init__(compute_engine=MatmulComputation())
        self.layout = layout
        self.length = jnp.exp(params['length'])
        # Each of these belongs to one kind of embedding, the others do not read it.
        unused = jnp.zeros(layout.dim)
        self.activity = jnp.exp(params.get('activity', unused))
        self.angle = jax.nn.sigmoid(params.get('angle', unused))
        self.variance = jnp.exp(params['variance'])

    def embed(self, rows: Array) -> Array:
        """Packed rows [.., 2 D + 1] -> [.., F]."""
        return embed(self.layout, self.length, self.activity, self.angle, rows)

    def of_square(self, square: Array) -> Array:
        """The kernel at a squared distance."""
        return self.variance * matern52(square)

    def __call__(self, x: Array, y: Array) -> Array:
        """One entry of the covariance, for rows [2 D + 1]."""
        square = jnp.sum((self.embed(x) - self.embed(y)) ** 2)
        return self.of_square(square) * x[-1] * y[-1]


class MaskedGaussian(gpx.likelihoods.Gaussian):
    """Gaussian noise on present rows, unit variance on empty ones."""

    variance: Any  # pyright: ignore[reportGeneralTypeIssues]

    def __init__(self, noise: Array, present: Array):
        super().__init__(obs_stddev=jnp.sqrt(noise))
        self.variance = jnp.where(present > 0, noise, 1.0)

    def noise_vector(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, num_rows: int
    ) -> Array:
        """[N] variances."""
        del num_rows
        return self.variance


def _prior_of_params(config: GPConfig) -> tuple[Params, Params]:
    """Centre and spread of the unconstrained hyperparameters.

    Length scales grow with the root of the dimension (Hvarfner et al. 2024), their
    centre being the mode of that log-normal; targets are standardised.
    """
    dim = config.layout.dim
    length = np.sqrt(2.0) + 0.5 * np.log(dim) - 3.0
    centre = {
        'length': jnp.full(dim, length), 'variance': jnp.zeros(()),
        'noise': jnp.asarray(-7.0), 'mean': jnp.zeros(()),
    }
    spread = {'length': np.sqrt(3.0), 'variance': 1.0, 'noise': 3.0, 'mean': 0.5}
    if config.layout.kind == 'indicator':
        centre['activity'], spread['activity'] = jnp.full(dim, length), np.sqrt(3.0)
    if config.layout.kind == 'arc':
        centre['angle'], spread['angle'] = jnp.zeros(dim), 1.0
    return centre, spread


def _condition(config: GPConfig, params: Params, rows: Array, target: Array) -> Any:
    """GPJax's exact posterior of one objective; target [N] is zero where empty."""
    present = rows[:, -1]
    kernel = ConditionalMatern52(config.layout, params)
    # Targets have their mean taken off by hand: it must not reach empty rows.
    prior = gpx.gps.Prior(kernel, gpx.mean_functions.Zero(), jitter=JITTER)
    model = prior * MaskedGaussian(noise_of(params), present)
    residual = (target - params['mean']) * present
    return model.condition(gpx.Dataset(X=rows, y=residual[:, None]))


def _loss(
    config: GPConfig, params: Params, rows: Array, target: Array,
    priors: tuple[Params, Params],
) -> Array:
    """Negative log posterior density of the hyperparameters."""
    present = rows[:, -1]
    kernel = ConditionalMatern52(config.layout, params)
    noise = jnp.where(present > 0, noise_of(params), 1.0) + JITTER
    cov = kernel.gram(rows).as_matrix() + jnp.diag(noise)
    residual = (target - params['mean']) * present
    evidence = fitting.log_evidence(cov, residual)
    return -evidence - fitting.log_prior(params, *priors)


def _hyperparameters(
    config: GPConfig, key: PRNGKey, rows: Array, target: Array
) -> Params:
    """The most probable hyperparameters of one objective."""
    key_rows, key_start = jax.random.split(key)
    size = rows.shape[0]
    centre, spread = priors = _prior_of_params(config)
    loss_of = lambda rows, target: lambda p: _loss(config, p, rows, target, priors)
    if size <= config.fit_rows:
        return fitting.fit(
            key_start, loss_of(rows, target), centre, spread, screen=config.screen,
            restarts=config.restarts if size <= config.small else 1,
            steps=config.steps)
    order = rows[:, -1] * (1.0 + jax.random.uniform(key_rows, (size,)))
    chosen = jax.lax.top_k(order, config.fit_rows)[1]
    # Where there is little noise the density hardly changes with it: fits that begin
    # there stay there.
    start = centre | {'noise': jnp.full_like(centre['noise'], np.log(config.noise))}
    return bfgs.minimise(loss_of(rows[chosen], target[chosen]), start,
                         steps=config.steps, gain=config.gain)[0]


def _fit_one(
    config: GPConfig, key: PRNGKey, rows: Array, target: Array
) -> tuple[Any, ...]:
    size = rows.shape[0]
    params = _hyperparameters(config, key, rows, target)
    exact = _condition(config, params, rows, target)
    count = rows[:, -1].sum()
    # Each empty row adds the log density of a standard normal at zero.
    empty = -0.5 * jnp.log(2.0 * jnp.pi) * (size - count)
    evidence = exact.log_marginal_likelihood - empty
    return (params, exact.residual[:, 0], exact.cholesky_factor.T,
            exact.representer_weights[:, 0], -evidence / jnp.maximum(count, 1))


def _fit(
    key: PRNGKey, x: Array, active: Array, y: Array, mask: Array, *, config: GPConfig
) -> GPState:
    TRACES['fit'] += 1
    valid = (mask[:, None] & jnp.isfinite(y)).T
    y = jnp.where(valid, y.T, 0.0)
    warp = warping.fit(y, valid, jnp.array(config.log))
    target = jnp.where(valid, warping.forward(warp, y), 0.0)
    rows = jax.vmap(lambda v: pack(x, active, v.astype(x.dtype)))(valid)
    keys = jax.random.split(key, len(config.log))
    each = functools.partial(_fit_one, config)
    if len(x) > config.fit_rows:
        # One after another: none waits for the steps of the others.
        parts = jax.lax.map(lambda model: each(*model), (keys, rows, target))
    else:
        parts = jax.vmap(each)(keys, rows, target)
    params, residual, upper, weights, nll = parts
    return GPState(params, warp, rows, residual, upper, weights, nll)


def _warp(state: GPState, f: Array) -> Array:
    with jax.enable_x64(True):
        return warping.forward(state.warp, jnp.asarray(f, jnp.float64))


def _noise(state: GPState) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(noise_of(state.params))


def _unwarp(state: GPState, f: Array) -> Array:
    with jax.enable_x64(True):  # no effect inside a 64-bit trace
        return warping.inverse(state.warp, jnp.asarray(f, jnp.float64))


lower.register(
    GPState, posterior.GPPaths, posterior.Solved, warping.Warp, paths.Paths,
    fantasies.Fantasies, Posterior)
_fit_few = cheap_jit(_fit, static_argnames='config')
_fit_many = cheap_jit(_fit, effort=PLAIN, static_argnames='config')
"""A step on many rows takes longer than what compiling it well costs."""
_moments = cheap_jit(posterior.moments, static_argnums=0)
_sample = cheap_jit(posterior.sample, static_argnums=(0, 5))


@functools.lru_cache
def gp(config: GPConfig) -> Surrogate:
    """The Gaussian-process surrogate of a configuration.

    Equal configurations give the same object, so that compiled programs are shared.
    """
    kernel_of = functools.partial(ConditionalMatern52, config.layout)
    bind = lambda function, *more: functools.partial(function, kernel_of, *more)

    def fit(key: PRNGKey, x: Array, active: Array, y: Array, mask: Array) -> GPState:
        with jax.enable_x64(True):
            wide = [jnp.asarray(a, jnp.float64) for a in (x, active, y)]
            compiled = _fit_few if len(x) <= config.small else _fit_many
            # Ready before the caller's limits on threads end.
            return jax.block_until_ready(
                compiled(key, *wide, jnp.asarray(mask, bool), config=config))

    def predict(state: GPState, x: Array, active: Array) -> Posterior:
        with jax.enable_x64(True):
            found = _moments(kernel_of, state, np.asarray(x), np.asarray(active))
        return Posterior(*map(np.asarray, found))

    def sample(
        key: PRNGKey, state: GPState, x: Array, active: Array, num: int
    ) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(_sample(
                kernel_of, key, state, np.asarray(x), np.asarray(active), num))

    return Surrogate(
        fit=fit, predict=predict, sample=sample,
        nll=lambda state: np.asarray(state.nll), moments=bind(posterior.moments),
        unwarp=_unwarp, draw=bind(posterior.draw, config.frequencies),
        evaluate=bind(posterior.evaluate), solve=bind(posterior.solve),
        fantasise=bind(fantasies.fantasise), conditional=bind(fantasies.conditional),
        warp=_warp, noise=_noise)
