"""The SpArSe search space, written once.

Source: the search-space table of Fedorov et al., NeurIPS 2019. The only place with
the paper's names and ranges. Rows that the paper does not have are marked `(ours)`.
"""

import dataclasses
import functools

import numpy as np

from sparse_jax.hashing import remembers_hash
from sparse_jax.space.dimensions import Condition, Dimension, Role, Value
from sparse_jax.space.layer_types import LAYER_TYPES

MAX_BLOCKS = 2
MAX_LAYERS = 3
MAX_STRIDE = 2
MERGE_TYPES = ('Sum', 'Concatenate')
PRIORS = ('scaled', 'log-uniform', 'uniform', 'paper')
ROWS = ('table', 'extended')
POOL_TYPES = ('max', 'average')
BLOCK_POOLS = (*POOL_TYPES, 'global')
"""The last is the mean of a whole map."""


@remembers_hash
@dataclasses.dataclass(frozen=True)
class Space:
    """The table for one kind of image; hashable.

    Attributes:
      dimensions: the rows, D of them, in a fixed order.
      input_shape: (height, width, channels) of the raw image.
      num_classes: outputs of the classifier.
      prior: how values are spread over the unit interval, see `sparse_space`.
      fold_binary: whether two classes are counted as one output unit, see `Graph`.
    """

    dimensions: tuple[Dimension, ...]
    input_shape: tuple[int, int, int]
    num_classes: int
    prior: str = 'log-uniform'
    fold_binary: bool = True

    @functools.cached_property
    def _index(self) -> dict[str, int]:
        return {d.name: i for i, d in enumerate(self.dimensions)}

    def having(self, *roles: Role) -> np.ndarray:
        """[D] bool: the dimensions with one of the roles."""
        return np.array([d.role in roles for d in self.dimensions])

    def index(self, name: str) -> int:
        """Column of a dimension."""
        return self._index[name]

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def __getitem__(self, name: str) -> Dimension:
        return self.dimensions[self._index[name]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the dimensions in order."""
        return tuple(self._index)

    @property
    def levels(self) -> np.ndarray:
        """[D] number of levels, 0 for a continuous dimension."""
        return np.array([d.levels for d in self.dimensions])

    @property
    def categorical(self) -> np.ndarray:
        """[D] bool: levels without an order."""
        return np.array(
            [d.kind in ('categorical', 'boolean') for d in self.dimensions])


def sparse_space(
    input_shape: tuple[int, int, int], num_classes: int, *,
    prior: str = 'log-uniform', rows: str = 'table', fold_binary: bool = True,
) -> Space:
    """The search space of the SpArSe paper for images of one shape.

    Source: the search-space table of Fedorov et al., NeurIPS 2019: up to two blocks of
    up to three layers, fully connected branches, and the settings of training and
    pruning. `space.restriction.restrict` narrows rows of it.

    Args:
      input_shape: (height, width, channels) of the raw images; at least (2, 2, 1).
      num_classes: outputs of the classifier, at least 2.
      prior: 'uniform' spreads filters and the FC weight budget uniformly, as the paper
        does; 'log-uniform' puts random points where microcontrollers live. 'scaled'
        does the same, has rates of at most 0.01, and in place of alpha the row
        kl-share, which means the same on every data set. 'paper' has the rows of
        'uniform'.
      rows: 'table', or 'extended' for rows that the paper does not have:
        residual-block-k (the block's input is added to its output), stride-block-k
        (of its first layer), pool-type-block-k and input-downsampling-type.
      fold_binary: False counts both output units of two classes, as the paper does.

    Returns:
      The space: D rows, each a dimension of the unit cube.

    Raises:
      ValueError: unknown prior or rows, or a shape or class count that is no image
        task.

    Example:
      >>> space = sparse_space((8, 8, 1), 10)
      >>> space['kernel-size-block-1-layer-1'].low, len(space.names)
      (2, 53)
    """
    if prior not in PRIORS:
        raise ValueError(f'prior {prior!r}: allowed: {", ".join(PRIORS)}')
    if rows not in ROWS:
        raise ValueError(f'rows {rows!r}: allowed: {", ".join(ROWS)}')
    fine = len(input_shape) == 3 and min(input_shape) >= 1 and min(input_shape[:2]) >= 2
    if not fine or num_classes < 2:
        raise ValueError(
            f'input_shape {input_shape}, num_classes {num_classes}: need (height, '
            'width, channels) of at least 2, 2 and 1, and 2 or more classes')
    log = prior in ('scaled', 'log-uniform')
    table = _input_rows(input_shape) + _training_rows(prior) + _fc_rows(log)
    for k in range(1, MAX_BLOCKS + 1):
        table += _block_rows(k, log)
        if rows == 'extended':
            table += _extended_rows(k)
    if rows == 'extended':
        table.append(_averaged_row())
    height, width, channels = map(int, input_shape)
    return Space(tuple(table), (height, width, channels), int(num_classes), prior,
                 fold_binary)


def _is(name: str, *values: Value) -> Condition:
    return Condition(name, values)


def _input_rows(input_shape: tuple[int, int, int]) -> list[Dimension]:
    colour = ((),) if input_shape[2] > 1 else ()
    return [
        # With one channel there is nothing to squeeze: the row is never active.
        Dimension('downsample-input-in-depth', 'boolean', Role.STRUCTURE, when=colour,
                  neutral=False),
        Dimension('downsample-input', 'boolean', Role.STRUCTURE),
        Dimension('input-downsampling-rate', 'integer', Role.STRUCTURE, 2, 4,
                  when=((_is('downsample-input', True),),), neutral=2),
    ]


def _training_rows(prior: str) -> list[Dimension]:
    alpha, fastest = Dimension('alpha', 'real', Role.PRUNING, 0.01, 1.0, 0.01), 3e-2
    if prior == 'scaled':
        # (ours) of what a network explains, what all weights of a fresh one cost.
        alpha, fastest = Dimension(
            'kl-share', 'real', Role.PRUNING, 0.3, 10.0, 0.0, log=True), 1e-2
    return [
        Dimension('zero-regularization-epochs', 'integer', Role.PRUNING, 5, 50),
        Dimension('annealing-epochs', 'integer', Role.PRUNING, 15, 25,
                  when=((_is('pretraining', False),),)),
        alpha,
        Dimension('pretraining', 'boolean', Role.PRUNING),
        Dimension('batch-norm', 'boolean', Role.NORMALISATION),
        # (ours) the paper does not say how the rate of Adam is chosen.
        Dimension('learning-rate', 'real', Role.TRAINING, 1e-3, fastest, 0.0,
                  log=True, optional=True),
        # (ours) shift of the log alpha cut from the pruning method's default.
        Dimension('log-alpha-offset', 'real', Role.PRUNING, -2.0, 2.0, 0.0,
                  optional=True),
    ]


def _fc_rows(log: bool) -> list[Dimension]:
    branch = ((_is('left-branch', True),), (_is('right-branch', True),))
    left, right = _is('left-branch', True), _is('right-branch', True)
    fc, summed = _is('num-fc-layers', 1), _is('merge-type', 'Sum')
    return [
        Dimension('num-conv-blocks', 'integer', Role.STRUCTURE, 1, 2),
        Dimension('num-fc-layers', 'integer', Role.HEAD, 0, 1),
        Dimension('total-fc-layer-weights', 'integer', Role.UNITS, 1000, 800_000, 1000,
                  log=log, when=((fc,), (left,), (right,))),
        # A fraction matters only beside another FC branch: they are normalised.
        Dimension('weight-fraction-main-branch', 'real', Role.SHARE, 0.0, 1.0, 0.0,
                  when=((fc, left), (fc, right), (summed,))),
        Dimension('left-branch', 'boolean', Role.HEAD),
        Dimension('weight-fraction-left-branch', 'real', Role.SHARE, 0.0, 1.0, 0.0,
                  when=((left, right), (left, fc), (left, summed))),
        Dimension('right-branch', 'boolean', Role.HEAD),
        Dimension('weight-fraction-right-branch', 'real', Role.SHARE, 0.0, 1.0, 0.0,
                  when=((right, left), (right, fc), (right, summed))),
        Dimension('merge-type', 'categorical', Role.HEAD, choices=MERGE_TYPES,
                  when=branch),
    ]


def _block_rows(k: int, log: bool) -> list[Dimension]:
    exists = _is('num-conv-blocks', *range(k, MAX_BLOCKS + 1))
    layers = f'num-conv-layers-block-{k}'
    rows = [
        Dimension(layers, 'integer', Role.STRUCTURE, 1, MAX_LAYERS,
                  when=((exists,),), neutral=1),
        # (ours) the network deployed by the authors has no pool after its block.
        Dimension(f'pool-block-{k}', 'boolean', Role.STRUCTURE,
                  when=((exists,),), neutral=True, optional=True),
    ]
    reducing = tuple(name for name, kind in LAYER_TYPES.items() if kind.reduces)
    for l in range(1, MAX_LAYERS + 1):
        tag = f'block-{k}-layer-{l}'
        on = (exists, _is(layers, *range(l, MAX_LAYERS + 1)))
        rows += [
            Dimension(f'layer-type-{tag}', 'categorical', Role.STRUCTURE,
                      choices=tuple(LAYER_TYPES), when=(on,), neutral='Conv2D'),
            Dimension(f'kernel-size-{tag}', 'integer', Role.KERNEL, 2, 5, when=(on,),
                      neutral=3),
            Dimension(f'num-filters-{tag}', 'integer', Role.WIDTH, 1, 100, log=log,
                      when=(on,)),
            Dimension(f'downsample-{tag}', 'real', Role.REDUCTION, 0.0, 0.5, 0.0,
                      when=(on + (_is(f'layer-type-{tag}', *reducing),),)),
            Dimension(f'pruning-threshold-{tag}', 'real', Role.PRUNING, 1e-6, 1e-3, 0.0,
                      log=True, when=(on,), optional=True),
        ]
    return rows


def _averaged_row() -> Dimension:
    # (ours) the paper's down-sampling of the input is a maximum.
    return Dimension('input-downsampling-type', 'categorical', Role.STRUCTURE,
                     choices=POOL_TYPES, when=((_is('downsample-input', True),),),
                     neutral='max', optional=True)


def _extended_rows(k: int) -> list[Dimension]:
    exists = _is('num-conv-blocks', *range(k, MAX_BLOCKS + 1))
    return [
        # (ours) the maps that enter the block are added to those that leave it.
        Dimension(f'residual-block-{k}', 'boolean', Role.STRUCTURE,
                  when=((exists,),), neutral=False, optional=True),
        # (ours) large first layers whose outputs are few.
        Dimension(f'stride-block-{k}', 'integer', Role.STRUCTURE, 1, MAX_STRIDE,
                  when=((exists,),), neutral=1, optional=True),
        # (ours) the paper's pools are maxima.
        Dimension(f'pool-type-block-{k}', 'categorical', Role.STRUCTURE,
                  choices=BLOCK_POOLS, when=((exists, _is(f'pool-block-{k}', True)),),
                  neutral='max', optional=True),
    ]
