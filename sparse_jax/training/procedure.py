"""The static half of a training: what decides its compiled program."""

import dataclasses

from sparse_jax.model.network import SparseNet
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.pruning.method import PruningMethod
from sparse_jax.train_config import TrainConfig


@dataclasses.dataclass(frozen=True)
class Procedure:
    """What all candidates of one program have in common; hashable.

    The other half is a `Candidate`: arrays, which a program takes as they come.

    Attributes:
      skeleton: the network in padded sizes.
      method: how weights are made uncertain, penalised and removed.
      config: settings of the training.
      conv: 'patches', 'native' or 'direct', see `ops.lowering`; speed only.
    """

    skeleton: Skeleton
    method: PruningMethod
    config: TrainConfig = TrainConfig()
    conv: str = 'patches'

    @property
    def net(self) -> SparseNet:
        """The network as a Flax module."""
        return SparseNet(self.skeleton, self.conv)
