"""One training step of one candidate."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from sparse_jax.model.skeleton import Candidate
from sparse_jax.train_config import TrainConfig
from sparse_jax.training import schedules
from sparse_jax.training.optimizers import optimizer
from sparse_jax.training.procedure import Procedure

REMEMBERED = 20.0
"""Running means of a run cover about one part in so many of it."""


class Variables(NamedTuple):
    """All that a training changes in a network: what is stored and inherited."""

    params: dict
    """{node: {'kernel', 'bias'?}, node-norm: {'scale', 'shift'}} posterior means."""
    aux: dict
    """What the pruning method trains beside them."""
    stats: dict
    """Running moments of batch norm."""


class TrainState(NamedTuple):
    """What the next step needs."""

    params: dict
    aux: dict
    stats: dict
    """As in `Variables`."""
    opt_state: optax.OptState
    step: jax.Array
    """[] int32."""
    explained: jax.Array | float = 0.0
    """[] running mean of log K minus the cross-entropy, nats of a label."""
    pressure: jax.Array | float = 0.0
    """[] log of what the coefficient is multiplied by where there is a target."""
    hinge: jax.Array | float = 1.0
    """[] how much of it counts: 0 below the target, 1 above it (`aim`)."""

    @property
    def variables(self) -> Variables:
        """The state without the optimiser's."""
        return Variables(self.params, self.aux, self.stats)

    def with_variables(self, variables: Variables) -> 'TrainState':
        """The same state of the optimiser with other weights."""
        return self._replace(**variables._asdict())


class TrainInfo(NamedTuple):
    """For the reader; one entry per epoch."""

    loss: jax.Array
    accuracy: jax.Array
    coefficient: jax.Array


class Schedule(NamedTuple):
    """How long a run is, and on how many images."""

    per_epoch: int
    """Steps of an epoch."""
    total: jax.Array | int
    """Steps of the whole run; traced."""
    num_images: int


def init_state(
    params: dict, aux: dict, stats: dict, config: TrainConfig, valid: dict | None = None
) -> TrainState:
    """State before the first step; valid: masks of the weights that exist, None where
    all of them do."""
    opt_state = optimizer(config, valid).init((params, aux))
    return TrainState(params, aux, stats, opt_state, jnp.int32(0), jnp.float32(0.0),
                      jnp.float32(0.0), jnp.float32(1.0))


def loss_fn(
    trained: tuple[dict, dict], state: TrainState, seed: jax.Array, batch: tuple,
    valid: dict, coefficients: tuple, *, procedure: Procedure,
) -> tuple[jax.Array, tuple]:
    """Cross-entropy plus penalty; coefficients = (candidate, noise scale, KL weight).

    seed: [2] uint32, of the noise (`counter_noise`).
    batch: images [C, H, W, B], labels [B], or probabilities of the classes [B, K], and,
      where classes are weighted, the weights of the images [B].
    Returns (loss, (cross-entropy, accuracy, new batch-norm moments)).
    """
    (params, aux), (images, labels, *weights) = trained, batch
    candidate, noise_scale, weight = coefficients
    method = procedure.method
    variables: dict[str, dict] = {
        'params': method.mean(params, aux) if method.gated else params}
    if state.stats:
        variables['batch_stats'] = state.stats
    noise = method.noise(params, aux)
    if noise:
        variables['noise'] = noise
    logits, updated = procedure.training_net.apply(
        variables, candidate, images, noise_scale=noise_scale, train=True, valid=valid,
        seed=seed, mutable=['batch_stats'])
    if labels.ndim == 2:
        each = optax.softmax_cross_entropy(logits.T, labels)
        labels = labels.argmax(-1)
    else:
        each = optax.softmax_cross_entropy_with_integer_labels(logits.T, labels)
    entropy = (weights[0] * each).mean() if weights else each.mean()
    accuracy = (logits.argmax(0) == labels).mean()
    loss = entropy + weight * method.penalty(params, aux, valid)
    return loss, (entropy, accuracy, updated.get('batch_stats', {}))


def train_step(
    seed: jax.Array, state: TrainState, batch: tuple, candidate: Candidate, valid: dict,
    *, procedure: Procedure, schedule: Schedule,
) -> tuple[TrainState, TrainInfo]:
    """One step of the optimiser on a batch, see `loss_fn`.

    seed: [2] uint32, of this step's noise (`counter_noise`).
    """
    config, (per_epoch, total, num_images) = procedure.config, schedule
    epoch = state.step / per_epoch / (total / per_epoch / 100.0)
    coefficient = schedules.penalty_coefficient(epoch, candidate._replace(
        alpha=schedules.explained_alpha(candidate, state.explained)))
    if procedure.target is not None:
        coefficient = coefficient * state.hinge * jnp.exp(state.pressure)
    settings = (candidate, schedules.noise_scale(epoch, candidate),
                coefficient / num_images)
    trained = (state.params, state.aux)
    (_, (entropy, accuracy, stats)), grads = jax.value_and_grad(
        loss_fn, has_aux=True)(
            trained, state, seed, batch, valid, settings, procedure=procedure)
    updates: Any
    updates, opt_state = optimizer(config).update(
        grads, state.opt_state, trained)
    factor = schedules.rate_factor(state.step / total, config.decay, config.schedule)
    if config.warmup:
        factor = factor * schedules.warmup_factor(
            (state.step + 1) / total, config.warmup)
    rate = candidate.learning_rate * factor
    aux_rate = rate * config.variational_rate
    if config.variational_travel:
        aux_rate = factor * schedules.per_step(config.variational_travel, total, config)
    moved = lambda p, u, rate: p - (rate * u).astype(p.dtype)
    decayed = updates[0]
    if config.weight_decay:
        decayed = _with_decay(decayed, state.params, config.weight_decay)
    params = jax.tree.map(lambda p, u: moved(p, u, rate), state.params, decayed)
    aux = jax.tree.map(lambda p, u: moved(p, u, aux_rate),
                       state.aux, updates[1])
    classes = procedure.skeleton.graph.nodes[-1].channels
    known = (np.float32(np.log(classes)) - entropy).astype(jnp.float32)
    explained = state.explained + jnp.minimum(REMEMBERED / total, 1.0).astype(
        jnp.float32) * (known - state.explained)
    new = TrainState(params, aux, stats, opt_state, state.step + 1, explained,
                     state.pressure, state.hinge)
    info = TrainInfo(entropy, accuracy, coefficient)
    return new, TrainInfo(*(value.astype(jnp.float32) for value in info))


def _with_decay(updates: dict, params: dict, decay: float) -> dict:
    """The directions with the decoupled decay of the kernels, which is not scaled by
    the moments (Loshchilov and Hutter 2019)."""
    return {name: leaves if 'kernel' not in leaves else leaves | {
        'kernel': leaves['kernel'] + decay * params[name]['kernel']}
        for name, leaves in updates.items()}
