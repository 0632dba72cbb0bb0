"""Pruning methods, goals and algorithms of one's own, each with a mistake."""

import functools

import jax.numpy as jnp
import numpy as np

from sparse_jax.objectives.goal import Counted, Goal, Own
from sparse_jax.pruning import PruningMethod
from sparse_jax.pruning.method import kernels
from sparse_jax.types import SearchAlgorithm, SuggestInfo


def _per_layer(make):
    return lambda params, *rest: {name: make(k) for name, k in kernels(params).items()}


def _method(**parts):
    fine = dict(
        name='mine', structured=False, default_cut=0.0, init=lambda params, valid: {},
        noise=lambda params, aux: {}, penalty=lambda params, aux, valid: 0.0,
        mean=lambda params, aux: params, score=_per_layer(jnp.abs))
    return PruningMethod(**(fine | parts))


def _factory(make, **parts):
    return functools.wraps(make)(lambda: make(**parts))


METHODS = {
    'fine': {},
    'groups': dict(init=_per_layer(lambda k: {
        'group_mean': jnp.ones(k.shape[1] if k.ndim == 2 else k.shape[0]),
        'bias_scale': jnp.ones(k.shape[0]), 'log_sigma2': k}),
        score=_per_layer(lambda k: jnp.float32(1.0))),
    'number_of_a_layer': dict(init=_per_layer(lambda k: {'strength': jnp.zeros(())})),
    'truth_as_number': dict(gated=1),
    'held_by_name': dict(thresholds='none'),
    'odd_aux': dict(init=_per_layer(lambda k: {'strength': jnp.zeros(3)})),
    'inputs_by_another_name': dict(init=_per_layer(
        lambda k: {'strength': jnp.zeros(k.shape[1] if k.ndim == 2 else k.shape[0])})),
    'counting_aux': dict(init=_per_layer(lambda k: {'strength': k.astype(int)})),
    'bare_aux': dict(init=_per_layer(lambda k: k)),
    'aux_of_no_layer': dict(init=lambda params, valid: {'all': {'x': jnp.zeros(3)}}),
    'init_of_one': dict(init=lambda params: {}),
    'no_score': dict(score=lambda params, aux: None),
    'layer_without_score': dict(score=lambda params, aux: {
        'classifier': jnp.abs(params['classifier']['kernel'])}),
    'score_of_outputs': dict(score=_per_layer(lambda k: k.sum(1))),
    'failing_score': dict(score=lambda params, aux: params['conv1']['kernel']),
    'penalty_of_two': dict(penalty=lambda params, aux: 0.0),
    'penalty_of_units': dict(penalty=lambda params, aux, valid: jnp.zeros(3)),
    'no_penalty': dict(penalty=lambda params, aux, valid: None),
    'branching': dict(penalty=lambda params, aux, valid: (
        1.0 if params['classifier']['kernel'].sum() > 0 else 0.0)),
    'mean_of_kernels': dict(mean=_per_layer(lambda k: {'kernel': k})),
    'flat_mean': dict(mean=lambda params, aux: {
        n: {v: a.ravel() for v, a in leaf.items()} for n, leaf in params.items()}),
    'noise_of_another_name': dict(noise=_per_layer(lambda k: {'sigma2': k})),
    'half_a_group': dict(noise=_per_layer(lambda k: {'group_mean': jnp.ones(len(k))})),
    'no_cut': dict(default_cut=None),
    'no_function': dict(mean=None),
}
GOALS = {
    'counted': dict(source=Counted(lambda rows: sum(row.outputs for row in rows))),
    'measured': dict(source=Own(lambda net, int8, board: np.float32(len(net.nodes)))),
    'int8': dict(source=Own(
        lambda net, int8, board: len(int8.nodes) / board.flash.bytes, on_board=True)),
    'bare': dict(source=lambda net: 1.0),
    'uncallable': dict(source=Own(3)),
    'arity': dict(source=Own(lambda net: 1.0)),
    'attribute': dict(source=Own(lambda net, int8, board: net.layers)),
    'rows': dict(source=Counted(lambda rows: sum(row.size for row in rows))),
    'not_on_board': dict(source=Own(lambda net, int8, board: board.flash.bytes)),
    'none': dict(source=Own(lambda net, int8, board: None)),
    'text': dict(source=Own(lambda net, int8, board: '12')),
    'nan': dict(source=Own(lambda net, int8, board: float('nan'))),
    'negative': dict(source=Counted(lambda rows: -len(rows))),
    'least': dict(least=lambda graph: graph.weights),
    'boundless': dict(bound=float('nan')),
    'bound_of_text': dict(bound='10 kB'),
    'unlisted_least': dict(least='flash'),
    'form': dict(form='d%'),
    'title': dict(title=None),
}


def _goal(**parts):
    fine = dict(name='mine', title='mine', unit='x', bound=10.0,
                source=Own(lambda net, int8, board: 1.0))
    return Goal(**(fine | parts))


def without_bound():
    """A field is missing."""
    return Goal('mine', 'mine', 'x', Own(lambda net, int8, board: 1.0))


def _algorithm(change):
    def factory(domain, problem, *, batch, rules, model):
        return SearchAlgorithm(
            lambda key, archive: change(domain.sample(key, batch), archive))
    return factory


ALGORITHMS = {
    'right': lambda x, archive: (x, SuggestInfo()),
    'alone': lambda x, archive: x,
    'with_a_table': lambda x, archive: (x, {'score': 1}),
    'best': lambda x, archive: (x[archive.y[:, 0].argmin()], SuggestInfo()),
    'one_row': lambda x, archive: (x[0], SuggestInfo()),
    'wide': lambda x, archive: (x + 1, SuggestInfo()),
    'unsure': lambda x, archive: (x * np.nan, SuggestInfo()),
    'words': lambda x, archive: ([['a']], SuggestInfo()),
}


def of_nothing():
    """A factory without the arguments of one."""


def of_key_alone(domain, problem, *, batch, rules, model):
    """An algorithm that forgets the archive."""
    return SearchAlgorithm(lambda key: (domain.sample(key, batch), SuggestInfo()))


def no_function(domain, problem, *, batch, rules, model):
    """An algorithm without a function."""
    return SearchAlgorithm(None)


def failing(domain, problem, *, batch, rules, model):
    """A factory that fails."""
    return SearchAlgorithm(domain.draw)


globals().update({f'method_{n}': _factory(_method, **p) for n, p in METHODS.items()})
globals().update({f'goal_{n}': _factory(_goal, **p) for n, p in GOALS.items()})
globals().update({f'algorithm_{n}': _algorithm(f) for n, f in ALGORITHMS.items()})
