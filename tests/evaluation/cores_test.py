"""A training gives the same weights on one core as on all."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from sparse_jax import compiler
from sparse_jax.evaluation import machine
from sparse_jax.ops import lowering

SCRIPT = '''
import hashlib, sys
import jax
import numpy as np
from sparse_jax.data.synthetic import draw
from sparse_jax.evaluation.grouping import Member
from sparse_jax.evaluation.machine import Machine, make_mesh
from sparse_jax.evaluation.programs import Programs
from sparse_jax.evaluation.recipe import Recipe, Shared
from sparse_jax.ops.lowering import Lowering
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.study.outcome import Trial
from sparse_jax.training import TrainConfig, TrainData
from tests import sampled

images, labels = draw(0, 384, shape=(12, 12, 1), num_classes=3)
data = TrainData(np.float32(images) / 128 - 1, labels)
graph = Graph((12, 12, 1), 1, False, (
    Node('a', 'conv', ('input',), 4, 3, 3),
    Node('b', 'depthwise', ('a',), 4, 3, 3),
    Node('c', 'conv', ('b',), 6, 1, 1, pool=2, batch_norm={method!r} == 'none'),
    Node('fc', 'dense', ('c',), 2048),
    Node('classifier', 'dense', ('fc',), 3, relu=False)))
skeleton, candidate = sampled.unpadded(graph)
candidate = candidate._replace(
    learning_rate=np.float32(1e-2), alpha=np.float32(0.1))
programs = Programs(
    Recipe(METHODS[{method!r}](), TrainConfig(1, 128, optimizer={optimizer!r}),
           (-1.0,) * ({method!r} != 'none')),
    Shared(data, data, jax.random.key(1)), Machine(Lowering({conv!r}), make_mesh(1), 1))
program = programs.get(skeleton, candidate)
member = Member(Trial(0, None, 1), graph, candidate, np.uint32([0, 5]), None)
trained, = programs.train(program, [member], 1)
leaves = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(trained)]
print(hashlib.sha256(b''.join(leaves)).hexdigest())
'''


def _other_process(conv, optimizer, method, *command):
    script = SCRIPT
    for name, value in dict(conv=conv, optimizer=optimizer, method=method).items():
        script = script.replace(f'{{{name}!r}}', repr(value))
    done = subprocess.run(
        [*command, sys.executable, '-c', script],
        capture_output=True, text=True, env=os.environ | {'JAX_PLATFORMS': 'cpu'},
        check=True)
    return done.stdout


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason='one core')
@pytest.mark.parametrize('conv, optimizer, method', [
    ('patches', 'adam', 'sparse_vd'), ('direct-norm', 'muon', 'none')])
def test_one_core_trains_as_all_do(conv, optimizer, method):
    if not lowering.runs_here(conv):
        pytest.skip('no C++ compiler')
    one = min(os.sched_getaffinity(0))
    assert (_other_process(conv, optimizer, method, 'taskset', '-c', str(one))
            == _other_process(conv, optimizer, method))


MUON = '''
import hashlib
import jax
import numpy as np
from sparse_jax.evaluation import machine
from sparse_jax.training import optimizers

for shape in ((200, 2560), (400, 5000)):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = jax.jit(optimizers.orthogonal).lower({'a': matrix}).compile(
        compiler_options=machine.compiler_options(machine.make_mesh(1)))({'a': matrix})
    print(hashlib.sha256(np.asarray(found['a']).tobytes()).hexdigest())
'''


def test_directions_of_large_kernels_do_not_depend_on_threads():
    """XLA's library would split a sum of many products over as many threads."""
    one, two = (subprocess.run(
        [sys.executable, '-c', MUON], capture_output=True, text=True, check=True,
        env=os.environ | {'JAX_PLATFORMS': 'cpu', 'NPROC': threads}).stdout
        for threads in '12')
    assert one and one == two


def test_sums_are_left_to_xla():
    """The option is known to this version, and does what it is there for."""
    options = machine.compiler_options(machine.make_mesh(1))
    assert options == compiler.SUMS_IN_ONE_PART
    total = jax.jit(lambda x: (x * x).sum(0)).lower(np.zeros((2048, 128), np.float32))
    default, ours = (str(total.compile(compiler_options=o).as_text())
                     for o in ({}, options))
    assert 'ynn_fusion' in default and 'ynn_fusion' not in ours
    product = jax.jit(lambda x: x @ x.T).lower(np.zeros((256, 128), np.float32))
    assert 'ynn_fusion' in str(product.compile(compiler_options=options).as_text())
