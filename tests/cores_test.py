"""Trainings and surrogates give the same bits on one core as on several.

XLA's library would add up as many parts as there are threads, and another one cut long
products of transposed operands by their number.
"""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from sparse_jax import compiler
from sparse_jax.evaluation import machine
from sparse_jax.ops import lowering

TELL = '''
import hashlib, os
import jax
import numpy as np

def tell(name, tree):
    leaves = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]
    print(name, hashlib.sha256(b''.join(leaves)).hexdigest(), flush=True)
'''
TRAINING = '''
from sparse_jax.data.synthetic import draw
from sparse_jax.evaluation.grouping import Member
from sparse_jax.evaluation.machine import Machine, compiler_options, make_mesh
from sparse_jax.evaluation.programs import Programs
from sparse_jax.evaluation.recipe import Recipe, Shared
from sparse_jax.ops.lowering import Lowering, runs_here
from sparse_jax.pruning import METHODS
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.study.outcome import Trial
from sparse_jax.training import TrainConfig, TrainData, optimizers
from tests import sampled

images, labels = draw(0, 384, shape=(12, 12, 1), num_classes=3)
data = TrainData(np.float32(images) / 128 - 1, labels)

def trained(conv, optimizer, method):
    graph = Graph((12, 12, 1), 1, False, (
        Node('a', 'conv', ('input',), 4, 3, 3),
        Node('b', 'depthwise', ('a',), 4, 3, 3),
        Node('c', 'conv', ('b',), 6, 1, 1, pool=2, batch_norm=method == 'none'),
        Node('fc', 'dense', ('c',), 2048),
        Node('classifier', 'dense', ('fc',), 3, relu=False)))
    skeleton, candidate = sampled.unpadded(graph)
    candidate = candidate._replace(
        learning_rate=np.float32(1e-2), alpha=np.float32(0.1))
    programs = Programs(
        Recipe(METHODS[method](), TrainConfig(1, 128, optimizer=optimizer),
               (-1.0,) * (method != 'none')),
        Shared(data, data, jax.random.key(1)), Machine(Lowering(conv), make_mesh(1), 1))
    program = programs.get(skeleton, candidate)
    member = Member(Trial(0, None, 1), graph, candidate, np.uint32([0, 5]), None)
    return programs.train(program, [member], 1)

tell('patches', trained('patches', 'adam', 'sparse_vd'))
if runs_here('direct-norm'):
    tell('direct-norm', trained('direct-norm', 'muon', 'none'))
for shape in ((200, 2560), (400, 5000)):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    tell(f'muon-{len(matrix)}', jax.jit(optimizers.orthogonal).lower(
        {'a': matrix}).compile(compiler_options=compiler_options(make_mesh(1)))(
            {'a': matrix}))
'''
SURROGATE = '''
import jax.numpy as jnp
from sparse_jax import compiler, efforts
from sparse_jax.acquisition import criteria, scoring
from sparse_jax.acquisition.scoring import Facts
from sparse_jax.surrogate import posterior
from sparse_jax.surrogate.embedding import Layout, squared_distance
from sparse_jax.surrogate.gp import GPConfig, gp

rng = np.random.default_rng(0)
x, queries = rng.random((1024, 20)), rng.random((64, 20))
on, everywhere = np.ones_like(x), np.ones_like(queries)
on[:, 10:] = rng.random((1024, 10)) < 0.6
y = np.stack([np.sin(4 * x[:, 0]) + 3 * x[:, 2] + 0.1 * rng.normal(size=1024),
              np.exp(x[:, 4] + x[:, 6])], 1)
surrogate = gp(GPConfig(Layout(
    (0, 4) * 10, (False, True) * 10, (False,) * 10 + (True,) * 10), (False, True)))
state = surrogate.fit(jax.random.key(0), x, on, y, np.arange(1024) < 900)
tell('fit', state)
tell('predict', surrogate.predict(state, queries, everywhere))
criterion = criteria.lower_bound(surrogate, state, np.ones((1, 2)), beta=2.0)
points = scoring.points_of(
    criterion, queries, everywhere, Facts.nothing(64, 2), chunk=64)
tell('score', scoring.score(
    criterion, criterion.prepare(jax.random.key(1), 0, None), points, chunk=64))

def bits(name, function, *arrays):
    tell(name, jax.jit(function).lower(*arrays).compile(
        compiler_options=compiler.repeatable('cpu', efforts.CHEAP))(*arrays))

class Nothing:
    def cross_covariance(self, a, b):
        return jnp.zeros((len(a), len(b)))

with jax.enable_x64(True):
    data, few = rng.random((1024, 50)), rng.random((16, 50))
    weight = rng.normal(size=(1024, 16))
    # Sums over a thousand rows: of a gradient at queries, of a joint covariance.
    bits('gradient', jax.grad(
        lambda b: (squared_distance(data, b) * weight).sum()), few)
    columns = rng.normal(size=(2, 1024, 64))
    bits('covariance', lambda columns: posterior.covariance(
        lambda params: Nothing(), posterior.GPState(*[jnp.zeros(2)] * 7),
        posterior.Solved(jnp.zeros((64, 3)), None, None,
                         jnp.moveaxis(columns, 2, 0))), columns)
'''


def _bits(cores):
    """{name: digest} of a process that may use so many cores, or that thinks so where
    there are fewer."""
    some = ','.join(map(str, sorted(os.sched_getaffinity(0))[:cores]))
    done = subprocess.run(
        ['taskset', '-c', some, sys.executable, '-c', TELL + TRAINING + SURROGATE],
        capture_output=True, text=True, check=False,
        env=os.environ | {'JAX_PLATFORMS': 'cpu', 'NPROC': str(cores),
                          'OPENBLAS_NUM_THREADS': '1'})
    assert done.returncode == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines())


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, 'sched_getaffinity'), reason='Linux')
def test_one_core_computes_the_bits_of_two():
    one = _bits(1)
    assert list(one) == [
        'patches', *['direct-norm'] * lowering.runs_here('direct-norm'), 'muon-200',
        'muon-400', 'fit', 'predict', 'score', 'gradient', 'covariance']
    assert one == _bits(2)


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
