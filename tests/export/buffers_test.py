"""The buffer plan: tensors alive together never overlap, and the arena is small."""

import dataclasses

import numpy as np
import pytest

from sparse_jax.export.code.buffers import lifetimes, plan_buffers
from sparse_jax.export.code.schedule import schedule
from sparse_jax.export.operations import SUMS
from sparse_jax.model.compact import CompactNet, CompactNode
from sparse_jax.quantize import calibrate, quantize
from sparse_jax.quantize.random_nets import random_images, random_net


def _quantized(net):
    return quantize(net, calibrate(net, random_images(net, 4)))


@pytest.mark.parametrize('start', range(0, 200, 50))
def test_live_tensors_do_not_overlap(start):
    for seed in range(start, start + 50):
        q = _quantized(random_net(seed))
        plan, life = plan_buffers(q), lifetimes(q)
        taken = 0
        for a in plan.sizes:
            taken = max(taken, plan.offsets[a] + plan.sizes[a])
            for b in plan.sizes:
                if a < b and not (a in plan.in_place and b in plan.in_place):
                    apart = (plan.offsets[a] + plan.sizes[a] <= plan.offsets[b]
                             or plan.offsets[b] + plan.sizes[b] <= plan.offsets[a])
                    separate = life[a][1] < life[b][0] or life[b][1] < life[a][0]
                    assert apart or separate, (seed, a, b)
        assert taken == plan.arena >= plan.lower_bound


def test_most_plans_reach_the_lower_bound():
    plans = [plan_buffers(_quantized(random_net(seed))) for seed in range(100)]
    assert np.mean([p.arena == p.lower_bound for p in plans]) > 0.97


def _dense(name, source, units, width):
    weight = np.random.default_rng(0).normal(size=(units, width))
    return CompactNode(name, 'dense', (source,), weight, relu=True)


def test_a_chain_needs_its_largest_neighbours():
    net = CompactNet((10, 10, 1), 1, False, 0.0, 1.0, (
        _dense('a', 'input', 40, 100), _dense('b', 'a', 70, 40),
        _dense('c', 'b', 60, 70)))
    assert plan_buffers(_quantized(net)).arena == 140


def test_a_concatenation_is_written_in_place():
    net = CompactNet((10, 10, 1), 1, False, 0.0, 1.0, (
        _dense('a', 'input', 40, 100), _dense('b', 'input', 30, 100),
        CompactNode('both', 'concatenate', ('a', 'b')), _dense('c', 'both', 5, 70)))
    plan = plan_buffers(_quantized(net))
    assert plan.arena == 170
    assert plan.offsets['b'] == plan.offsets['a'] + 40 == plan.offsets['both'] + 40


def test_sums_of_an_averaged_input_need_no_bytes_that_layers_have():
    """Two bytes per column and map, beside the image and before the first layer."""
    nodes = (CompactNode('conv', 'conv', ('input',), np.ones((4, 3, 3, 3), 'f4')),
             _dense('fc', 'conv', 2, 4 * 4 * 4))
    net = CompactNet((12, 12, 3), 2, False, 100.0, 50.0, nodes, 'average')
    q = _quantized(net)
    plan, row = plan_buffers(q), 2 * 3 * 6
    image = 3 * 6 * 6
    assert plan.sizes[SUMS] == row and plan.live['input'] == ('input', SUMS)
    assert SUMS not in plan.live['conv']
    spans = sorted((plan.offsets[n], plan.sizes[n]) for n in ('input', SUMS))
    assert spans[0][0] + spans[0][1] <= spans[1][0]
    assert plan.arena == image + 4 * 4 * 4
    largest = plan_buffers(_quantized(dataclasses.replace(net, downsample_type='max')))
    assert largest.arena == plan.arena and SUMS not in largest.sizes


def test_a_sum_overwrites_an_input():
    net = CompactNet((2, 2, 1), 1, False, 0.0, 1.0, (
        _dense('a', 'input', 40, 4), _dense('b', 'input', 40, 4),
        CompactNode('both', 'sum', ('a', 'b')), _dense('c', 'both', 5, 40)))
    assert plan_buffers(_quantized(net)).arena == 84


def test_a_depthwise_convolution_overwrites_its_input():
    weight = np.random.default_rng(0).normal(size=(1, 3, 3))
    net = CompactNet((10, 10, 1), 1, False, 0.0, 1.0, (
        CompactNode('a', 'depthwise', ('input',), weight, relu=True),
        CompactNode('b', 'depthwise', ('a',), weight, relu=True),
        _dense('c', 'b', 5, 36)))
    assert plan_buffers(_quantized(net)).arena == 100


def test_the_branch_that_frees_the_image_runs_first():
    net = CompactNet((10, 10, 1), 1, False, 0.0, 1.0, (
        _dense('a', 'input', 40, 100), _dense('b', 'a', 90, 40),
        _dense('c', 'b', 5, 90), _dense('d', 'input', 5, 100),
        CompactNode('e', 'sum', ('c', 'd')), _dense('f', 'e', 2, 5)))
    q = _quantized(net)
    assert plan_buffers(q).arena == 100 + 40 + 90
    assert plan_buffers(schedule(q)).arena == 100 + 40 + 5


def test_scheduling_never_costs_ram_and_keeps_the_order_of_needs():
    better = 0
    for seed in range(150):
        q = _quantized(random_net(seed))
        s = schedule(q)
        assert {n.name for n in s.nodes} == {n.name for n in q.nodes}
        assert s.output == q.output
        made = {'input'}
        for node in s.nodes:
            assert made.issuperset(node.inputs)
            made.add(node.name)
        before, after = plan_buffers(q).arena, plan_buffers(s).arena
        assert after <= before
        better += after < before
    assert better > 0
