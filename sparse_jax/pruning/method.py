"""What a pruning method is: a bundle of pure functions over trees of weights.

All trees are keyed by node name. `params` holds the weight means that the network's
layers own; `aux` holds what the method adds to them (variances, group scales) and is
trained beside them. `valid` marks the weights that the candidate really has.
"""

import functools
import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, NamedTuple, ParamSpec, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from sparse_jax.types import Array

Tree = dict
Arguments = ParamSpec('Arguments')
_K1, _K2, _K3 = 0.63576, 1.87320, 1.48695


class PruningMethod(NamedTuple):
    """A way to train weights so that many can be removed, and to say which.

    `score` is the method's evidence that a weight is superfluous, on the scale of
    log alpha: weights (or groups) scoring at least `default_cut` plus the candidate's
    offset are removed, those scoring -inf never. It broadcasts against the kernel.

    A method is part of what decides a compiled program, so two equal ones should
    compare equal: functions do if they are the same objects. Methods made of functions
    of a module do by themselves; a factory that makes new functions at every call is
    decorated with `cached_factory`.

    The library's own are `sparse_vd` (Molchanov, Ashukha, Vetrov 2017),
    `bayes_compress` (Louizos et al. 2017), `learned_threshold` and
    `learned_group_threshold` (after Fedorov et al. 2020), `gradual_magnitude` (after
    Zhu and Gupta 2017), `magnitude` and `no_pruning`.
    `--config.pruning.method=MODULE:FACTORY` searches with one's own.

    Example:
      >>> def plain():  # keeps every weight
      ...     return PruningMethod(
      ...         'plain', False, 0.0,
      ...         init=lambda params, valid: {},
      ...         noise=lambda params, aux: {},
      ...         penalty=lambda params, aux, valid: jnp.zeros(()),
      ...         mean=lambda params, aux: params,
      ...         score=lambda params, aux: {
      ...             name: jnp.full_like(kernel, -jnp.inf)
      ...             for name, kernel in kernels(params).items()})
      >>> plain().score({'conv': {'kernel': jnp.ones((2, 1, 1, 1))}}, {})['conv'].shape
      (2, 1, 1, 1)
    """

    name: str
    structured: bool
    """Whether whole groups (output maps, FC inputs) share one score."""
    default_cut: float
    init: Callable[[Tree, Tree], Tree]
    """(params, valid) -> aux."""
    noise: Callable[[Tree, Tree], Tree]
    """(params, aux) -> the network's `noise` collection; {} when deterministic."""
    penalty: Callable[[Tree, Tree, Tree], jax.Array | float]
    """(params, aux, valid) -> [] KL or other regulariser over the valid weights."""
    mean: Callable[[Tree, Tree], Tree]
    """(params, aux) -> params of the deterministic network."""
    score: Callable[[Tree, Tree], dict[str, jax.Array]]
    """(params, aux) -> {node: score}."""
    gated: bool = False
    """Whether trainings run on `mean(params, aux)` in place of `params`: what the
    method takes away is absent from the forward pass, with gradients of its own."""
    thresholds: bool = True
    """Whether the table's pruning thresholds are searched. A method that learns where
    to cut does without: those rows are held at their lowest value."""
    prunes: bool = True
    """Whether anything is taken away. If not, no row of the table on pruning means
    anything, and all are held."""
    press: Callable[[Tree, Tree, Tree, jax.Array], Tree] | None = None
    """(params, aux, valid, pressure) -> aux with thresholds that keep one weight in
    exp(pressure), which a schedule moves and no gradient (`training.gradual`). Where
    there is one, a target says how much goes: all rows of the table on pruning are
    held."""

    @property
    def chooses(self) -> bool:
        """Whether a training decides how much is taken away: by its price, its noise
        or its cut, and neither nothing nor as much as a target says."""
        return self.prunes and self.press is None


def cached_factory(
    factory: Callable[Arguments, PruningMethod]
) -> Callable[Arguments, PruningMethod]:
    """Decorate a factory so that calls with equal settings give one method.

    Defaults count as given: `sparse_vd()` and `sparse_vd(cut=3.0)` are one object.

    Args:
      factory: its arguments are hashable.

    Returns:
      The factory; its methods compare equal where their settings do, so that procedures
      made of them share compiled programs.
    """
    signature = inspect.signature(factory)

    @functools.wraps(factory)
    def make(*given: Arguments.args, **named: Arguments.kwargs) -> PruningMethod:
        bound = signature.bind(*given, **named)
        bound.apply_defaults()
        return made(factory, tuple(bound.arguments.items()))

    return make


@functools.cache
def made(
    factory: Callable[..., PruningMethod], arguments: tuple[tuple[str, Hashable], ...]
) -> PruningMethod:
    """What a factory gives for some arguments, the first time and ever after."""
    return factory(**dict(arguments))


def kernels(tree: Tree) -> dict[str, jax.Array]:
    """{node: kernel} of the nodes that have one (batch-norm entries have none)."""
    return {name: leaf['kernel'] for name, leaf in tree.items() if 'kernel' in leaf}


def joined(
    tree: Tree, leaf: str, nodes: Iterable[str] | None = None
) -> tuple[jax.Array, Callable[[jax.Array], dict[str, jax.Array]]]:
    """One leaf of some nodes as one run of numbers, and what takes a run apart.

    Exponentials of arrays in the shape of kernels, whose last axes are short, are taken
    one number at a time by XLA on a CPU, those of a run by vectors.

    Args:
      tree: {node: {leaf: array}}.
      nodes: all of the tree by default.

    Returns:
      ([N], what makes {node: array} of one).
    """
    return ravel_pytree({name: tree[name][leaf] for name in nodes or tree})


def keep(
    method: PruningMethod, params: Tree, aux: Tree, valid: Tree, *,
    offset: jax.Array | float, thresholds: dict[str, jax.Array],
) -> dict[str, jax.Array]:
    """{node: bool kernel mask} of the weights that survive both cuts.

    A weight is dropped if its score reaches `default_cut + offset`, or if the
    magnitude of its posterior mean is below its layer's threshold (the literal
    reading of the table's pruning-thresholds row; for a structured method the
    largest magnitude of the group counts). A weight of exactly 0 is none.
    """
    return survivors(
        method, kernels(method.mean(params, aux)), method.score(params, aux), valid,
        offset=offset, thresholds=thresholds)


def survivors(
    method: PruningMethod, means: Mapping[str, Array], scores: Mapping[str, Array],
    valid: Tree, *, offset: Array | float, thresholds: Mapping[str, Array],
) -> dict[str, Any]:
    """`keep` of the kernels' means and of the scores; all of the host, or traced."""
    masks = {}
    for name, mean in means.items():
        size = abs(mean)
        if method.structured:
            size = size.max(axis=group_axes(mean), keepdims=True)
        cut = scores[name] < method.default_cut + offset
        large = (size >= thresholds[name]) | (scores[name] == -np.inf)
        masks[name] = valid[name]['kernel'] & cut & large & (mean != 0)
    return masks


def group_axes(kernel: Array) -> tuple[int, ...]:
    """Axes within one group: all but outputs of a convolution, or inputs of a dense."""
    return (0,) if kernel.ndim == 2 else tuple(range(1, kernel.ndim))


@functools.partial(cast(Any, jax.custom_vjp), nondiff_argnums=(1,))
def capped(x: jax.Array, most: float) -> jax.Array:
    """min(x, most) that can be left again: beyond, only downward steps pass."""
    return jnp.minimum(x, most)


def _capped_forward(x: jax.Array, most: float) -> tuple[jax.Array, jax.Array]:
    return capped(x, most), x > most


def _capped_backward(
    most: float, beyond: jax.Array, gradient: jax.Array
) -> tuple[jax.Array]:
    del most
    return (jnp.where(beyond & (gradient < 0), 0.0, gradient),)


capped.defvjp(_capped_forward, _capped_backward)


@jax.custom_jvp
def log_uniform_kl(log_alpha: jax.Array) -> jax.Array:
    """KL(q || log-uniform prior) of N(theta, alpha theta^2), element-wise, up to 0.

    Approximation of Molchanov et al. 2017, eq. 14, with its additive constant chosen
    so that the KL vanishes as alpha grows.
    """
    negative = (_K1 * jax.nn.sigmoid(_K2 + _K3 * log_alpha)
                - 0.5 * jax.nn.softplus(-log_alpha) - _K1)
    return -negative


@log_uniform_kl.defjvp
def _log_uniform_kl_slope(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    """Of exponentials alone: that of a softplus would call `log1p`, which a CPU takes
    one number at a time, and nothing in a training asks for the value."""
    (log_alpha,), (tangent,) = primals, tangents
    # Where it is held the share of the sigmoid is 0, not infinity by infinity.
    falling = jnp.exp(jnp.minimum(-(_K2 + _K3 * log_alpha), 80.0))
    slope = -(_K1 * _K3 * falling / jnp.square(1.0 + falling)
              + 0.5 / (1.0 + jnp.exp(log_alpha)))
    return log_uniform_kl(log_alpha), slope * tangent
