"""Settings of one training run that are the same for all candidates."""

import dataclasses

from sparse_jax.training.augment import Augment

SCHEDULES = ('linear', 'cosine')


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Static training settings.

    Attributes:
      epochs: passes over the training data. The table's epochs are in units of
        epochs / 100: with 100 epochs they are literal, with 40 they shrink to 0.4.
      batch_size: images per step; the last partial batch of an epoch is dropped.
      variational_rate: learning rate of the posterior's variances and group scales,
        as a multiple of the candidate's rate: they must travel about ten units.
      warmup: share of the run, at its beginning, over which the rates rise linearly.
      decay: share of the run, at its end, over which the rates fall to 0.
      schedule: 'linear' or 'cosine', the shape of the fall.
      weight_decay: decoupled decay of all kernels, a share of the weight per step and
        unit of the rate (AdamW); 0 for none.
      clip_norm: global norm that gradients are clipped to; 0 leaves them alone.
      augment: what happens to the images.
    """

    epochs: int = 40
    batch_size: int = 128
    variational_rate: float = 30.0
    decay: float = 0.5
    clip_norm: float = 0.0
    warmup: float = 0.0
    schedule: str = 'linear'
    weight_decay: float = 0.0
    augment: Augment = Augment()

    def __post_init__(self) -> None:
        checks = {
            'epochs': self.epochs >= 1,
            'batch_size': 1 <= self.batch_size <= 4096,
            'variational_rate': self.variational_rate > 0,
            'decay': 0 <= self.decay <= 1,
            'clip_norm': self.clip_norm >= 0,
            'warmup': 0 <= self.warmup <= 1,
            'schedule': self.schedule in SCHEDULES,
            'weight_decay': 0 <= self.weight_decay <= 1,
        }
        allowed = {'epochs': 'at least 1', 'batch_size': '1 to 4096',
                   'variational_rate': 'above 0', 'decay': '0 to 1',
                   'clip_norm': '0 (off) or above', 'warmup': '0 (none) to 1',
                   'schedule': ', '.join(SCHEDULES), 'weight_decay': '0 (none) to 1'}
        for name, fine in checks.items():
            if not fine:
                raise ValueError(
                    f'train.{name}: {getattr(self, name)!r} is not allowed; '
                    f'allowed: {allowed[name]}')
