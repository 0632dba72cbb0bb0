"""The end of a training on the host: what the traced one gives, to the last bit."""

import jax
import numpy as np

from sparse_jax import host_random, status
from sparse_jax.efforts import CHEAP
from sparse_jax.evaluation import batching, host_finish
from sparse_jax.evaluation.machine import Machine, compiler_options, make_mesh
from sparse_jax.evaluation.recipe import Recipe, Shared, template
from sparse_jax.model.skeleton import EXACT, split
from sparse_jax.ops.lowering import Lowering
from sparse_jax.pruning import no_pruning, sparse_vd
from sparse_jax.space import encoding
from sparse_jax.space.network_file import check
from sparse_jax.space.sparse_space import sparse_space
from sparse_jax.train_config import TrainConfig
from sparse_jax.training.data import TrainData
from sparse_jax.training.step import TrainInfo, TrainState
from tests import tiny_study

MACHINE = Machine(Lowering('patches'), make_mesh(1), 1)
RECIPE = Recipe(no_pruning(), TrainConfig(epochs=1), networks=True)
RATE = np.zeros(1, np.float32)
POINT = tiny_study.POINT | {
    'batch-norm': True, 'layer-type-block-1-layer-1': 'SeparableConv2D'}


def _compiled(part, *arguments):
    return jax.jit(part).lower(*arguments).compile(
        compiler_options=compiler_options(MACHINE.mesh, CHEAP))


def _random(tree, rng):
    """Values of one slot, some units without weights."""
    def draw(leaf):
        drawn = abs(rng.normal(size=(1, *leaf.shape))) + 0.1
        return (drawn * rng.choice([-1, 1], drawn.shape)).astype(leaf.dtype)

    tree = jax.tree.map(draw, tree)
    for leaves in tree.params.values():
        if 'kernel' in leaves:
            leaves['kernel'] *= rng.random(leaves['kernel'].shape) < 0.7
    for moments in tree.stats.values():
        moments['var'] = abs(moments['var'])
    for name in tree.params:
        if name.startswith('block-1'):
            tree.params[name] = {
                part: np.where(np.arange(leaf.shape[1]).reshape(
                    1, -1, *(1,) * (leaf.ndim - 2)) == 1, np.float32(0), leaf)
                for part, leaf in tree.params[name].items()}
    return tree


def test_numbers_are_those_of_the_traced_end():
    """Two classes: their units are counted as one."""
    rng, space = np.random.default_rng(0), sparse_space((6, 6, 1), 2)
    row = encoding.encode(space, check(space, POINT))
    skeleton, candidate = split(
        encoding.graph(space, row), encoding.decode(space, row), EXACT)
    weights = template(skeleton, RECIPE)
    procedure = RECIPE.procedure(skeleton, 'patches')
    images = TrainData(rng.normal(size=(40, 6, 6, 1)).astype('f4'),
                       rng.integers(0, 2, 40).astype('i4'))
    shared = Shared(images, images, host_random.root_key(0))
    batch = batching.Batch(
        np.zeros((1, 2), np.uint32),
        jax.tree.map(lambda leaf: np.asarray(leaf)[None], candidate), (),
        np.ones(1, bool))
    variables = _random(weights, rng)
    info = TrainInfo(RATE[None], RATE[None], RATE[None])

    def learnt(variables):
        return TrainState(*variables, (), *(RATE,) * 4), info

    started = batching.Started(batch.key_data, (), {})
    alive = host_finish.everything(procedure, candidate)
    traced = _compiled(batching.phases(skeleton, RECIPE, MACHINE).finish, batch,
                       started, learnt(variables), shared)
    own = host_finish.HostFinish(
        _compiled(host_finish.program(procedure, MACHINE), batch, learnt(variables),
                  jax.tree.map(lambda leaf: leaf[None], alive), shared),
        procedure, MACHINE)
    broken = jax.tree.map(np.copy, variables)
    broken.params['classifier']['bias'][0, 0] = np.nan
    nothing = jax.tree.map(np.copy, variables)
    nothing.params['classifier']['kernel'][:] = 0.0
    codes = []
    for each in (variables, broken, nothing):
        arguments = batch, started, learnt(each), shared
        expected, found = (jax.device_get(end(*arguments)) for end in (traced, own))
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected)):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        codes.append(int(found.measurement.status[0]))
    assert codes == [status.OK, status.NONFINITE, status.EMPTY]
    whole = jax.tree.map(np.size, alive.units)
    first = own(batch, started, learnt(variables), shared)
    assert sum(mask.sum() for mask in first.units.values()) < sum(whole.values())


def test_what_prunes_or_is_cut_ends_in_a_program():
    applies = host_finish.applies
    assert applies(MACHINE, RECIPE)
    assert not applies(MACHINE._replace(lowering=Lowering('patches', 'vmap')), RECIPE)
    for changes in ({'method': sparse_vd()}, {'cuts': (1.0,)}, {'finetune_epochs': 1},
                    {'limits': (('model_size', 10.0),)}):
        assert not applies(MACHINE, RECIPE._replace(**changes))
