"""Where the line between compiled program and data lies: one policy.

A point becomes a `Skeleton` (static, hashable: it decides the compiled program) and a
`Candidate` (arrays: widths, kernels and every training setting). Both depend on the
point alone, never on what else is in the batch. Depth, layer types, pools, branches,
batch norm and input down-sampling are always static; how finely widths, kernels and
FC units are is the `TierPolicy`'s choice: coarse tiers share more and pad more
(docs/performance.md has the table).
"""

import bisect
import dataclasses
from typing import NamedTuple, cast

import jax
import numpy as np

from sparse_jax import ops
from sparse_jax.hashing import remembers_hash
from sparse_jax.space.architecture import Graph


@dataclasses.dataclass(frozen=True)
class TierPolicy:
    """Upper ends of the padding tiers; a size is rounded up to the next one.

    Networks whose sizes round up to the same tiers share one compiled program: coarse
    tiers compile less and multiply more zeros. Results do not depend on the tiers,
    because weights and noise are addressed by position and what is beyond the true size
    is 0. The default loses a quarter of the sharing of coarser ones and saves more than
    half of their products (docs/performance.md); `model.skeleton.EXACT` pads nothing.

    Attributes:
      widths: of convolution channels (1 to 100 in the table).
      units: of FC layers; larger sizes are rounded up to a power of two.
      kernels: (low, high) ranges whose members share a program; (3, 3) is exact.

    Example:
      >>> policy = TierPolicy()
      >>> policy.width(17), policy.unit(1500), policy.kernel(3)
      (24, 2048, (3, 3))
    """

    widths: tuple[int, ...] = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100)
    units: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512, 1024)
    kernels: tuple[tuple[int, int], ...] = ((2, 2), (3, 3), (4, 4), (5, 5))

    def width(self, n: int) -> int:
        """Tier of a channel count."""
        return _round_up(n, self.widths)

    def unit(self, n: int) -> int:
        """Tier of a number of FC units."""
        return _round_up(n, self.units)

    def kernel(self, k: int) -> tuple[int, int]:
        """(low, high) kernel range that k belongs to; 1x1 stays exact."""
        return next(((a, b) for a, b in self.kernels if a <= k <= b), (k, k))


EXACT = TierPolicy(tuple(range(1, 101)), (), ((2, 2), (3, 3), (4, 4), (5, 5)))
"""No padding of convolutions: one program per architecture."""


@remembers_hash
@dataclasses.dataclass(frozen=True)
class Skeleton:
    """The padded graph: what decides the compiled program. A jit static argument."""

    graph: Graph


class Candidate(NamedTuple):
    """What varies between members of one compiled batch; leading axis B if batched."""

    channels: jax.Array
    """[nodes] int32 true output maps or units, in the order of the graph's nodes."""
    kernel: jax.Array
    """[nodes] int32 true kernel sizes."""
    threshold: jax.Array
    """[nodes] float32 magnitude cut of the posterior mean; 0: the table has none."""
    log_alpha_offset: jax.Array
    """[] shift of the pruning method's log alpha cut."""
    alpha: jax.Array
    """[] final coefficient of the KL term per image, as the paper has it."""
    pretraining: jax.Array
    """[] 1.0 if the first epochs are deterministic, else 0.0."""
    zero_regularization_epochs: jax.Array
    annealing_epochs: jax.Array
    """[] in units of the table."""
    learning_rate: jax.Array
    kl_share: jax.Array | float = 0.0
    """[] what is added to `alpha`, relative to the task: `schedules.with_price`."""


def split(
    exact: Graph, point: dict, policy: TierPolicy
) -> tuple[Skeleton, Candidate]:
    """Split a network into what decides its compiled program and what is data.

    Args:
      exact: the network in its true sizes, from `space.encoding.graph`.
      point: values of the table by name, from `space.encoding.decode`: thresholds,
        coefficients and rates of the training.
      policy: how sizes are padded.

    Returns:
      The `Skeleton`, hashable, a static argument of a jitted function; and the
      `Candidate`, arrays without a batch axis. Both depend on this network alone.

    Raises:
      ValueError: a feature map of the graph is empty.

    Example:
      >>> space = sparse_space((8, 8, 1), 10)
      >>> row = sample(jax.random.key(0), space, 1)[0]
      >>> skeleton, candidate = split(
      ...     graph(space, row), decode(space, row), TierPolicy())
      >>> len(candidate.channels) == len(skeleton.graph.nodes)
      True
    """
    if not exact.feasible():
        raise ValueError('the network is infeasible: a feature map is empty')
    return pad(exact, policy), candidate_of(exact, point)


def pad(exact: Graph, policy: TierPolicy) -> Skeleton:
    """Round the sizes of an exact graph up to the policy's tiers."""
    channels, nodes = {'input': exact.image_shape()[0]}, []
    for node in exact.nodes:
        padded = ops.form(node).pad(node, channels, policy)
        channels[node.name] = padded.channels
        nodes.append(padded)
    return Skeleton(dataclasses.replace(exact, nodes=tuple(nodes)))


def candidate_of(exact: Graph, point: dict) -> Candidate:
    """The traced half, as host arrays ready to be stacked and sent to a device."""
    thresholds = [point.get(f'pruning-threshold-{n.knob}', 0.0) for n in exact.nodes]
    number = lambda name: _host(np.float32(point[name]))
    either = lambda name: _host(np.float32(point.get(name, 0.0)))
    return Candidate(
        channels=_host(np.array([n.channels for n in exact.nodes], np.int32)),
        kernel=_host(np.array([n.kernel for n in exact.nodes], np.int32)),
        threshold=_host(np.array(thresholds, np.float32)),
        log_alpha_offset=number('log-alpha-offset'),
        alpha=either('alpha'),
        pretraining=number('pretraining'),
        zero_regularization_epochs=number('zero-regularization-epochs'),
        annealing_epochs=number('annealing-epochs'),
        learning_rate=number('learning-rate'),
        kl_share=either('kl-share'),
    )


def _host(value: np.ndarray | np.floating) -> jax.Array:
    """A host value where an array of a device would do as well."""
    return cast(jax.Array, value)


def stack(candidates: list[Candidate]) -> Candidate:
    """Stack candidates of one skeleton for `jax.vmap`.

    Args:
      candidates: B of them, without a batch axis, from `split` with equal skeletons;
        candidates of other skeletons have arrays of other lengths, which do not stack.

    Returns:
      One `Candidate` whose leaves have a leading axis B, in the given order.

    Raises:
      ValueError: the arrays have different lengths, or there are no candidates.

    Example:
      >>> batch = stack([candidate, candidate._replace(alpha=np.float32(0.5))])
      >>> batch.alpha.shape, batch.channels.ndim
      ((2,), 2)
    """
    return jax.tree.map(lambda *leaves: np.stack(leaves), *candidates)


def _round_up(n: int, tiers: tuple[int, ...]) -> int:
    position = bisect.bisect_left(tiers, n)
    if position < len(tiers):
        return tiers[position]
    return n if not tiers else 1 << (int(n) - 1).bit_length()
