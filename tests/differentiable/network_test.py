"""The relaxed network at made decisions is the network that they stand for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparse_jax.differentiable import network
from sparse_jax.differentiable.choices import allowed, of_space
from sparse_jax.differentiable.costs import Budgets
from sparse_jax.differentiable.discretise import Network
from sparse_jax.differentiable.geometry import geometry
from sparse_jax.differentiable.template import Decisions
from sparse_jax.differentiable.weights import exact_weights
from sparse_jax.model.network import SparseNet, abstract, prepare_images
from sparse_jax.model.skeleton import EXACT, split
from sparse_jax.ops import lowering
from sparse_jax.space.restriction import restrict
from tests import sampled
from tests.differentiable.relaxed_networks import (
    EXTENDED,
    IMAGE,
    TEMPLATES,
    base_of,
    draw,
    graph_of,
    has_its_units,
    one_hot,
    space_of,
    template_of,
)

SPACE = space_of()
PRESET = space_of(**EXTENDED)


def _weights(template):
    """Drawn on the host, with biases that are not zero and scales that are not one."""
    rng = np.random.default_rng(8)
    shapes = jax.eval_shape(
        functools.partial(network.init, template=template), jax.random.key(0))

    def drawn(name, shape):
        spread = 0.1 if name in ('bias', 'scale') else np.sqrt(2 / np.prod(shape[1:]))
        return np.float32(spread * rng.normal(size=shape) + (name == 'scale'))

    return tuple(layer._replace(**{
        name: drawn(name, leaf.shape) for name, leaf in layer._asdict().items()
        if leaf is not None}) for layer in shapes)


def _images(number):
    return np.random.default_rng(2).normal(size=(number, *IMAGE)).astype(np.float32)


def _exact(graph, base, params, images):
    """Logits of the exact network as a training has them."""
    skeleton, candidate = split(graph, base, EXACT)
    stats = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), {
        name: leaf for name, leaf in abstract(skeleton).items() if name != 'params'})
    apply = lambda params, x: SparseNet(skeleton).apply(
        {'params': params} | stats, candidate, x, train=True, mutable=list(stats))[0]
    return sampled.quick_jit(apply)(
        params, np.moveaxis(np.asarray(prepare_images(skeleton, images)), 0, -1))


@pytest.mark.parametrize('text, finest, space', [
    *((text, 1, SPACE) for text in TEMPLATES[2:]), ('cc', 2, SPACE),
    ('xd', 1, PRESET), ('c-d+lr', 1, PRESET)])
def test_made_decisions_are_the_exact_network(text, finest, space):
    template, base = template_of(text, space, finest=finest), base_of(space)
    rng = np.random.default_rng(4)
    params = _weights(template)
    images = _images(3)
    turned = np.moveaxis(images, (3, 0), (0, 3))
    relaxed = sampled.quick_jit(lambda choice: network.apply(
        params, choice, geometry(choice, template), turned, template=template,
        conv='patches'))
    done = 0
    while done < 2:
        choice = draw(rng, template, space)
        graph = graph_of(choice, template, space, base)
        # Without and with all that a block can add.
        if template.residual and (choice.residual != done).any():
            continue
        if not graph.feasible() or not has_its_units(graph, choice, template):
            continue
        params_of = exact_weights(params, Network(choice, {}, graph, 0.0), template)
        exact = _exact(graph, base, params_of, images)
        np.testing.assert_allclose(relaxed(one_hot(choice, template)), exact,
                                   rtol=2e-4, atol=2e-4)
        done += 1


def test_large_images_are_relaxed_as_fine_as_the_memory_allows():
    finest = lambda side, memory, text='', *others: of_space(
        restrict(space_of((side, side, 1), 10), text) if text
        else space_of((side, side, 1), 10), 'cc', 4,
        Budgets(np.inf, memory, np.inf, *others)).finest
    # A layer of four maps and its image have 784 + 4 * 676 elements.
    assert finest(28, 3487) == 2 and finest(28, 3488) == 1
    # Fewer than 12 pixels would be left of these.
    assert finest(8, 64) == finest(20, 64) == 1
    assert finest(200, 2048) == 4 and finest(200, np.inf) == 1
    assert finest(28, 64, 'downsample-input=false') == 1
    # Under (5) the image counts without what is written, in the third model not at all
    # as long as it is read as it comes.
    assert finest(28, np.inf, '', 783) == 2 and finest(28, np.inf, '', 784) == 1
    assert finest(28, np.inf, '', np.inf, 2703) == 2
    assert finest(28, np.inf, '', np.inf, 2704) == 1
    canvas = of_space(space_of((28, 28, 1), 10), 'cc', 4, Budgets(np.inf, 2048))
    assert canvas.canvas == (14, 14) and canvas.rates == (2, 3, 4)


def test_open_decisions_mix_networks():
    """An open width is the mean of its maps; the classifier is linear in them."""
    template = template_of('c', SPACE, widest=2)
    params = _weights(template)
    images = np.moveaxis(_images(2), (3, 0), (0, 3))
    one = one_hot(draw(np.random.default_rng(0), template, SPACE), template)

    @sampled.quick_jit
    def logits(shares):
        choice = one._replace(width=shares[None], pool=np.float32([[1, 0]]))
        return network.apply(params, choice, geometry(choice, template), images,
                             template=template, conv='patches')

    np.testing.assert_allclose(
        logits(np.float32([0.3, 0.7])),
        0.3 * logits(np.float32([1, 0])) + 0.7 * logits(np.float32([0, 1])),
        rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not lowering.runs_here('direct'), reason='no C++ compiler')
def test_lowerings_agree():
    template = template_of('cs', SPACE)
    params = _weights(template)
    images = np.moveaxis(_images(4), (3, 0), (0, 3))
    shares = jax.tree.map(lambda mask: mask / mask.sum(-1, keepdims=True),
                          allowed(template, SPACE))
    shares = Decisions(*(jnp.float32(share) for share in shares))
    logits = lambda conv: sampled.quick_jit(lambda shares: network.apply(
        params, shares, geometry(shares, template), images, template=template,
        conv=conv))(shares)
    found = [logits(conv) for conv in ('patches', 'direct')]
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-4)
