"""What one training computes: a candidate initialised, trained, pruned, measured.

Pure functions of one candidate; `batching` maps them over the slots of a call. What
runs once per training is apart from its steps, so that the compiler can be told to
take less trouble with it.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sparse_jax import host_random
from sparse_jax.evaluation.bisection import widest_cut
from sparse_jax.evaluation.curve import Curve, threshold_curve
from sparse_jax.evaluation.measure import Measurement, measure, verdict
from sparse_jax.model import network, sizes
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.objectives.goals import Limits
from sparse_jax.objectives.target import Target
from sparse_jax.pruning.method import PruningMethod
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.data import TrainData
from sparse_jax.training.finetune import finetune
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.prune import prune
from sparse_jax.training.step import TrainInfo, TrainState, Variables
from sparse_jax.training.train import initialise, train

FINETUNE = 1
"""Random stream beside that of training."""


class Inherited(NamedTuple):
    """Weights that a candidate starts from; `mask` is False where it starts fresh."""

    values: Variables
    """In the skeleton's padded shapes."""
    mask: Variables
    """bool, of the same shapes."""
    pressure: Any = 0.0
    """[] float32, log multiplier of the penalty that a training with a target goes on
    with; on the host, on devices, or abstract."""


class Started(NamedTuple):
    """A candidate that is ready to be trained."""

    key_data: jax.Array
    """[2] uint32, of the randomness that is left."""
    state: TrainState
    valid: dict
    """{node: {'kernel', 'bias'?}} bool masks of the weights that exist."""


class Trained(NamedTuple):
    """Everything one training program returns for one candidate."""

    variables: Variables
    """The posterior."""
    folded: dict
    """Params of the pruned deterministic network."""
    units: dict
    """{tensor: [C] bool} units that remain."""
    info: TrainInfo
    measurement: Measurement
    curve: Curve | None
    """The same training at other cuts; None if none were asked for."""
    pressure: jax.Array | None = None
    """[] log multiplier of the penalty at the end; None without a target."""


class Shared(NamedTuple):
    """What all candidates of a search have in common."""

    training: TrainData
    validation: TrainData
    order_key: jax.Array
    """Of the order of the images."""


class Recipe(NamedTuple):
    """What, beside the skeleton, a training means; the machine is no part of it."""

    method: PruningMethod
    config: TrainConfig
    cuts: tuple[float, ...] = ()
    """Shifts of the log alpha cut at which every training is measured as well."""
    finetune_epochs: int = 0
    """Epochs of deterministic training after pruning, the mask held."""
    networks: bool = False
    """Whether the pruned networks of all cuts are returned, to be measured in int8."""
    balanced: bool = False
    """Whether the error is 1 - the mean recall of the classes."""
    limits: Limits = ()
    """Every training is also measured at the widest cut within these; () at none."""
    target: Target | None = None
    """What trainings aim at; None leaves the coefficient to the candidates."""

    def procedure(self, skeleton: Skeleton, conv: str = 'patches') -> Procedure:
        """The static half of a training of a skeleton; conv: see `ops.lowering`."""
        return Procedure(skeleton, self.method, self.config, conv, self.balanced,
                         self.target)


def evaluate_one(
    key: jax.Array, candidate: Candidate, inherited: Inherited, shared: Shared,
    epochs: jax.Array | int, *, procedure: Procedure, recipe: Recipe,
) -> Trained:
    """Initialise, inherit, train, prune and measure one candidate; pure.

    Args:
      key: the candidate's own randomness; consumed.
      candidate: the traced half of its point.
      inherited: weights that it starts from, where their mask is True.
      shared: images and labels, and the key of their order.
      epochs: how many to train, at most those of the recipe's config.
      procedure: the static half; of the recipe's method and config.
      recipe: what is measured, and at which cuts.

    Returns:
      Weights, pruned network, log, measurement and curve, in padded shapes.
    """
    started = start(key, candidate, inherited, procedure=procedure)
    state, info = learn(started, candidate, shared, epochs, procedure=procedure)
    return finish(started, state, info, candidate, shared, procedure=procedure,
                  recipe=recipe)


def start(
    key: jax.Array, candidate: Candidate, inherited: Inherited, *, procedure: Procedure
) -> Started:
    """Fresh weights, or inherited ones where their mask is True.

    Args, Returns: as of `evaluate_one`, whose first part it is.
    """
    init_key, train_key = jax.random.split(key)
    state = initialise(init_key, candidate, procedure=procedure)
    state = state.with_variables(jax.tree.map(
        jnp.where, inherited.mask, inherited.values, state.variables))
    if procedure.target is not None:
        state = state._replace(pressure=jnp.asarray(inherited.pressure, jnp.float32))
    valid = sizes.valid_weights(procedure.skeleton, candidate)
    return Started(jax.random.key_data(train_key), state, valid)


def learn(
    started: Started, candidate: Candidate, shared: Shared, epochs: jax.Array | int, *,
    procedure: Procedure,
) -> tuple[TrainState, TrainInfo]:
    """The steps of a training, nothing else; the second part of `evaluate_one`."""
    return train(
        host_random.wrap(started.key_data), started.state, candidate, shared.training,
        shared.order_key, epochs, procedure=procedure, valid=started.valid)


def finish(
    started: Started, state: TrainState, info: TrainInfo, candidate: Candidate,
    shared: Shared, *, procedure: Procedure, recipe: Recipe,
) -> Trained:
    """Prune and measure a trained state; the last part of `evaluate_one`."""
    measured, folded, units, curve = _pruned(
        host_random.wrap(started.key_data), state, candidate, shared,
        procedure=procedure, recipe=recipe)
    pressure = None if recipe.target is None else jnp.asarray(state.pressure)
    return Trained(state.variables, folded, units, info, measured, curve, pressure)


def _pruned(
    key: jax.Array, state: TrainState, candidate: Candidate, shared: Shared, *,
    procedure: Procedure, recipe: Recipe,
) -> tuple[Measurement, dict, dict, Curve | None]:
    """Prune and measure at the candidate's own cut, at those of the recipe and, last,
    at the widest within its limits."""
    along = functools.partial(
        threshold_curve, state, candidate, shared.validation, procedure=procedure)
    cuts = [jnp.float32(cut) for cut in recipe.cuts]
    if recipe.limits:
        cuts.append(widest_cut(state, candidate, recipe.limits, procedure=procedure))
    if not recipe.finetune_epochs:
        # The own cut is the first of the curve: compiled once with the others.
        found = along(jnp.stack([candidate.log_alpha_offset, *cuts]))
        own, curve = (jax.tree.map(lambda leaf, at=at: leaf[at], found)
                      for at in (0, slice(1, None)))
        measured = Measurement(own.error, own.costs, verdict(state, own.empty))
        return measured, own.folded, own.units, _asked(curve, recipe)
    pruned, folded = prune(state, candidate, procedure=procedure)
    folded = finetune(
        jax.random.fold_in(key, FINETUNE), folded, pruned, candidate,
        shared.training, shared.order_key, recipe.finetune_epochs, procedure=procedure)
    measured = measure(state, candidate, shared.validation, pruned, folded,
                       procedure=procedure)
    curve = along(jnp.stack(cuts)) if cuts else None
    return measured, folded, pruned.units, _asked(curve, recipe)


def _asked(curve: Curve | None, recipe: Recipe) -> Curve | None:
    """Of a curve what the recipe wants: all, without networks, or nothing."""
    if curve is None or not (recipe.cuts or recipe.limits):
        return None
    return curve if recipe.networks else curve._replace(folded=None, units=None)


def template(skeleton: Skeleton, recipe: Recipe) -> Variables:
    """Abstract variables of one candidate of a skeleton."""
    variables = network.abstract(skeleton)
    params = variables['params']
    valid = {name: jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, bool), leaves)
        for name, leaves in params.items() if 'kernel' in leaves}
    aux = jax.eval_shape(recipe.method.init, params, valid)
    return Variables(params, aux, variables.get('batch_stats', {}))
