"""Variational training of one candidate as pure functions."""

from sparse_jax.train_config import Augment as Augment
from sparse_jax.train_config import TrainConfig as TrainConfig
from sparse_jax.training.data import TrainData as TrainData
from sparse_jax.training.data import train_data as train_data
from sparse_jax.training.procedure import Procedure as Procedure
from sparse_jax.training.prune import prune as prune
from sparse_jax.training.step import TrainInfo as TrainInfo
from sparse_jax.training.step import TrainState as TrainState
from sparse_jax.training.step import Variables as Variables
from sparse_jax.training.step import train_step as train_step
from sparse_jax.training.train import initialise as initialise
from sparse_jax.training.train import train as train
from sparse_jax.training.validation import error_rate as error_rate
from sparse_jax.training.validation import validation_loss as validation_loss
