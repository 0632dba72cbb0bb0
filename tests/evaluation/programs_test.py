"""Programs: one per skeleton, counted; compiled once however often asked for."""

import dataclasses
import functools
import re
import threading

import jax
import numpy as np
import pytest

from sparse_jax import status
from sparse_jax.efforts import CHEAP, PLAIN, STEPS, UNSPLIT
from sparse_jax.evaluation import device_memory
from sparse_jax.evaluation.batching import abstract, phases
from sparse_jax.evaluation.grouping import group_trials
from sparse_jax.evaluation.machine import make_mesh
from sparse_jax.evaluation.programs import Programs
from sparse_jax.evaluation.recipe import template
from sparse_jax.lowered import lower
from sparse_jax.model.skeleton import Skeleton, split
from sparse_jax.ops import tiled
from sparse_jax.ops.lowering import Lowering, default_lowering
from sparse_jax.pruning import METHODS
from sparse_jax.search.domain import sparse_domain
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph, Node
from sparse_jax.study.outcome import Trial
from sparse_jax.training.train import initialise
from tests import tiny_study


def _parts(built, row=None):
    row = tiny_study.base_row(built.space) if row is None else row
    return split(encoding.graph(built.space, row), encoding.decode(built.space, row),
                 built.evaluator.policy)


def test_one_program_serves_all_candidates_of_a_skeleton():
    finished = tiny_study.finished()
    built = finished.setup
    skeleton, candidate = _parts(built)
    assert finished.uses == {skeleton: tiny_study.BATCH * tiny_study.ROUNDS}
    programs = finished.programs
    program = programs.get(skeleton, candidate)
    assert programs.get(skeleton, candidate) is program
    assert programs.is_ready(skeleton)
    assert programs.seconds() == program.seconds > 0
    assert built.evaluator.executor.stats() == (1, program.seconds)


def test_a_mesh_has_the_devices_asked_for():
    assert make_mesh().devices.size == jax.local_device_count() == 2
    assert make_mesh(1).devices.size == 1


@pytest.fixture(scope='module')
def wide():
    """The vmapped program of the tiny search, four candidates on one device."""
    built = tiny_study.build(
        runtime__mapping='vmap', runtime__devices=1, runtime__slots=4)
    return built, _programs(built).get(*_parts(built))


def _programs(built, **machine):
    """Its programs, or fresh ones for another machine."""
    programs = built.evaluator.executor.programs
    return programs if not machine else Programs(
        programs.recipe, programs.shared, programs.machine._replace(**machine))


def test_a_program_that_needs_too_much_is_made_smaller(wide, monkeypatch):
    built, program = wide
    assert program.slots == 4
    needed = device_memory.compiled_bytes(program.run)
    tight = _programs(built, memory=needed - 1)
    monkeypatch.setattr(tight, '_predicted_slots', lambda *_: 4)
    assert tight.get(*_parts(built)).slots == 2


@pytest.mark.parametrize('nodes, expected', [
    # Nine views of each of 36 pixels; 4 maps of 6x6 out.
    ((Node('a', 'conv', ('input',), 4, 3, 3),), (324, 144)),
    ((Node('a', 'conv', ('input',), 4, 3, 3, pool=2),
      Node('classifier', 'dense', ('a',), 3)), (324 + 4 * 9, 144 + 3)),
    # A 1x1 convolution reads its input as it is.
    ((Node('a', 'conv', ('input',), 4),), (64, 256)),
    ((Node('a', 'conv', ('input',), 4, 3, 3),
      Node('b', 'depthwise', ('a',), 4, 2, 2)),
     (324 + 4 * 4 * 25, 144 + 4 * 25)),
    ((Node('classifier', 'dense', ('input', 'input'), 3),), (128, 3))])
def test_elements_of_a_step_by_hand(nodes, expected):
    """Of one 8x8x1 image."""
    skeleton = Skeleton(Graph((8, 8, 1), 1, False, nodes))
    assert device_memory.activation_elements(skeleton, 'patches') == expected


def test_groups_keep_inputs_and_products_without_windows():
    nodes = (Node('a', 'conv', ('input',), 4, 3, 3), Node('b', 'conv', ('a',), 2))
    skeleton = Skeleton(Graph((8, 8, 1), 1, False, nodes))
    # 64 pixels and 4 maps of 6x6, each once more squared; a 1x1 layer reads these.
    assert device_memory.activation_elements(skeleton, 'grouped') == (
        2 * (64 + 144) + 144, 144 + 72)
    # Each of four tiles of 3x3 outputs reads 5x5 pixels.
    assert tiled.choose(4, 1, 3, 6, 6) == (3, 3, 2, 2)
    assert device_memory.activation_elements(skeleton, 'tiled') == (
        2 * (4 * 25 + 144) + 144, 144 + 72)
    # Nine outputs of four maps, each with all 25 pixels.
    assert device_memory.elements_made(skeleton, 'tiled') == 9 * 4 * 25
    assert device_memory.elements_made(skeleton, 'grouped') == 0
    each = functools.partial(device_memory.per_candidate, skeleton, np.zeros(10, 'f4'),
                             batch_size=2)
    assert each(conv='tiled') == 8 * (2.5 * 632 + 2 * 216) + 160 + 4 * 8 * 900
    assert each(conv='grouped') == 8 * (5 * 560 + 2 * 216) + 160
    # Direct convolutions keep what every layer reads and writes.
    for conv in ('direct', 'direct-norm'):
        assert device_memory.activation_elements(skeleton, conv) == (
            64 + 144 + 144 + 72, 144 + 72)
        assert each(conv=conv) == int(8 * (2.2 * 424 + 2 * 216)) + 160


def test_too_many_candidates_are_never_compiled(wide):
    """By prediction: room for the data and for less than two candidates."""
    built, program = wide
    skeleton, candidate = _parts(built)
    recipe, shared = _programs(built).recipe, _programs(built).shared
    each = device_memory.per_candidate(
        skeleton, program.template, batch_size=recipe.config.batch_size,
        conv=built.lowering.conv)
    room = lambda n: device_memory.of_data(shared) + int(n * each)
    slots = lambda memory: _programs(built, memory=memory)._predicted_slots(
        skeleton, program.template)
    assert [slots(m) for m in (None, room(4), room(3.9), room(1.9), 1)] == [
        4, 4, 2, 1, 1]


def test_a_group_that_ran_out_of_memory_is_split(wide, monkeypatch):
    """Every call of four candidates fails; the outcomes are those of smaller calls."""
    built, program = wide
    domain = tiny_study.small_domain(built.space, built.evaluator.policy)
    rows = domain.sample(jax.random.key(5), 5)
    trials = [Trial(i, row, 3) for i, row in enumerate(rows)]
    found = {o.trial.number: o for group in built.evaluator.evaluate(trials)
             for o in group}
    tight = _programs(built, memory=None)
    monkeypatch.setattr(built.evaluator.executor, 'programs', tight)
    real, sizes = tight.get, []

    def get(*arguments):
        made = real(*arguments)

        def run(batch, *rest):
            sizes.append(len(batch.active))
            if len(batch.active) == 4:
                raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory')
            return made.run(batch, *rest)

        return made._replace(run=run)

    monkeypatch.setattr(tight, 'get', get)
    split = {o.trial.number: o for group in built.evaluator.evaluate(trials)
             for o in group}
    assert max(sizes) == 4 and sizes.count(2) == 3
    for number, outcome in split.items():
        assert outcome.status == found[number].status == status.OK
        assert outcome.error == pytest.approx(found[number].error, abs=0.05)


@pytest.fixture
def nine(wide, monkeypatch):
    """(evaluator, trials of three calls, what trains them): outcomes of a call are not
    made before the next one begins."""
    evaluator, began = wide[0].evaluator, [threading.Event() for _ in range(3)]
    executor, numbers = evaluator.executor, iter(range(3))
    domain = tiny_study.small_domain(evaluator.space, evaluator.policy)
    rows = domain.sample(jax.random.key(5), 9)
    real = executor.train

    def train(*call):
        began[next(numbers)].set()
        return real(*call)

    def judge(graph, outcome):
        following = outcome.trial.number // 4 + 1
        assert following == 3 or began[following].wait(60)
        return outcome

    monkeypatch.setattr(executor, 'train', train)
    return (dataclasses.replace(evaluator, judge=judge),
            [Trial(i, row, 1) for i, row in enumerate(rows)], train)


def test_the_host_work_of_a_call_is_done_beside_the_next_one(nine, wide):
    evaluator, trials, _ = nine
    assert evaluator.executor.programs.machine.workers == 1
    parts = list(evaluator.evaluate(trials))
    assert [[o.trial.number for o in part] for part in parts] == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8]]
    assert all(o.train_seconds > 0 for part in parts for o in part)


def test_what_was_trained_before_a_fault_is_told(nine, monkeypatch):
    evaluator, trials, train = nine
    sizes = []

    def fails(program, members, epochs):
        found = train(program, members, epochs)
        sizes.append(len(members))
        if len(sizes) == 2:
            raise jax.errors.JaxRuntimeError('INTERNAL: broken')
        return found

    monkeypatch.setattr(evaluator.executor, 'train', fails)
    told = []
    with pytest.raises(jax.errors.JaxRuntimeError, match='broken'):
        for part in evaluator.evaluate(trials):
            told += [o.trial.number for o in part]
    assert told == [0, 1, 2, 3] and sizes == [4, 4]


def test_what_was_trained_before_outcomes_failed_is_told(nine):
    """The first call's outcomes cannot be made; the second one has trained by then."""
    evaluator, trials, _ = nine
    real, told = evaluator.judge, []

    def judge(graph, outcome):
        if outcome.trial.number < 4:
            real(graph, outcome)
            raise ValueError('broken')
        return outcome

    broken = dataclasses.replace(evaluator, judge=judge)
    with pytest.raises(ValueError, match='broken'):
        for part in broken.evaluate(trials):
            told += [o.trial.number for o in part]
    assert told == [4, 5, 6, 7]


def test_devices_and_mapping_change_rounding_only(wide):
    """One device and four candidates at once, against two devices with one each.

    Programs of different partitioning are fused differently and so round differently;
    sums of products may change in their last bits, which training amplifies.
    """
    one = wide[0].evaluator
    two = tiny_study.finished().setup.evaluator
    assert two.executor.programs.machine.mesh.devices.size == 2
    assert one.executor.programs.get(*_parts(wide[0])).slots == 4
    left, right = _four_outcomes(one), _four_outcomes(two)
    for i in range(4):
        assert left[i].status == right[i].status
        np.testing.assert_allclose(left[i].accuracy, right[i].accuracy, atol=0.02)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=2e-3),
            left[i].weights.params, right[i].weights.params)


def _four_outcomes(evaluator):
    """{number: outcome} of four trials of two epochs."""
    domain = tiny_study.small_domain(evaluator.space, evaluator.policy)
    rows = domain.sample(jax.random.key(6), 4)
    trials = [Trial(i, row, 2) for i, row in enumerate(rows)]
    return {o.trial.number: o for group in evaluator.evaluate(trials) for o in group}


def test_sharding_changes_nothing():
    """Two candidates per device, on one device and on two: equal to the last bit."""
    left, right = (_four_outcomes(tiny_study.build(
        runtime__mapping='vmap', runtime__devices=devices, runtime__slots=2 * devices
    ).evaluator) for devices in (1, 2))
    for i in range(4):
        assert left[i].accuracy == right[i].accuracy
        assert (left[i].error, left[i].costs) == (right[i].error, right[i].costs)
        assert tiny_study.same_weights(left[i].weights, right[i].weights)


def test_the_oldest_programs_are_dropped(monkeypatch):
    built = tiny_study.finished().setup
    programs = _programs(built, memory=None)
    made = []
    monkeypatch.setattr(
        programs, '_compile', lambda name, _: made.append(name) or f'program {name}')
    monkeypatch.setattr('sparse_jax.evaluation.programs.MOST_KEPT', 2)
    for name in 'abacbab':
        assert programs.get(name, None) == f'program {name}'
        assert programs.is_ready(name)
    # c drops b, the second b drops a, the third a drops c.
    assert made == ['a', 'b', 'c', 'b', 'a']


def test_memory_of_arrays_by_hand():
    tree = {'a': np.zeros((3, 5), np.float32), 'b': jax.ShapeDtypeStruct((7,), bool),
            'key': jax.random.key(0)}
    assert device_memory.tree_bytes(tree) == 60 + 7
    assert device_memory.limit(0.5) == 2**29


@pytest.mark.parametrize('name', METHODS)
def test_the_shapes_of_a_candidate_are_those_that_initialisation_gives(wide, name):
    recipe = _programs(wide[0]).recipe._replace(method=METHODS[name]())
    domain = sparse_domain(wide[0].space, wide[0].evaluator.policy)
    row, = domain.sample(jax.random.key(list(METHODS).index(name)), 1)
    skeleton, candidate = _parts(wide[0], row)
    state = jax.eval_shape(
        functools.partial(initialise, procedure=recipe.procedure(skeleton)),
        jax.random.key(0), candidate)
    assert template(skeleton, recipe) == state.variables


def test_a_stored_program_gives_the_same_to_the_last_bit(tmp_path):
    """Traced, traced into the store and read from it."""
    built = tiny_study.build()
    skeleton, candidate = _parts(built)
    group, = group_trials(
        [Trial(0, tiny_study.base_row(built.space), 2)], built.space,
        built.evaluator.policy, root_key=built.evaluator.root_key,
        refuses=lambda graph: False).groups
    results = []
    try:
        for folder in (None, tmp_path, tmp_path):
            lower.use(folder)
            programs = _programs(built, workers=1)
            program = programs.get(skeleton, candidate)
            results += programs.train(program, group.members, 2)
    finally:
        lower.use(None)
    assert len(list(tmp_path.iterdir())) == 3
    for result in results[1:]:
        jax.tree.map(np.testing.assert_array_equal, results[0], result)


@pytest.mark.parametrize('name, backend', [
    *((name, 'gpu') for name in METHODS), ('sparse_vd', 'tpu')])
def test_the_program_lowers_for_accelerators(wide, name, backend):
    """To operations of XLA alone: no call into a library that is not here."""
    lowering = default_lowering(backend)
    built, _ = wide
    skeleton, candidate = _parts(built)
    programs = _programs(built)
    recipe = programs.recipe._replace(method=METHODS[name]())
    slots = programs.machine.slots
    batch = abstract(candidate, template(skeleton, recipe), slots)
    parts = phases(skeleton, recipe, programs.machine._replace(lowering=lowering))
    traced = jax.jit(lambda *arguments: parts(*arguments)).trace(
        batch, programs.shared, np.int32(0))
    text = traced.lower(lowering_platforms=('cuda', 'rocm', 'tpu')).as_text()
    assert 'stablehlo.dot_general' in text
    assert ('stablehlo.convolution' in text) == (backend == 'tpu')
    assert not re.findall(r'custom_call @(?!Sharding|SPMD)\w+', text)


def test_the_compiler_takes_trouble_where_a_program_runs_long(wide, monkeypatch):
    """A function of the recipe and of the data: 300 images less 120, of 6x6 pixels."""
    built, _ = wide
    programs = _programs(built)
    of = lambda conv, **changes: Programs(
        programs.recipe._replace(**changes), programs.shared,
        programs.machine._replace(lowering=Lowering(conv)))._efforts
    config = programs.recipe.config
    assert config.batch_size == 32
    for conv in ('direct', 'direct-norm'):
        assert of(conv, config=dataclasses.replace(config, epochs=10**6)) == (
            CHEAP, UNSPLIT, CHEAP)
    for conv in ('patches', 'native'):
        longest = STEPS[conv].most // (5 * 36)
        short, long = (dataclasses.replace(config, epochs=longest + i) for i in (0, 1))
        assert of(conv, config=short) == (CHEAP, PLAIN, CHEAP)
        assert of(conv, config=long) == (CHEAP, None, CHEAP)
    assert of(conv, config=long, finetune_epochs=1) == (CHEAP, None, None)
    monkeypatch.setattr('sparse_jax.efforts.FEW', 60 * 36 - 1)
    assert of(conv, config=long) == (CHEAP, None, PLAIN)
