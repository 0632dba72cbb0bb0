"""What a search by gradient decides, and what stays as it is: templates.

A template is static: the types of the layers, and how many blocks there are. All else
that the table says of a network is a decision: a distribution over a few choices while
weights and decisions are trained, one of them in the end.
"""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from sparse_jax.space.layer_types import LAYER_TYPES, reduced_channels
from sparse_jax.space.sparse_space import MAX_BLOCKS, MAX_LAYERS, MERGE_TYPES

TYPES = {'c': 'Conv2D', 's': 'SeparableConv2D', 'd': 'DownsampledConv2D'}
"""{letter of a template: type of a layer}, those whose costs have expectations."""
OPEN = 'x'
"""Letter, and type, of a layer that may be of any of `TYPES`: a decision."""
BRANCHES = {'m': 'main', 'l': 'left', 'r': 'right'}
"""{letter of a template: branch with a fully connected layer}, in the order of a
network."""
HEAD, NEXT, SUM = '+', '-', 's'
SYNTAX = (f'1 to {MAX_LAYERS} letters of {", ".join((*TYPES, OPEN))} for a block, up '
          f'to {MAX_BLOCKS} blocks with {NEXT} between them, {HEAD} at the end for a '
          f'fully connected layer, with letters of {", ".join(BRANCHES)} after it for '
          f'one in each of these branches, and {SUM} where they are summed')
KERNELS, RATES = (2, 3, 4, 5), (1, 2, 3, 4)
WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100)
UNITS = (4, 8, 16, 32, 64)
PLAIN_POOLS, PLAIN_STRIDES = ('', 'max'), (1,)
"""Of the paper's table."""
MOST_REDUCED = 0.5
"""Of the maps that a layer reads those that its 1x1 convolution leaves at most."""
LEAST_SIDE = 4
"""Pixels of the shorter side that a down-sampling of the image leaves at least."""
NEVER = -1e9
"""Logit of a choice that the space does not have; no step moves one so far."""


class Decisions(NamedTuple):
    """One array per kind of decision, its last axis over the choices: logits, shares
    that sum to one, or one-hot. L layers, K blocks, R rates; of `squeeze`,
    `exists` and `residual` the second choice is 'yes'."""

    rate: jax.Array | np.ndarray
    """[R] down-sampling of the image, of `Template.rates`."""
    squeeze: jax.Array | np.ndarray
    """[2] whether the image has one channel, the maximum of its channels."""
    width: jax.Array | np.ndarray
    """[L, W] maps, of `Template.widths`."""
    kernel: jax.Array | np.ndarray
    """[L, 4] side of the window, of `KERNELS`."""
    exists: jax.Array | np.ndarray
    """[L, 2] whether the layer is there; what is not passes its input on."""
    pool: jax.Array | np.ndarray
    """[K, P] what the block ends in, of `Template.pools`."""
    units: jax.Array | np.ndarray
    """[N, U] of the fully connected layers, of `Template.units`; one row where they
    are summed, and where there is none."""
    stride: jax.Array | np.ndarray
    """[K, S] of the block's first layer, of `Template.strides`."""
    reduced: jax.Array | np.ndarray
    """[D, Q] maps of the 1x1 convolution of every layer that can be a
    DownsampledConv2D, of `Template.reduced`: at most half of those that it reads."""
    kind: jax.Array | np.ndarray
    """[X, 3] of `TYPES`: the type of every layer of `Template.open`."""
    residual: jax.Array | np.ndarray
    """[K, 2] whether what enters the block is added to what leaves its layers; [0, 2]
    without `Template.residual`."""


@dataclasses.dataclass(frozen=True)
class Template:
    """A family of networks that one program relaxes; hashable.

    Attributes:
      input_shape: (height, width, channels) of the images.
      num_classes: units of the classifier.
      blocks: types of the layers of every block, values of `TYPES` or `OPEN`; all
        layers but the first of a block can be left out.
      branches: those of `BRANCHES` that have a fully connected layer: behind the last
        block, behind the first one, and behind the image.
      merge: of `MERGE_TYPES`, what the classifier reads where there is more than one.
      widths: the choices of every layer's maps.
      fold_binary: whether two classes are counted as one unit.
      finest: the least rate of down-sampling.
      averaged: whether the image is down-sampled by means, not by maxima.
      pools: what a block can end in, '' for nothing; see `architecture.pool_type`.
      strides: of the first layer of a block.
      norm: whether layers have batch norm.
      residual: whether blocks may add what enters them.
    """

    input_shape: tuple[int, int, int]
    num_classes: int
    blocks: tuple[tuple[str, ...], ...]
    branches: tuple[str, ...] = ()
    merge: str = 'Concatenate'
    widths: tuple[int, ...] = WIDTHS[:8]
    fold_binary: bool = True
    finest: int = 1
    averaged: bool = False
    pools: tuple[str, ...] = PLAIN_POOLS
    strides: tuple[int, ...] = PLAIN_STRIDES
    norm: bool = False
    residual: bool = False

    def __post_init__(self) -> None:
        """Refuses what no program relaxes.

        Raises:
          ValueError: a type of layer without expected costs, or no layer; branches
            that no network has.
        """
        kinds = [kind for block in self.blocks for kind in block]
        unknown = [kind for kind in kinds if kind not in (*TYPES.values(), OPEN)]
        if unknown or not kinds or not self.widths:
            raise ValueError(f'blocks {self.blocks}, widths {self.widths}: allowed: '
                             f'layers of {", ".join(TYPES.values())}, {OPEN}')
        ordered = tuple(b for b in BRANCHES.values() if b in self.branches)
        sides = len(set(ordered) - {'main'})
        if ordered != self.branches or self.merge not in MERGE_TYPES or (
                self.merge == 'Sum' and ('main' not in ordered or not sides)):
            raise ValueError(
                f'branches {self.branches}, merge {self.merge!r}: allowed: some of '
                f'{", ".join(BRANCHES.values())}, in this order; '
                f'{", ".join(MERGE_TYPES)}, a sum of main and another')

    @property
    def layers(self) -> tuple[str, ...]:
        """Types of all layers in their order."""
        return tuple(kind for block in self.blocks for kind in block)

    @property
    def firsts(self) -> tuple[int, ...]:
        """Of every block, its first layer."""
        return (0, *self.ends[:-1])

    @property
    def ends(self) -> tuple[int, ...]:
        """Of every block, the number of layers up to its end."""
        return tuple(int(n) for n in np.cumsum([len(b) for b in self.blocks]))

    @property
    def counted_classes(self) -> int:
        """Output units as costs count them."""
        return 1 if self.fold_binary and self.num_classes == 2 else self.num_classes

    @property
    def rates(self) -> tuple[int, ...]:
        """Rates of down-sampling that leave an image."""
        least = min(self.input_shape[:2])
        fine = [r for r in RATES if r >= self.finest]
        return tuple(r for r in fine if r == fine[0] or least // r >= LEAST_SIDE)

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of the largest image that there is after down-sampling."""
        height, width, _ = self.input_shape
        return height // self.rates[0], width // self.rates[0]

    @property
    def units(self) -> tuple[int, ...]:
        """Choices of a fully connected layer; (0,) where there is none."""
        return UNITS if self.branches else (0,)

    @property
    def sizings(self) -> int:
        """How many fully connected layers have units of their own, 1 at least."""
        return 1 if self.merge == 'Sum' else max(1, len(self.branches))

    @property
    def open(self) -> tuple[int, ...]:
        """The layers whose type is a decision."""
        return tuple(i for i, kind in enumerate(self.layers) if kind == OPEN)

    @property
    def operations(self) -> tuple[tuple[int, str], ...]:
        """(layer, type) of all that have weights of their own: open layers have every
        type."""
        return tuple((i, kind) for i, one in enumerate(self.layers)
                     for kind in (TYPES.values() if one == OPEN else (one,)))

    @property
    def reducing(self) -> tuple[int, ...]:
        """The layers that can begin with a 1x1 convolution."""
        return tuple(i for i, kind in self.operations if LAYER_TYPES[kind].reduces)

    @property
    def counts_maps(self) -> bool:
        """Whether costs depend on how likely every number of maps is."""
        return self.residual or bool(self.reducing)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of maps that a layer can read."""
        return tuple(sorted({1, self.input_shape[2], *self.widths}))

    @property
    def reduced(self) -> tuple[int, ...]:
        """Choices of the maps of a 1x1 convolution."""
        return tuple(n for n in WIDTHS if n <= half(self.numbers[-1]))


def half(maps: int) -> int:
    """The most maps of a 1x1 convolution that reads so many."""
    return reduced_channels(MOST_REDUCED, maps)


def parse(text: str) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...], str]:
    """Blocks, branches and merge of a template's text, as in 'cs-c+' or 'cd+lrs'.

    Raises:
      ValueError: what is allowed.
    """
    trunk, head, tail = text.partition(HEAD)
    parts, letters = trunk.split(NEXT), tail.removesuffix(SUM)
    summed, sides = letters != tail, set(letters) - {'m'}
    fine = len(parts) <= MAX_BLOCKS and all(
        1 <= len(part) <= MAX_LAYERS and set(part) <= {*TYPES, OPEN} for part in parts)
    fine &= set(letters) <= set(BRANCHES) and len(set(letters)) == len(letters)
    if not fine or (summed and not sides):
        raise ValueError(f'{text!r:.40}: allowed: {SYNTAX}')
    main = bool(head) and (summed or not sides or 'm' in letters)
    wanted = sides | ({'m'} if main else set())
    return (tuple(tuple(TYPES.get(letter, OPEN) for letter in part) for part in parts),
            tuple(name for letter, name in BRANCHES.items() if letter in wanted),
            'Sum' if summed else 'Concatenate')


def stride_of(
    choice: Decisions, i: int, template: Template
) -> jax.Array | np.ndarray | None:
    """[S] the shares of layer i's strides; None where it has no choice of them."""
    if i not in template.firsts or len(template.strides) == 1:
        return None
    return choice.stride[template.firsts.index(i)]


def reduced_of(
    choice: Decisions, i: int, template: Template
) -> jax.Array | np.ndarray | None:
    """[Q] the shares of the maps of layer i's 1x1 convolution; None where it has
    none."""
    if i not in template.reducing:
        return None
    return choice.reduced[template.reducing.index(i)]


def numbered(
    shares: jax.Array | np.ndarray, numbers: tuple[int, ...], template: Template
) -> jax.Array:
    """[N] how likely each of `Template.numbers` is, of shares of some of them."""
    same = np.equal.outer(numbers, template.numbers).astype(np.float32)
    return jnp.asarray(shares) @ same


def maps_of(choice: Decisions, i: int, template: Template) -> jax.Array:
    """[] expected maps of layer i."""
    return (choice.width[i] * np.array(template.widths)).sum()


def units_of(choice: Decisions, template: Template) -> dict[str, jax.Array]:
    """{branch: [] expected units of its fully connected layer}."""
    return {branch: (choice.units[i % template.sizings] * np.array(template.units)
                     ).sum() for i, branch in enumerate(template.branches)}


def residual_of(choice: Decisions, k: int, template: Template) -> jax.Array | float:
    """[] how likely block k, from 0 on, adds what enters it."""
    return jnp.asarray(choice.residual)[k, 1] if template.residual else 0.0


def types_of(
    choice: Decisions, i: int, template: Template
) -> list[tuple[str, jax.Array | float]]:
    """(type, how likely it is) of layer i."""
    if i not in template.open:
        return [(template.layers[i], 1.0)]
    shares = choice.kind[template.open.index(i)]
    return list(zip(TYPES.values(), shares, strict=True))


def type_of(choice: Decisions, i: int, template: Template) -> str:
    """The type of layer i; `choice` has the index of every one."""
    if i not in template.open:
        return template.layers[i]
    return tuple(TYPES.values())[choice.kind[template.open.index(i)]]


def masked(logits: Decisions, allow: Decisions) -> Decisions:
    """The logits, those of choices that there are not far below all others."""
    return jax.tree.map(lambda a, m: jnp.where(m, a, NEVER), logits, allow)


def hard(logits: Decisions) -> Decisions:
    """One-hot of the likeliest choices, without a gradient."""
    return jax.tree.map(
        lambda a: jax.nn.one_hot(a.argmax(-1), a.shape[-1], dtype=jnp.float32), logits)


def relaxed(noise: jax.Array, logits: Decisions, temperature: jax.Array) -> Decisions:
    """A draw of the Gumbel-softmax of every decision (Jang et al., 2017).

    Args:
      noise: [choices] of all decisions, Gumbel distributed.
      logits: of them.
      temperature: [] of the softmax.
    """
    flat, unflat = ravel_pytree(logits)
    noisy = unflat((flat + noise) / temperature)
    return jax.tree.map(functools.partial(jax.nn.softmax, axis=-1), noisy)
