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

from sparse_jax.space.sparse_space import MAX_BLOCKS, MAX_LAYERS

TYPES = {'c': 'Conv2D', 's': 'SeparableConv2D'}
"""{letter of a template: type of a layer}. Others of the table's types have sizes
that no expectation gives exactly; they are left to other searches."""
HEAD, NEXT = '+', '-'
SYNTAX = (f'1 to {MAX_LAYERS} letters of {", ".join(TYPES)} for a block, up to '
          f'{MAX_BLOCKS} blocks with {NEXT} between them, {HEAD} at the end for a '
          'fully connected layer')
KERNELS, RATES = (2, 3, 4, 5), (1, 2, 3, 4)
WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100)
UNITS = (4, 8, 16, 32, 64)
PLAIN_POOLS, PLAIN_STRIDES = ('', 'max'), (1,)
"""Of the paper's table."""
LEAST_SIDE = 4
"""Pixels of the shorter side that a down-sampling of the image leaves at least."""
NEVER = -1e9
"""Logit of a choice that the space does not have; no step moves one so far."""


class Decisions(NamedTuple):
    """One array per kind of decision, its last axis over the choices: logits, shares
    that sum to one, or one-hot. L layers, K blocks, R rates; of `squeeze` and `exists`
    the second choice is 'yes'."""

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
    """[U] of the fully connected layer, of `Template.units`."""
    stride: jax.Array | np.ndarray
    """[K, S] of the block's first layer, of `Template.strides`."""


@dataclasses.dataclass(frozen=True)
class Template:
    """A family of networks that one program relaxes; hashable.

    Attributes:
      input_shape: (height, width, channels) of the images.
      num_classes: units of the classifier.
      blocks: types of the layers of every block, values of `TYPES`; all layers but
        the first of a block can be left out.
      head: whether a fully connected layer comes before the classifier.
      widths: the choices of every layer's maps.
      fold_binary: whether two classes are counted as one unit.
      finest: the least rate of down-sampling.
      averaged: whether the image is down-sampled by means, not by maxima.
      pools: what a block can end in, '' for nothing; see `architecture.pool_type`.
      strides: of the first layer of a block.
      norm: whether layers have batch norm.
    """

    input_shape: tuple[int, int, int]
    num_classes: int
    blocks: tuple[tuple[str, ...], ...]
    head: bool = False
    widths: tuple[int, ...] = WIDTHS[:8]
    fold_binary: bool = True
    finest: int = 1
    averaged: bool = False
    pools: tuple[str, ...] = PLAIN_POOLS
    strides: tuple[int, ...] = PLAIN_STRIDES
    norm: bool = False

    def __post_init__(self) -> None:
        """Refuses what no program relaxes.

        Raises:
          ValueError: a type of layer without expected costs, or no layer.
        """
        kinds = [kind for block in self.blocks for kind in block]
        unknown = [kind for kind in kinds if kind not in TYPES.values()]
        if unknown or not kinds or not self.widths:
            raise ValueError(f'blocks {self.blocks}, widths {self.widths}: allowed: '
                             f'layers of {", ".join(TYPES.values())}')

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
        """Choices of the fully connected layer; (0,) where there is none."""
        return UNITS if self.head else (0,)


def parse(text: str) -> tuple[tuple[tuple[str, ...], ...], bool]:
    """Blocks and head of a template's text, as in 'cs-c+'.

    Raises:
      ValueError: what is allowed.
    """
    head = text.endswith(HEAD)
    parts = text.removesuffix(HEAD).split(NEXT)
    fine = len(parts) <= MAX_BLOCKS and all(
        1 <= len(part) <= MAX_LAYERS and set(part) <= set(TYPES) for part in parts)
    if not fine:
        raise ValueError(f'{text!r:.40}: allowed: {SYNTAX}')
    return tuple(tuple(TYPES[letter] for letter in part) for part in parts), head


def stride_of(
    choice: Decisions, i: int, template: Template
) -> jax.Array | np.ndarray | None:
    """[S] the shares of layer i's strides; None where it has no choice of them."""
    if i not in template.firsts or len(template.strides) == 1:
        return None
    return choice.stride[template.firsts.index(i)]


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
