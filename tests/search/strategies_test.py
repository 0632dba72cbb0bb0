"""Strategies: networks known before any training, and what comes after them."""

import functools
import json

import jax
import numpy as np
import pytest

from launch import progress
from sparse_jax import efforts, ops
from sparse_jax.differentiable import boards, choices
from sparse_jax.differentiable.discretise import discretise
from sparse_jax.differentiable.template import Decisions, masked
from sparse_jax.evaluation import machine
from sparse_jax.objectives.graph_costs import graph_totals
from sparse_jax.search import gradient, loop, shares, starts, strategies
from sparse_jax.search import known as storing
from sparse_jax.search.known import Known
from sparse_jax.search.strategies import STRATEGIES, Strategy
from sparse_jax.settings import reading
from sparse_jax.settings.errors import ConfigError
from sparse_jax.space import encoding
from sparse_jax.study.names import FINALS, PLANNED
from sparse_jax.study.outcome import Parent, Trial, Weights, outside
from sparse_jax.study.records import Study
from tests import tiny_study

FEW = {'differentiable__templates': ('c',), 'differentiable__budgets': 3,
       'differentiable__steps': 6, 'differentiable__widest': 4,
       'search__strategy': 'differentiable'}


def _weights(setup, row):
    """Of an exact network, all kernels alike."""
    graph = encoding.graph(setup.space, row)
    shapes = graph.shapes()
    return Weights({node.name: {
        'kernel': np.full(ops.weights(node).shape(node, shapes), 0.1, np.float32),
        'bias': np.zeros(node.channels, np.float32)}
        for node in graph.weighted_nodes}, {}, {}, {}, {})


def _points(setup, key):
    """Three networks of one program, in place of a search; the first has weights."""
    rows = setup.domain.sample(key, 3)
    return Known(rows, (_weights(setup, rows[0]), None, None))


@pytest.fixture
def known(monkeypatch):
    """Searches by gradient find these at once."""
    monkeypatch.setitem(STRATEGIES, 'differentiable', Strategy(_points, False))


def _run(built, folder, callback=lambda news: None):
    study = Study(folder)
    try:
        loop.run(built, study, callback)
        return study.rows()
    finally:
        study.close()


def _expected(built):
    key = jax.random.fold_in(built.root_key, strategies.STREAM)
    return STRATEGIES['differentiable'].points(built, key).rows


def test_points_are_different_rows_of_the_table_within_the_targets(monkeypatch):
    compiled, real = [], jax.stages.Lowered.compile

    def spied(self, compiler_options=None):
        compiled.append(compiler_options)
        return real(self, compiler_options)

    monkeypatch.setattr(jax.stages.Lowered, 'compile', spied)
    built = tiny_study.build(
        **FEW, objectives__model_size=400, objectives__working_memory=120)
    found = gradient.points(built, jax.random.key(0))
    rows = found.rows
    # Sums are those of any number of cores.
    assert machine.compiler_options(machine.make_mesh(1), efforts.QUICK) in compiled
    assert 1 <= len(rows) <= 3
    np.testing.assert_array_equal(rows, encoding.canonical(built.space, rows))
    assert len({row.tobytes() for row in rows}) == len(rows)
    most = shares.limits(built, shares.Share(1.0, 1.0))
    for row in rows:
        graph = encoding.graph(built.space, row)
        assert shares.excess(graph, setup=built, most=most) == 0
        assert not encoding.decode(built.space, row)['batch-norm']
    # Each has weights of its own shapes, those that were trained.
    for row, weights in zip(rows, found.weights, strict=True):
        like = _weights(built, row).params
        assert jax.tree.map(np.shape, weights.params) == jax.tree.map(np.shape, like)
        assert weights.params['classifier']['bias'].any()
    # The same seed finds the same.
    again = gradient.points(built, jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, found, again)


def test_the_repair_counts_what_networks_cost_on_the_board():
    built = tiny_study.build(
        **FEW | {'differentiable__widest': 12}, budgets__flash=600)
    estimate = starts.estimates(built.settings, built.objectives, built.dataset)
    excess = functools.partial(
        shares.excess, setup=built,
        most=shares.limits(built, shares.Share(1.0, 1.0)))
    most, over = 600 * starts.SPARE, []
    for row in built.domain.sample(jax.random.key(0), 2):
        graph = encoding.graph(built.space, row)
        flash = estimate(graph)['flash']
        over.append(excess(graph, estimate=estimate))
        assert over[-1] == pytest.approx(max(0.0, np.log(flash / most)))
        assert excess(graph) == 0  # the weights alone are less
    assert min(over) == 0 < max(over)
    # The widest networks are likeliest, and do not fit.
    template = gradient._config(built, 'c').template
    allow = choices.allowed(template, built.space)
    logits = masked(Decisions(*(
        -np.arange(mask.shape[-1], dtype=float) * mask for mask in allow)), allow)
    logits = logits._replace(width=-logits.width)
    made = discretise(logits, template, built.space, functools.partial(
        excess, estimate=estimate), gradient._middle(built))
    assert made.loss > 0 and estimate(made.graph)['flash'] <= most


def test_budgets_of_a_board_are_budgets_of_the_loss():
    built = tiny_study.build(**FEW, budgets__flash=2000, budgets__latency=5.0)
    parts = shares.shares(3)
    whole, _, last = (shares.budgets(built, part) for part in parts)
    # The micro:bit has 16 MHz.
    assert whole.cycles == pytest.approx(starts.SPARE * 5e-3 * 16e6) == last.cycles
    assert whole.flash == starts.SPARE * 2000
    # Code is in every network: what is left for weights falls.
    fixed = boards.least_flash('cortex-m0')
    assert last.flash == pytest.approx(
        starts.SPARE * (fixed + (2000 - fixed) * shares.SMALLEST))
    assert np.isinf(whole.instructions)
    assert gradient._config(built, 'c').core == 'cortex-m0'
    assert gradient._config(tiny_study.build(**FEW), 'c').core == ''
    energy = tiny_study.build(**FEW, budgets__energy=9.0)
    most, board = shares.budgets(energy, parts[0]), reading.board(energy.settings)
    assert board.energy_j(most.cycles / board.clock_hz) == pytest.approx(
        starts.SPARE * 9e-6)


def test_budgets_fall_from_those_of_the_search():
    built = tiny_study.build(
        **FEW, budgets__model_size=800, objectives__working_memory=300)
    parts = shares.shares(8)
    budgets = [shares.budgets(built, part) for part in parts]
    assert budgets[0].model_size == 800 * starts.SPARE
    assert budgets[0].working_memory == budgets[6].working_memory == 300
    assert budgets[1].working_memory == 150
    assert budgets[7].working_memory == 300 * shares.NARROWEST
    sizes = [most.model_size for most in budgets]
    # All are different: where memory is ample every one has a network of its own.
    assert sizes == sorted(set(sizes), reverse=True)
    assert np.isinf(budgets[0].macs)
    assert min(part.size for part in parts) == pytest.approx(shares.SMALLEST)
    # The memory model of the search decides which maximum the gradient sees.
    for model, name in (('input+weights', 'working_memory_weights'),
                        ('without-image', 'working_memory_without_image')):
        other = tiny_study.build(**FEW, objectives__memory_model=model,
                                 objectives__working_memory=300)
        most = shares.budgets(other, parts[1])
        assert getattr(most, name) == 150 and np.isinf(most.working_memory)
    # Where costs are limits alone nothing is far below them.
    focused = shares.shares(8, focused=True)
    assert min(map(min, focused)) == shares.LEAST


def test_what_a_search_by_gradient_takes_is_counted():
    work = gradient.work(tiny_study.build(**FEW))
    # Windows of 5, four maps over 6 x 6 pixels, three classes that read all of them.
    each = 25 * 4 * 36 + 3 * 4 * 36
    # Of 6 steps the first, the warm-up, is one for all.
    assert work == gradient.Work(3, 1, (1 + 3 * 5) * 32 * each)
    # The last one trains weights that nobody inherits.
    short = gradient.work(tiny_study.build(**FEW, search__inherit=False))
    assert short.products == (1 + 3 * 4) * 32 * each
    assert strategies.work(tiny_study.build()) == gradient.NOTHING


def test_where_the_gradient_finds_nothing_filled_structures_come_first(
        monkeypatch, tmp_path, caplog):
    monkeypatch.setitem(STRATEGIES, 'differentiable', Strategy(
        lambda setup, key: Known(np.zeros((0, setup.domain.dim))), False))
    changes = {'search__initial_from': 'differentiable', 'search__initial': 3,
               'budgets__model_size': 800}
    built, study = tiny_study.build(**changes), Study(tmp_path)
    batches = [strategies.first_batch(built, study, 0)]
    study.add_round(0, 0, [], [], {})
    batches += [strategies.first_batch(built, study, 1)]
    study.close()
    assert [len(batch.rows) for batch in batches] == [tiny_study.BATCH, 1]
    line, = caplog.messages
    assert line.startswith("config.search.initial_from: 'differentiable' finds no netw")
    assert {parent for batch in batches for parent in batch.parents} == {None}
    for row in np.concatenate([batch.rows for batch in batches]):
        totals = graph_totals(encoding.graph(built.space, row))
        assert 400 < totals.model_size <= 800 * starts.SPARE


def test_all_known_networks_are_trained_and_no_others(known, tmp_path):
    built, phases = tiny_study.build(**FEW), []
    rows = _run(built, tmp_path, lambda news: phases.append(news.phase))
    np.testing.assert_array_equal([row.trial.row for row in rows], _expected(built))
    assert [row.round for row in rows] == [0, 0, 1]
    # What has weights starts from them, and trains as long as what has none.
    assert [row.trial.parent for row in rows[:2]] == [-1, None]
    assert [row.trial.epochs for row in rows[:2]] == [8, 8]
    assert all(row.trained for row in rows)
    assert phases[-1] != 'used up'


def test_a_killed_search_goes_on_with_what_was_found(known, tmp_path, monkeypatch):
    built = tiny_study.build(**FEW)

    def kill(news):
        if news.phase == 'finished round':
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(built, tmp_path / 'killed', kill)
    with monkeypatch.context() as other:
        # It is not searched again.
        other.setitem(STRATEGIES, 'differentiable',
                      Strategy(lambda setup, key: 1 / 0, False))
        rows = _run(built, tmp_path / 'killed')
    whole = _run(built, tmp_path / 'whole')
    assert list(map(tiny_study.comparable, rows)) == list(
        map(tiny_study.comparable, whole))


def test_damaged_points_are_found_again(known, tmp_path):
    built, study = tiny_study.build(**FEW), Study(tmp_path)
    for text in ('[[0.1, 0.2]]', 'null', '[2.0]', '{', '{"rows": []}',
                 '{"rows": [], "weights": ["?"]}', '{"rows": [], "weights": ["QUJD"]}'):
        study.set_meta(PLANNED, text)
        batch = strategies.first_batch(built, study, 0)
        np.testing.assert_array_equal(
            batch.rows, _expected(built)[:tiny_study.BATCH])
    study.close()


def test_known_networks_come_back_with_their_weights(tmp_path):
    built, study = tiny_study.build(), Study(tmp_path)
    known = _points(built, jax.random.key(0))
    storing.store(study, known)
    back = storing.stored(study, built.domain.dim)
    jax.tree.map(np.testing.assert_array_equal, known, back)
    assert back.parents(0, 2) == [-1, None] and back.parents(2, 4) == [None]
    parent = storing.parent(built, study, -1)
    assert parent.graph == encoding.graph(built.space, known.rows[0])
    assert storing.parent(built, study, -2) is storing.parent(built, study, -4) is None
    # A study that began without weights goes on without.
    study.set_meta(PLANNED, json.dumps(known.rows.tolist()))
    assert storing.stored(study, built.domain.dim).parents(0, 2) == [None, None]
    study.close()


def test_a_first_training_starts_from_the_weights_of_its_network():
    built = tiny_study.build()
    known = _points(built, jax.random.key(0))
    trial = Trial(0, known.rows[0], 1, outside(0))
    parent = Parent(encoding.graph(built.space, known.rows[0]), known.weights[0])
    (outcome,), = built.evaluator.evaluate([trial], lambda number: parent)
    fresh = Trial(0, known.rows[0], 1)
    (other,), = built.evaluator.evaluate([fresh])
    far = lambda outcome: np.abs(
        outcome.weights.params['classifier']['kernel'] - 0.1).mean()
    assert far(outcome) < 0.5 * far(other)


def test_a_strategy_without_a_network_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(STRATEGIES, 'differentiable', Strategy(
        lambda setup, key: Known(np.zeros((0, setup.domain.dim))), False))
    with pytest.raises(ConfigError, match='finds no network within the budgets'):
        _run(tiny_study.build(**FEW), tmp_path)


def test_the_end_of_a_search_uses_up_no_points(known, tmp_path):
    """Round 1 trained finals: round 2 is the second one of the strategy."""
    built, study = tiny_study.build(**FEW), Study(tmp_path)
    study.add_round(0, 0, [], [], {})
    study.add_round(1, 0, [], [], {FINALS: 2})
    batch = strategies.first_batch(built, study, 2)
    size = tiny_study.BATCH
    np.testing.assert_array_equal(batch.rows, _expected(built)[size: 2 * size])
    assert len(batch.rows)
    # What is left is said when a search ends; this one had a round of the strategy.
    count = len(_expected(built))
    assert strategies.left_over(built, study) == count - size > 0
    assert progress.left_over_text(built, study).startswith(
        f'networks of the strategy that no round has trained: {count - size}; ')
    study.add_round(2, 0, [], [], {})
    assert strategies.left_over(built, study) == 0
    assert progress.left_over_text(built, study) == ''
    study.close()


def test_the_algorithm_goes_on_from_a_front(known, tmp_path):
    built = tiny_study.build(
        **FEW | {'search__strategy': 'suggest', 'search__rounds': 3},
        search__initial_from='differentiable')
    rows = _run(built, tmp_path)
    np.testing.assert_array_equal([row.trial.row for row in rows[:3]], _expected(built))
    assert [row.round for row in rows] == [0, 0, 1, 2, 2]
    assert len({row.trial.row.tobytes() for row in rows}) == 5


def test_a_strategy_more_is_an_entry_more(monkeypatch, tmp_path):
    monkeypatch.setitem(STRATEGIES, 'third', Strategy(_points, True))
    built = tiny_study.build(search__strategy='third', search__rounds=3)
    assert [row.round for row in _run(built, tmp_path)] == [0, 0, 1, 2, 2]


def test_without_a_strategy_nothing_is_known(tmp_path):
    study = Study(tmp_path)
    assert strategies.first_batch(tiny_study.build(), study, 0) is None
    assert strategies.left_over(tiny_study.build(), study) == 0
    study.close()


@pytest.mark.parametrize('changes, line', [
    ({'search__strategy': 'darts'},
     "config.search.strategy: 'darts' is not allowed; allowed: suggest, differentiabl"),
    ({'search__initial_from': 'suggest'},
     "config.search.initial_from: 'suggest' is not allowed; allowed: '' .random"),
    ({'search__initial_from': 'differentiable', 'search__strategy': 'differentiable'},
     "'differentiable' is not allowed with config.search.strategy 'differentiable'"),
    ({'differentiable__templates': ('cy',)},
     r"config.differentiable.templates: \('cy',\) is not allowed; allowed: a tuple"),
    ({'differentiable__templates': ()}, 'one or more texts'),
    ({'differentiable__templates': ('c+s',)}, 'in each of these branches, and s where'),
    ({'differentiable__steps': 0}, 'config.differentiable.steps: 0 is not allowed'),
    ({'differentiable__widest': 101}, 'allowed: 1 to 100'),
])
def test_what_there_is_not_is_refused(changes, line):
    with pytest.raises(ConfigError, match=line):
        tiny_study.build(**changes)
