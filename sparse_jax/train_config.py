"""Settings of one training run that are the same for all candidates."""

import dataclasses

CLASS_WEIGHTS = ('none', 'balanced')
SCHEDULES = ('linear', 'cosine')
FLIPS = ('auto', 'on', 'off')
PRECISIONS = ('float32', 'bfloat16')
OPTIMIZERS = ('adam', 'muon')
AS_KNOWN = -1
"""Shift of a data set whose own is to be used."""


@dataclasses.dataclass(frozen=True)
class Augment:
    """What happens to the images of a step. Static: it is part of the program.

    Attributes:
      shift: pixels of the full image that a picture moves by at most, up, down, left
        and right; what moves in from outside repeats the edge. 0 for none, -1 for what
        suits the data set.
      flip: 'on' mirrors every other picture left to right, 'off' none; 'auto' for what
        suits the data set.
    """

    shift: int = 0
    flip: str = 'off'

    def __post_init__(self) -> None:
        """Refuses other values.

        Raises:
          ValueError: one line with the setting, the value and what is allowed.
        """
        if not AS_KNOWN <= self.shift <= 64:
            raise ValueError(f'train.augment.shift: {self.shift!r} is not allowed; '
                             'allowed: -1 (as suits the data set), 0 (none) to 64')
        if self.flip not in FLIPS:
            raise ValueError(f'train.augment.flip: {self.flip!r} is not allowed; '
                             f'allowed: {", ".join(FLIPS)}')

    @property
    def changes(self) -> bool:
        """Whether any image is changed.

        Raises:
          ValueError: a value is still that of a data set, see `suited`.
        """
        if self.shift == AS_KNOWN or self.flip == 'auto':
            raise ValueError(f'{self}: which data set is not known here; allowed: a '
                             'shift of 0 or more and a flip of on or off')
        return self.shift > 0 or self.flip == 'on'


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How every candidate of a search is trained; hashable, part of a `Procedure`.

    These settings decide the compiled program or hold for all candidates. What differs
    between candidates (learning rate, coefficient of the penalty, its annealing) is
    data and stands in their `Candidate`.

    Attributes:
      epochs: passes over the training data. The table's epochs are in units of
        epochs / 100: with 100 epochs they are literal, with 40 they shrink to 0.4.
      batch_size: images per step; the last partial batch of an epoch is dropped.
      variational_rate: learning rate of the posterior's variances and group scales,
        as a multiple of the candidate's rate: they must travel about ten units.
      variational_travel: how far the variances and scales can move in a run, as the sum
        of their rates over its steps. Above 0 it takes the place of `variational_rate`:
        the same for short and for long runs, and whatever the candidate's rate.
      warmup: share of the run, at its beginning, over which the rates rise linearly.
      decay: share of the run, at its end, over which the rates fall to 0.
      schedule: 'linear' or 'cosine', the shape of the fall.
      weight_decay: decoupled decay of all kernels, a share of the weight per step and
        unit of the rate (AdamW); 0 for none.
      clip_norm: global norm that gradients are clipped to; 0 leaves them alone.
      augment: what happens to the images.
      class_weights: 'none', or 'balanced': images weigh in the loss so that every class
        counts as much in all, whatever its images are.
      precision: 'float32', or 'bfloat16' for what the products of a training step read;
        their sums, the weights and all else stay float32, and so does all measuring.
      optimizer: 'adam', or 'muon', which takes kernels as matrices and makes all
        singular values of their steps equal (`training.optimizers`).
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
    variational_travel: float = 0.0
    class_weights: str = 'none'
    precision: str = 'float32'
    optimizer: str = 'adam'

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
            'variational_travel': 0 <= self.variational_travel <= 1000,
            'class_weights': self.class_weights in CLASS_WEIGHTS,
            'precision': self.precision in PRECISIONS,
            'optimizer': self.optimizer in OPTIMIZERS,
        }
        allowed = {'epochs': 'at least 1', 'batch_size': '1 to 4096',
                   'variational_rate': 'above 0', 'decay': '0 to 1',
                   'clip_norm': '0 (off) or above', 'warmup': '0 (none) to 1',
                   'schedule': ', '.join(SCHEDULES), 'weight_decay': '0 (none) to 1',
                   'variational_travel': '0 (by variational_rate) to 1000',
                   'class_weights': ', '.join(CLASS_WEIGHTS),
                   'precision': ', '.join(PRECISIONS),
                   'optimizer': ', '.join(OPTIMIZERS)}
        for name, fine in checks.items():
            if not fine:
                raise ValueError(
                    f'train.{name}: {getattr(self, name)!r} is not allowed; '
                    f'allowed: {allowed[name]}')
