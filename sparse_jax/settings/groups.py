"""The settings of a search as frozen types: the one home of every default.

`Settings()` is a search on the embedded digits. Sizes are in elements, bytes in int8.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from sparse_jax.objectives.goal import COSTS, GOALS
from sparse_jax.train_config import TrainConfig

INLINE = {'inline': True}
"""Metadata of a mapping whose items are settings of its group, each by its own name."""
MEMORY_MODELS = {
    'input+output': 'working_memory', 'input+weights': 'working_memory_weights',
    'without-image': 'working_memory_without_image'}
"""{how working memory is counted: the field of `Totals` that it is}."""


def _soft_bounds() -> dict[str, float]:
    """Of the table of goals, in the unit of each."""
    return {goal.name: goal.bound for goal in GOALS.values()}


def _hard_budgets() -> dict[str, float]:
    return {name: GOALS[name].budget for name in COSTS}


@dataclasses.dataclass(frozen=True)
class Data:
    """Which images, split how."""

    name: str = 'digits'
    """digits, synthetic, mnist, fashion_mnist, cifar10, any TFDS name, each also with
    _binary; or a name of your own for the files at `path`."""
    path: str = ''
    """An .npz or .csv file; a folder of idx, .npy or .csv files, or of one folder of
    pictures for each class; or a TFDS data_dir."""
    classes: str = ''
    """Grouping such as 0-4/5-9; empty leaves the classes as they are."""
    validation_size: int = -1
    """Images; -1 for the default of the data set."""
    test_size: int = -1
    """Images; -1 for the default of the data set."""
    split: str = 'auto'
    """How parts are drawn: stratified, every class by its share; random; auto is
    stratified for folders of pictures, CSV and .npy files, and wherever a random draw
    would leave a class out of a part."""
    max_train: int = 0
    """Use only so many training images; 0 for all."""
    channels: int = 0
    """1 for grey images, 3 for colour, 0 as they are."""
    image_size: tuple[int, ...] = ()
    """(height, width) that images are resized to as they are read, by means over areas;
    one number for squares; () or 0 as they are."""
    class_names: tuple[str, ...] = ()
    """Of the classes that are searched, in their order, after any grouping; () as the
    data have them."""
    soft_labels: str = ''
    """A file of `launch.teach`, which candidates learn in place of the labels."""
    seed: int = 0
    """Of the split: the same for all searches to compare."""


@dataclasses.dataclass(frozen=True)
class Space:
    """Which part of the table is searched, and how it is sampled."""

    prior: str = 'log-uniform'
    """log-uniform, or uniform as in the paper; scaled: log-uniform, rates up to 0.01,
    and kl-share in place of alpha; paper: uniform, and without augmentation where
    `train.augment` leaves that open."""
    rows: str = 'table'
    """table: the paper's rows and a few of ours; extended: also residual-block-*,
    stride-block-*, pool-type-block-* and input-downsampling-type."""
    restrict: str = ''
    """Rows of the table with fewer values: 'ROW=VALUE', 'ROW=LOW:HIGH',
    'ROW=ONE|OTHER', separated by commas; * stands for any text in ROW. A later item
    narrows what earlier ones left. Not of fractions (weight-fraction-*,
    downsample-block-*): they follow from the network."""


@dataclasses.dataclass(frozen=True)
class Pruning:
    """How weights are removed, in every training."""

    method: str = 'sparse_vd'
    """sparse_vd, bayes_compress, learned_threshold, learned_group_threshold,
    gradual_magnitude (which always aims), magnitude, none, or your own as
    MODULE:FACTORY. Learned thresholds take the place of the table's rows."""
    cuts: tuple[float, ...] = (-7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0)
    """Every training is also measured at these shifts of the log alpha cut; networks
    that this adds may join the front. () measures its own only."""
    bisect: bool = True
    """Every training is also measured at the shift, in hundredths, that leaves most of
    it within the hard budgets, or the soft bounds where there are none: of counted
    costs. A network that needs no pruning for that is measured whole."""
    aim: bool = False
    """Trainings aim at these limits: the coefficient of the penalty is raised while the
    network is above one of them, and lowered while it is below all."""
    at_end: bool = False
    """Only finals prune; rounds train plain, larger networks (docs/pruning.md)."""
    finetune_epochs: int = 0
    """Plain training after pruning at the trial's own cut, the mask held."""


@dataclasses.dataclass(frozen=True)
class Objectives:
    """What is minimised, and what is too much of it."""

    names: tuple[str, ...] = ('error', 'model_size', 'working_memory')
    """'error', then one or more of the costs in `bounds`."""
    bounds: Mapping[str, float] = dataclasses.field(
        default_factory=_soft_bounds, metadata=INLINE)
    """Soft bounds of the scalarization: 1 / weight ~ U[0, bound]. Those of flash, RAM,
    instructions and latency are of the int8 network on `board`."""
    board: str = 'microbit'
    """A name, or the path of a JSON file."""
    memory_model: str = 'input+output'
    """(6) of the paper, input+weights for (5), or without-image (docs/algorithm.md)."""
    quantized: bool = False
    """The error is that of the int8 network on the chip, calibrated on training
    images, in place of the float one."""
    balanced: bool = False
    """The error is 1 - the mean recall of the classes: each weighs as much, however
    many images it has. Training is the same."""
    fold_binary: bool = True
    """A classifier of two classes is counted and exported as one unit, the difference
    of its two: the same classes for half of these weights. False counts both, as the
    paper does. Of no effect for more classes."""


@dataclasses.dataclass(frozen=True)
class Budgets:
    """The most that a network may have."""

    most: Mapping[str, float] = dataclasses.field(
        default_factory=_hard_budgets, metadata=INLINE)
    """{cost: limit}, in the units of `Objectives.bounds`; 0 for no budget."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """Refused before training, as counted before pruning; 0 for no limit."""

    max_weights: int = 65_536
    max_macs: int = 20_000_000


@dataclasses.dataclass(frozen=True)
class Search:
    """The search algorithm and its batches."""

    algorithm: str = 'ehvi'
    """The paper's is 'sparse' (docs/ablation.md compares them); sparse_ucb, qnparego,
    aging_evolution, nsga2, random, or your own as MODULE:FACTORY."""
    rounds: int = 4
    """Batches in all, at most; a study can be continued with more."""
    max_minutes: float = 0.0
    """Of all sessions together: no round begins that would end later; 0 for any."""
    patience: int = 0
    """Rounds in a row without a gain of hypervolume that end the search; 0 for any."""
    final_share: float = 0.0
    """Of `max_minutes`, or of all epochs where there is no clock: for the end, which
    trains the best networks again and ranks them by their means. 0 for no end."""
    finals: int = 4
    """Networks of the end, at most."""
    final_starts: int = 4
    """Trainings of each: a third from its weights, the others afresh."""
    final_epochs: int = 0
    """Of each of these; 0 for twice `train.epochs`."""
    batch: int = 8
    """Candidates of a round."""
    initial: int = 16
    """Random points before the surrogate takes over."""
    focus: str = 'front'
    """front: all trade-offs; error: the least error within the hard budgets."""
    strategy: str = 'suggest'
    """suggest: the algorithm, every round; differentiable: all networks are found by
    gradient before any is trained (docs/strategies.md)."""
    initial_from: str = ''
    """differentiable: begin with what the search by gradient finds; '' at random."""
    initial_design: str = 'prior'
    """Random points: prior, of the table; filled, its structures with sizes grown until
    a cost is at its hard budget or else its soft bound."""
    max_groups: int = 4
    """Compiled programs in one batch, 0 for any; few fill an accelerator better."""
    initial_groups: int = 2
    """New programs in a batch of initial points, 0 for any."""
    new_groups: int = 1
    """New programs in a later batch, 0 for any."""
    rho: float = 0.9
    """Share of suggestions that come from the surrogate."""
    model_rows: int = 1024
    """Trials that the surrogate sees (docs/searching.md); 0 for all."""
    lag: int = 0
    """1: a round is suggested while the one before it trains (docs/searching.md)."""
    trend: str = 'none'
    """structure: of errors, as multiples of a trend (docs/searching.md); none."""
    stages: tuple[int, ...] = ()
    """Rounds before stages 2 and 3 start; () for stage 1."""
    inherit: bool = True
    """Start from the weights of the nearest network so far."""
    min_overlap: float = 0.5
    """... if it has this share of the weights."""
    child_epochs: float = 0.5
    """Share of `train.epochs` that an heir trains."""
    rungs: tuple[float, ...] = ()
    """Rising shares of its epochs after which a training goes on or not, as in
    (0.1, 0.3, 1.0); () trains every candidate to the end. docs/rungs.md."""
    promote: float = 0.5
    """Share of the trainings of a rung that go on to the next."""

    @property
    def most_rounds(self) -> int:
        """Before the end of a search; without a clock that replaces some of them."""
        if self.max_minutes:
            return self.rounds
        return max(1, math.ceil(self.rounds * (1.0 - self.final_share) - 1e-9))


@dataclasses.dataclass(frozen=True)
class Differentiable:
    """The search by gradient, where a strategy asks for it."""

    templates: tuple[str, ...] = ('cc',)
    """Families of networks, one program each, as docs/strategies.md spells them: c, s,
    d or x for the layers of a block, - between blocks, + and branches at the end."""
    budgets: int = 8
    """Sets of budgets of every template, from those of the search downwards."""
    seeds: int = 1
    """Searches of every set."""
    steps: int = 200
    """Batches that one search trains on, each of `batch_size` images."""
    batch_size: int = 32
    widest: int = 16
    """Maps of a layer, at most."""


@dataclasses.dataclass(frozen=True)
class Tiers:
    """Padded sizes: networks of equal tiers share a compiled program."""

    widths: tuple[int, ...] = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100)
    """Maps of a convolution."""
    units: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512, 1024)
    """Units of a fully connected layer."""
    kernels: tuple[tuple[int, int], ...] = ((2, 2), (3, 3), (4, 4), (5, 5))
    """(low, high) ranges of kernel sizes."""


@dataclasses.dataclass(frozen=True)
class Runtime:
    """The machine: changes speed, not results (beyond rounding between devices)."""

    conv: str = 'auto'
    """Form of convolutions; auto or one of docs/performance.md. Kept."""
    mapping: str = 'auto'
    """map or vmap over candidates; auto for what suits the device. As with conv."""
    devices: int = 0
    """0 for all; several hosts use all of theirs."""
    memory: float = 0.0
    """GiB of a device for vmapped programs; 0 for what it reports."""
    workers: int = 0
    """Calls in flight; 0 for one per CPU core."""
    slots: int = 0
    """Candidates of a call under vmap; 0 for a batch over search.max_groups."""
    weights: str = 'needed'
    """Whose weights a study keeps: needed (docs/reliability.md) or all."""


def _group(kind: type) -> Any:
    return dataclasses.field(default_factory=kind)


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings of a search, in groups.

    Frozen, equal by value; the only home of every default. Change some with
    `dataclasses.replace`, or in the `ConfigDict` of `default_config()`;
    `settings.reading.read` turns either into checked settings. A study keeps those that
    decide its results in its config.json and refuses to go on with others.

    Attributes:
      seed: of every random decision but the split of the data.
      data: which images, split how.
      space: which part of the table is searched, and the prior.
      pruning: the method, its cuts, fine-tuning after it.
      train: epochs, batch size and rates of every training.
      objectives: what is minimised, with soft bounds, and the board.
      budgets: hard budgets; 0 for none.
      limits: candidates that are refused before training.
      search: algorithm, rounds, batch, surrogate, inheritance.
      differentiable: the search by gradient.
      tiers: how sizes are padded to share programs.
      runtime: what the machine is used for; it changes no result.

    Example:
      >>> settings = Settings()
      >>> longer = dataclasses.replace(
      ...     settings, search=dataclasses.replace(settings.search, rounds=20))
      >>> longer.search.rounds, longer.train == settings.train
      (20, True)
    """

    seed: int = 0
    data: Data = _group(Data)
    space: Space = _group(Space)
    pruning: Pruning = _group(Pruning)
    train: TrainConfig = _group(TrainConfig)
    objectives: Objectives = _group(Objectives)
    budgets: Budgets = _group(Budgets)
    limits: Limits = _group(Limits)
    search: Search = _group(Search)
    differentiable: Differentiable = _group(Differentiable)
    tiers: Tiers = _group(Tiers)
    runtime: Runtime = _group(Runtime)
