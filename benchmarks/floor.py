"""What no training step can beat: its products, its traffic, and the device's rates."""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from sparse_jax.objectives import graph_costs
from sparse_jax.space.architecture import Graph


def step_flops(graph: Graph, batch: int, *, noisy: bool) -> float:
    """Products and sums of one step: forward, and backward to weights and inputs.

    Noisy layers multiply twice, by means and by variances; nothing flows back to the
    image.
    """
    rows = graph_costs.layer_rows(graph)
    every = sum(row.macs for row in rows)
    return 2.0 * batch * (1 + noisy) * (3 * every - rows[0].macs)


def step_bytes(graph: Graph, batch: int, *, noisy: bool) -> float:
    """Float32 traffic of one step if each layer were one piece of code: it reads its
    input and writes its output, reads both again on the way back and writes the
    gradient of its input. A noisy layer has two outputs."""
    rows = graph_costs.layer_rows(graph)
    elements = sum(3 * row.inputs + 2 * (1 + noisy) * row.outputs for row in rows)
    return 4.0 * batch * (elements - rows[0].inputs)


def matmul_rate(
    tries: int = 20, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Flop/s of a large square product."""
    size = 768 if jax.devices()[0].platform == 'cpu' else 8192
    a = jnp.ones((size, size))
    return 2.0 * size**3 / _least(jax.jit(lambda a: a @ a), a, tries, clock)


def copy_rate(
    tries: int = 20, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Bytes/s of reading and writing a large array."""
    a = jnp.ones(1 << 26)
    return 2.0 * a.nbytes / _least(jax.jit(lambda a: a + 1.0), a, tries, clock)


def _least(function, a, tries, clock):
    jax.block_until_ready(function(a))
    seconds = []
    for _ in range(tries):
        begin = clock()
        jax.block_until_ready(function(a))
        seconds.append(clock() - begin)
    return min(seconds)
