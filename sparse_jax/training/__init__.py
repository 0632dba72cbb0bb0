"""Variational training of one candidate as pure functions."""

from sparse_jax.training.config import TrainConfig as TrainConfig
from sparse_jax.training.procedure import Procedure as Procedure
from sparse_jax.training.step import TrainInfo as TrainInfo
from sparse_jax.training.step import TrainState as TrainState
from sparse_jax.training.step import train_step as train_step
from sparse_jax.training.train import TrainData as TrainData
from sparse_jax.training.train import initialise as initialise
from sparse_jax.training.train import train as train
