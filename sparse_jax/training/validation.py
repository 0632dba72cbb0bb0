"""How good a trained candidate is on images that it was not trained on."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from sparse_jax.model import deploy
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.training.data import TrainData
from sparse_jax.training.procedure import Procedure
from sparse_jax.training.reading import reader
from sparse_jax.training.step import TrainState

AT_ONCE = 256
"""Images in flight, over all cuts: twice as many and more were slower on a CPU."""


def error_rate(
    folded: dict, candidate: Candidate, data: TrainData, *, skeleton: Skeleton,
    chunk: int = AT_ONCE, conv: str = 'patches', balanced: bool = False,
) -> jax.Array:
    """Share of `data` that a pruned network gets wrong, in chunks of images.

    A count has no slope: `jax.grad` of it is 0 everywhere. `validation_loss` is what
    can be differentiated.

    Args:
      folded: params of the pruned network, from `prune`.
      candidate: the candidate that was trained.
      data: N images.
      skeleton: the padded network.
      chunk: images at a time.
      conv: form of convolutions, see `ops.lowering`.
      balanced: the mean of the shares of all classes that have images.

    Returns:
      [] float32 between 0 and 1.

    Raises:
      ValueError: `data` has no images.
      AssertionError: images or labels of another shape.
    """
    def wrong(x: jax.Array, labels: jax.Array, counted: jax.Array) -> jax.Array:
        logits = deploy.predict(skeleton, folded, candidate, x, conv=conv)
        mistake = logits.argmax(0) != labels
        if not balanced:
            return (mistake & counted).sum()
        own = (labels == jnp.arange(len(logits))[:, None]) & counted
        return jnp.stack([own & mistake, own]).sum(-1)

    read = reader(skeleton, conv, data.images, often=False)
    if not balanced:
        return _total(wrong, data, read, chunk) / data.num_images()
    # Whole numbers until here: the chunks change nothing.
    mistakes, images = _total(wrong, data, read, chunk)
    return (mistakes / jnp.maximum(images, 1)).sum() / (images > 0).sum()


def validation_loss(
    state: TrainState, candidate: Candidate, data: TrainData, *, procedure: Procedure,
    chunk: int = AT_ONCE,
) -> jax.Array:
    """Mean cross-entropy of the posterior's mean network before pruning.

    Differentiable with respect to the state, and through `train` with respect to
    every real setting of the candidate, for example the weight of the penalty. A
    whole `Candidate` cannot be differentiated, because widths and kernel sizes are
    integers: replace one leaf inside of the function, as in the example. Without noise
    and with the running moments of batch norm, so it needs no key.

    Args:
      state: of a training; weights in the skeleton's padded shapes.
      candidate: the candidate that was trained.
      data: N images, of the validation part.
      procedure: the static half of the training.
      chunk: images at a time; a gradient keeps the activations of all of them.

    Returns:
      [] float32, in nats.

    Raises:
      ValueError: `data` has no images.
      AssertionError: images or labels of another shape.

    Example:
      >>> keys = jax.random.split(jax.random.key(3), 3)
      >>> def loss_after_training(alpha):
      ...     mine = candidate._replace(alpha=alpha)
      ...     state = initialise(keys[0], mine, procedure=procedure)
      ...     state, _ = train(
      ...         keys[1], state, mine, training, keys[2], procedure=procedure)
      ...     return validation_loss(state, mine, validation, procedure=procedure)
      >>> slope = jax.jit(jax.grad(loss_after_training))(0.1)
      >>> bool(jnp.isfinite(slope))
      True
    """
    variables = {'params': procedure.method.mean(state.params, state.aux)}
    if state.stats:
        variables['batch_stats'] = state.stats

    def entropy(x: jax.Array, labels: jax.Array, counted: jax.Array) -> jax.Array:
        logits: Any = procedure.net.apply(variables, candidate, x)
        each = optax.softmax_cross_entropy_with_integer_labels(logits.T, labels)
        return jnp.where(counted, each, 0.0).sum()

    read = reader(procedure.skeleton, procedure.conv, data.images, often=False)
    return _total(entropy, data, read, chunk) / data.num_images()


def _total(
    total: Callable[[jax.Array, jax.Array, jax.Array], jax.Array], data: TrainData,
    read: Callable[[jax.Array], jax.Array], chunk: int,
) -> jax.Array:
    """Sum over all images of what `total` sums over a chunk.

    total: (images [C, H, W, B], labels [B], which of them count [B]) -> [...]; the last
      chunk is filled up with images that do not count.
    """
    num = data.num_images()
    chunk = min(chunk, num)
    padded = -(-num // chunk) * chunk
    rows = jnp.arange(padded).reshape(-1, chunk)
    labels = jnp.asarray(data.labels)

    def of_chunk(rows: jax.Array) -> jax.Array:
        inside = jnp.minimum(rows, num - 1)
        return total(read(inside), labels[inside], rows < num)

    return jax.lax.map(of_chunk, rows).sum(axis=0)
