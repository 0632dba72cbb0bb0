"""Behind the layers of a relaxed network: fully connected branches and the classifier.

Which branches there are, and whether they are summed, is part of the template; how many
units each has is a decision.
"""

import functools
import math
import operator
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from sparse_jax.differentiable.linear import Linear, shifted, uniform
from sparse_jax.differentiable.template import Decisions, Template
from sparse_jax.ops.product import product

MAIN, LEFT, RIGHT = 'main', 'left', 'right'


def layers(template: Template) -> int:
    """Fully connected layers that `init` draws keys for: 2 at least."""
    return max(2, len(template.branches) + 1)


def init(keys: jax.Array, template: Template) -> tuple[Linear, ...]:
    """Fresh weights of every branch's layer, then of the classifier.

    Args:
      keys: one for each of `layers`.
      template: the family.
    """
    pixels, units = math.prod(template.canvas), template.units[-1]
    whole = template.widths[-1] * pixels
    reads = {MAIN: whole, LEFT: whole, RIGHT: template.input_shape[2] * pixels}
    drawn = lambda key, out, read: uniform(key, (out, read), min(read, 4 * pixels))
    found = [Linear(drawn(key, units, reads[branch]), jnp.zeros(units),
                    scale=jnp.ones(units) if template.norm else None)
             for key, branch in zip(keys, template.branches)]
    merged = 1 if template.merge == 'Sum' else len(template.branches)
    read = units * merged + whole * (MAIN not in template.branches)
    return (*found, Linear(drawn(keys[-1], template.num_classes, read),
                           jnp.zeros(template.num_classes)))


def apply(
    params: tuple[Linear, ...], choice: Decisions, sources: Mapping[str, jax.Array],
    template: Template,
) -> jax.Array:
    """Logits [classes, B].

    Args:
      params: of `init`.
      choice: shares of every decision.
      sources: {branch: what it reads, [C, H, W, B] on the canvas}.
      template: the family.
    """
    flat = {name: x.reshape(-1, x.shape[-1]) for name, x in sources.items()}
    grid = np.array(template.units)
    masks = (np.arange(grid[-1])[:, None] < grid).astype(np.float32)
    found = []
    for i, branch in enumerate(template.branches):
        y = product(params[i].kernel, flat[branch])[:, None, None]
        y = jax.nn.relu(shifted(y, params[i], jnp.ones((1, 1)))[:, 0, 0])
        found.append(y * (masks @ choice.units[i % template.sizings])[:, None])
    if template.merge == 'Sum':
        found = [functools.reduce(operator.add, found)]
    elif MAIN not in template.branches:
        found.insert(0, flat[MAIN])
    x = jnp.concatenate(found) if len(found) > 1 else found[0]
    return product(params[-1].kernel, x) + params[-1].bias[:, None]
