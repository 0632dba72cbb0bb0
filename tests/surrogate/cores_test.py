"""A surrogate computes the same bits with one thread as with several."""

import os
import subprocess
import sys

SCRIPT = '''
import hashlib
import jax
import jax.numpy as jnp
import numpy as np
from sparse_jax import compiler, efforts
from sparse_jax.acquisition import criteria, scoring
from sparse_jax.acquisition.scoring import Facts
from sparse_jax.surrogate import posterior
from sparse_jax.surrogate.embedding import Layout, squared_distance
from sparse_jax.surrogate.gp import GPConfig, gp

def tell(name, tree):
    leaves = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]
    print(name, hashlib.sha256(b''.join(leaves)).hexdigest())

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


def _bits(threads):
    """What a process says whose XLA has so many threads, whatever the cores."""
    return subprocess.run(
        [sys.executable, '-c', SCRIPT], capture_output=True, text=True, check=True,
        env=os.environ | {'JAX_PLATFORMS': 'cpu', 'NPROC': str(threads),
                          'OPENBLAS_NUM_THREADS': '1'}).stdout.splitlines()


def test_suggestions_do_not_depend_on_threads():
    """XLA's library would add up as many parts as there are threads, and another one
    cut long products of transposed operands by their number."""
    one = _bits(1)
    assert [line.split()[0] for line in one] == [
        'fit', 'predict', 'score', 'gradient', 'covariance']
    assert one == _bits(2)
