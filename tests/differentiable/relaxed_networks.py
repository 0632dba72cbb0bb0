"""Random networks of templates, as decisions and as graphs of the table."""

import dataclasses

import jax
import numpy as np

from sparse_jax.differentiable import discretise
from sparse_jax.differentiable.choices import allowed, of_space
from sparse_jax.differentiable.template import Decisions, Template
from sparse_jax.space import encoding
from sparse_jax.space.restriction import restrict
from sparse_jax.space.sparse_space import Space, sparse_space
from tests import sampled

IMAGE, CLASSES = (15, 14, 3), 5
TEMPLATES = ('c', 'cd', 'cs-d', 'sc-s+', 'xcx+', 'dd-s+lr', 'd+mr', 'cd-c+lrs')


def space_of(
    image=IMAGE, classes=CLASSES, rows='table', norm=False, text='',
) -> Space:
    """The table, with batch norm or without it."""
    space = restrict(sparse_space(image, classes, rows=rows),
                     f'batch-norm={str(norm).lower()}')
    return restrict(space, text) if text else space


EXTENDED = {'rows': 'extended', 'norm': True,
            'text': 'input-downsampling-type=average'}
"""As the presets have it: `space_of(**EXTENDED)`."""


def template_of(
    text: str, space: Space, widest: int = 6, finest: int = 1
) -> Template:
    return dataclasses.replace(of_space(space, text, widest), finest=finest)


def base_of(space: Space) -> dict:
    """A point with settings of a training."""
    return encoding.decode(space, encoding.sample(jax.random.key(5), space, 1)[0])


def draw(rng: np.random.Generator, template: Template, space: Space) -> Decisions:
    """Index of every choice, each as likely."""
    pick = lambda mask: np.array(
        [rng.choice(np.flatnonzero(row)) for row in mask.reshape(-1, mask.shape[-1])],
        int).reshape(mask.shape[:-1])
    return Decisions(*map(pick, allowed(template, space)))


def has_its_units(graph, choice: Decisions, template: Template) -> bool:
    """Whether the table's budget of weights has a step that gives these units."""
    units = [node.channels for node in graph.nodes if node.name.endswith('-fc')]
    wanted = [template.units[i] for i in choice.units]
    return units == [wanted[i % len(wanted)] for i in range(len(units))]


def one_hot(choice: Decisions, template: Template) -> Decisions:
    """The same as shares."""
    return Decisions(*(
        np.eye(mask.shape[-1], dtype=np.float32)[index]
        for index, mask in zip(choice, allowed(template, None))))


def check_gradients(total, logits: Decisions) -> None:
    """Every decision moves a function, as much as its differences say; one program."""
    both = sampled.quick_jit(jax.value_and_grad(total))
    grads, step = both(logits)[1], 1e-2
    assert all(np.abs(g).max() > 1e-4 for g in jax.tree.leaves(grads) if g.size)
    rng = np.random.default_rng(0)
    for _ in range(4):
        way = Decisions(*(rng.normal(size=a.shape).astype(np.float32) for a in logits))
        ends = [both(jax.tree.map(lambda a, d, s=s: a + s * d, logits, way))[0]
                for s in (step, -step)]
        slope = sum(float((g * d).sum()) for g, d in zip(grads, way))
        np.testing.assert_allclose(
            (ends[0] - ends[1]) / (2 * step), slope, rtol=2e-2, atol=2e-2)


def graph_of(choice, template, space, base):
    """Its exact graph, as a row of the table has it."""
    row = encoding.encode(space, discretise.point_of(choice, template, space, base))
    return encoding.graph(space, encoding.canonical(space, row[None])[0])
