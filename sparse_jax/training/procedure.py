"""The static half of a training: what decides its compiled program."""

import dataclasses
from collections.abc import Callable

import jax

from sparse_jax.model.connectivity import Live
from sparse_jax.model.network import SparseNet
from sparse_jax.model.skeleton import Candidate, Skeleton
from sparse_jax.pruning.method import PruningMethod
from sparse_jax.train_config import TrainConfig

TargetFn = Callable[[Skeleton, Candidate, Live], jax.Array]
"""(skeleton, candidate, pruned network) -> [] how far it is above what it may cost, as
a logarithm; negative below. Hashable."""


@dataclasses.dataclass(frozen=True)
class Procedure:
    """What all candidates of one program have in common; hashable.

    The other half is a `Candidate`: arrays, which a program takes as they come. Every
    function of training takes the procedure as a keyword: close over it, or make it a
    static argument of `jax.jit`. Procedures made of equal parts are equal, so that
    `jax.jit` traces them once; `pruning.sparse_vd()` gives the same method every time.

    Attributes:
      skeleton: the network in padded sizes.
      method: how weights are made uncertain, penalised and removed.
      config: settings of the training.
      conv: form of convolutions, see `ops.lowering`; speed only.
      balanced: whether `measure` gives 1 - the mean recall of the classes.
      target: what trainings aim at by the coefficient of their penalty, such as an
        `objectives.target.Target`; None leaves the coefficient to the candidate.

    Example:
      >>> space = sparse_space((8, 8, 1), 10)
      >>> row = sample(jax.random.key(0), space, 1)[0]
      >>> skeleton, _, _ = siblings(jax.random.key(1), space, row, 1, TierPolicy())
      >>> procedure = Procedure(skeleton, pruning.sparse_vd(), TrainConfig(epochs=2))
      >>> procedure == Procedure(skeleton, pruning.sparse_vd(), TrainConfig(epochs=2))
      True
    """

    skeleton: Skeleton
    method: PruningMethod
    config: TrainConfig = TrainConfig()
    conv: str = 'patches'
    balanced: bool = False
    target: TargetFn | None = None

    @property
    def net(self) -> SparseNet:
        """The network as a Flax module, in float32."""
        return SparseNet(self.skeleton, self.conv)

    @property
    def training_net(self) -> SparseNet:
        """The network as training steps compute it, see `TrainConfig.precision`."""
        return SparseNet(self.skeleton, self.conv, self.config.precision)
