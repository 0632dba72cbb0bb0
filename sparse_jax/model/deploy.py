"""The deterministic pruned network of a trained candidate, still in padded form."""

import dataclasses

import jax
import jax.numpy as jnp

from sparse_jax.model.connectivity import Live
from sparse_jax.model.layers import NORM_EPSILON
from sparse_jax.model.network import SparseNet
from sparse_jax.model.skeleton import Candidate, Skeleton


def without_norm(skeleton: Skeleton) -> Skeleton:
    """The same skeleton once batch norm is folded into its weights."""
    nodes = tuple(dataclasses.replace(n, batch_norm=False, bias=n.bias or n.batch_norm)
                  for n in skeleton.graph.nodes)
    return Skeleton(dataclasses.replace(skeleton.graph, nodes=nodes))


def fold_and_mask(
    skeleton: Skeleton, params: dict, stats: dict, pruned: Live
) -> dict:
    """Mean weights -> params of `without_norm(skeleton)`, zero where pruned.

    Batch norm becomes part of kernel and bias (its running moments in `stats`);
    the bias of a dead unit is zero.
    """
    folded = {}
    for node in skeleton.graph.weighted_nodes:
        leaf = params[node.name]
        kernel = jnp.where(pruned.kernel[node.name], leaf['kernel'], 0.0)
        bias = leaf.get('bias')
        if node.batch_norm:
            norm, moments = params[f'{node.name}-norm'], stats[f'{node.name}-norm']
            factor = norm['scale'] * jax.lax.rsqrt(moments['var'] + NORM_EPSILON)
            kernel = kernel * factor.reshape((-1,) + (1,) * (kernel.ndim - 1))
            bias = norm['shift'] - moments['mean'] * factor
        folded[node.name] = {'kernel': kernel}
        if bias is not None:
            alive = pruned.units[node.name]
            folded[node.name]['bias'] = jnp.where(alive, bias, 0.0)
    return folded


def predict(
    skeleton: Skeleton, folded: dict, candidate: Candidate, images: jax.Array,
    *, conv: str = 'patches',
) -> jax.Array:
    """Folded params, images [C, H, W, B] -> logits [classes, B]."""
    net = SparseNet(without_norm(skeleton), conv)
    return jnp.asarray(net.apply({'params': folded}, candidate, images))
