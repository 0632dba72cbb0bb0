"""A whole training run of one candidate, as one scan over resident data."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from sparse_jax import counter_noise
from sparse_jax.model import network, sizes
from sparse_jax.model.skeleton import Candidate
from sparse_jax.ops.arrays import library_of
from sparse_jax.training import gradual
from sparse_jax.training.aim import aimed
from sparse_jax.training.augment import places
from sparse_jax.training.class_weights import weights_of
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.reading import moved_reader, reader
from sparse_jax.training.schedules import with_price
from sparse_jax.training.step import (
    Schedule,
    TrainInfo,
    TrainState,
    init_state,
    train_step,
)


def initialise(
    key: jax.Array, candidate: Candidate, *, procedure: Procedure
) -> TrainState:
    """Fresh weights and posterior for one candidate; pure, the caller vmaps it.

    Args:
      key: consumed; the same weights on the true part whatever the padding.
      candidate: its widths and kernels say which weights exist.
      procedure: the static half; its method says what is trained beside the weights.

    Returns:
      The state before the first step, in the skeleton's padded shapes.

    Example:
      >>> state = initialise(jax.random.key(0), candidate, procedure=procedure)
      >>> int(state.step)
      0
    """
    variables = network.init(key, procedure.skeleton, candidate)
    valid = sizes.valid_weights(procedure.skeleton, candidate)
    aux = procedure.method.init(variables['params'], valid)
    stats = variables.get('batch_stats', {})
    return init_state(variables['params'], aux, stats, procedure.config, valid)


def train(
    key: jax.Array, state: TrainState, candidate: Candidate, data: TrainData,
    order_key: jax.Array, num_epochs: jax.Array | int | None = None, *,
    procedure: Procedure, valid: dict | None = None,
) -> tuple[TrainState, TrainInfo]:
    """Train one candidate; pure and un-jitted, the caller vmaps it.

    The optimiser of the config on cross-entropy plus the method's penalty, with the
    schedules of the SpArSe table (pretraining, zero-regularization-epochs,
    annealing-epochs, alpha). One scan over the resident images; differentiable with
    respect to real settings of the candidate.

    Args:
      key: the candidate's own randomness (noise).
      state: from `initialise`, or inherited from a parent.
      candidate: widths, kernels and settings, without a batch axis.
      data: N images, normalised by `train_data`; where it has soft labels, these are
        learnt.
      order_key: order of the images and what augmentation does to them, the same for
        all candidates of a search: a batch of candidates reads every image once.
      num_epochs: how many of the `config.epochs` to run, at most all; traced, so that
        shorter runs share the compiled program. The schedule stretches over these
        epochs. One number for all candidates of a vmap: the epochs left out cost
        nothing then.
      valid: masks of the weights that exist; by default all of the candidate's.

    Returns:
      The trained state and per-epoch `TrainInfo` of shape [config.epochs], NaN for
      epochs that did not run. A second call with the state is another run, with a
      schedule of its own, that goes on from the weights, the optimiser's moments and,
      with a target, the multiplier of the penalty.

    Raises:
      ValueError: `data` has no images.
      AssertionError: images or labels of another shape.

    Example:
      >>> run = jax.jit(functools.partial(train, procedure=procedure))
      >>> state, info = run(jax.random.key(1), state, candidate, training,
      ...                   jax.random.key(2))
      >>> info.loss.shape == (procedure.config.epochs,)
      True
    """
    num_images, config = data.num_images(), procedure.config
    batch = min(config.batch_size, num_images)
    per_epoch = num_images // batch
    noise_seed, order_seed = (counter_noise.seeds(k) for k in (key, order_key))
    batch_of = _batches(procedure, data.images, order_seed)
    labels = jnp.asarray(data.labels)
    learnt = labels if data.soft is None else jnp.asarray(data.soft)
    weights = weights_of(labels, procedure)
    if valid is None:
        valid = sizes.valid_weights(procedure.skeleton, candidate)
    candidate = with_price(candidate, valid, num_images)
    limit = config.epochs if num_epochs is None else num_epochs
    limit = jnp.minimum(jnp.asarray(limit), config.epochs)
    schedule = Schedule(per_epoch, limit * per_epoch, num_images)

    def driven(state: TrainState) -> TrainState:
        progress = state.step / schedule.total
        if procedure.method.press and procedure.target is not None:
            return gradual.scheduled(
                state, candidate, valid, progress, procedure=procedure)
        return aimed(state, candidate, progress, 1.0 / schedule.total,
                     procedure=procedure)

    def step(
        state: TrainState, rows: jax.Array
    ) -> tuple[TrainState, TrainInfo]:
        chosen = batch_of(state.step, rows)
        state = driven(state)
        batch = (chosen, learnt[rows])
        if weights is not None:
            batch = (*batch, weights[labels[rows]])
        return train_step(
            counter_noise.at(noise_seed, state.step), state, batch, candidate, valid,
            procedure=procedure, schedule=schedule)

    def run_epoch(
        state: TrainState, epoch: jax.Array
    ) -> tuple[TrainState, TrainInfo]:
        order = counter_noise.permutation(
            counter_noise.at(order_seed, epoch), num_images)
        rows = order[: per_epoch * batch].reshape(per_epoch, batch)
        state, info = jax.lax.scan(step, state, rows)
        return state, jax.tree.map(jnp.mean, info)

    def skip_epoch(
        state: TrainState, epoch: jax.Array
    ) -> tuple[TrainState, TrainInfo]:
        del epoch
        return state, TrainInfo(*(jnp.float32(jnp.nan),) * 3)

    def body(
        state: TrainState, epoch: jax.Array
    ) -> tuple[TrainState, TrainInfo]:
        # `limit` is shared by the batch, so this stays a branch under vmap.
        return jax.lax.cond(epoch < limit, run_epoch, skip_epoch, state, epoch)

    # Nothing reads the multiplier without a target: a constant there.
    pressure = jnp.float32(0.0) if procedure.target is None else state.pressure
    state = state._replace(step=jnp.int32(0), explained=jnp.float32(0.0),
                           pressure=pressure, hinge=jnp.float32(1.0))
    return jax.lax.scan(body, state, jnp.arange(config.epochs))


def _batches(
    procedure: Procedure, images: jax.Array, order_seed: jax.Array
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """(step, rows [B]) -> images [c, h, w, B] as the network reads them."""
    augment, skeleton = procedure.config.augment, procedure.skeleton
    if not augment.changes:
        plain = reader(skeleton, procedure.conv, images, often=True)
        return lambda step, rows: plain(rows)
    moved = moved_reader(skeleton, procedure.conv, images)
    seed = counter_noise.derive(order_seed, 'augment')
    _, height, width, _ = images.shape
    return lambda step, rows: moved(rows, places(
        seed, step, len(rows), (height, width), augment))


def diverged(state: TrainState) -> jax.Array:
    """[] bool: some trained value is not finite; of arrays of the host on the host."""
    leaves = jax.tree.leaves((state.params, state.aux))
    library = library_of(*leaves)
    return ~library.stack([library.isfinite(leaf).all() for leaf in leaves]).all()
