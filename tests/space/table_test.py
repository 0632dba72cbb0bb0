"""The search space holds the rows of the paper's table, and ours."""

import numpy as np
import pytest

from sparse_jax.space.sparse_space import sparse_space

# name: (kind, low, high, step) or (kind, choices); transcribed from the paper.
GLOBAL = {
    'downsample-input-in-depth': ('boolean',),
    'downsample-input': ('boolean',),
    'input-downsampling-rate': ('integer', 2, 4, 1),
    'zero-regularization-epochs': ('integer', 5, 50, 1),
    'annealing-epochs': ('integer', 15, 25, 1),
    'alpha': ('real', 0.01, 1.0, 0.01),
    'pretraining': ('boolean',),
    'batch-norm': ('boolean',),
    'num-conv-blocks': ('integer', 1, 2, 1),
    'num-fc-layers': ('integer', 0, 1, 1),
    'total-fc-layer-weights': ('integer', 1000, 800_000, 1000),
    'weight-fraction-main-branch': ('real', 0, 1, 0),
    'left-branch': ('boolean',),
    'right-branch': ('boolean',),
    'weight-fraction-left-branch': ('real', 0, 1, 0),
    'weight-fraction-right-branch': ('real', 0, 1, 0),
    'merge-type': ('categorical', ('Sum', 'Concatenate')),
}
PER_LAYER = {
    'pruning-threshold': ('real', 1e-6, 1e-3, 0),
    'layer-type': ('categorical', ('Conv2D', 'DownsampledConv2D', 'SeparableConv2D')),
    'kernel-size': ('integer', 2, 5, 1),
    'num-filters': ('integer', 1, 100, 1),
    'downsample': ('real', 0, 0.5, 0),
}
OURS = {'learning-rate': ('real', 1e-3, 3e-2, 0),
        'log-alpha-offset': ('real', -2, 2, 0),
        'pool-block-1': ('boolean',), 'pool-block-2': ('boolean',)}


def _paper():
    table = dict(GLOBAL)
    for k in (1, 2):
        table[f'num-conv-layers-block-{k}'] = ('integer', 1, 3, 1)
        for l in (1, 2, 3):
            table |= {f'{name}-block-{k}-layer-{l}': row
                      for name, row in PER_LAYER.items()}
    return table


@pytest.mark.parametrize('prior', ['paper', 'uniform', 'log-uniform'])
def test_rows_and_ranges_are_the_papers_and_ours(prior):
    space, table = sparse_space((28, 28, 3), 10, prior=prior), _paper()
    assert len(table) == 49
    table |= OURS
    assert set(space.names) == set(table)
    assert len(space.names) == len(space.dimensions) == 53
    for name, (kind, *rest) in table.items():
        row = space[name]
        assert row.kind == kind, name
        if kind == 'categorical':
            assert row.choices == rest[0]
        elif kind != 'boolean':
            assert (row.low, row.high, row.step) == tuple(rest), name


def test_the_papers_prior_is_uniform():
    rows = {prior: sparse_space((28, 28, 3), 10, prior=prior).dimensions
            for prior in ('paper', 'uniform', 'log-uniform')}
    assert rows['paper'] == rows['uniform'] != rows['log-uniform']


def test_scaled_has_other_training_rows_alone():
    """kl-share in alpha's place, 0.3 to 10, and no rate above 0.01."""
    before, after = (sparse_space((28, 28, 3), 10, prior=prior)
                     for prior in ('log-uniform', 'scaled'))
    changed = [(a.name, b.name) for a, b in zip(before.dimensions, after.dimensions)
               if a != b]
    assert changed == [('alpha', 'kl-share'), ('learning-rate', 'learning-rate')]
    share, rate = after['kl-share'], after['learning-rate']
    assert (share.low, share.high, share.log, share.step) == (0.3, 10.0, True, 0)
    assert share.decode(0.5) == pytest.approx(3.0**0.5)
    assert share.role == before['alpha'].role
    assert (rate.low, rate.high, rate.log) == (1e-3, 1e-2, True)


def test_levels():
    space = sparse_space((28, 28, 3), 10)
    levels = dict(zip(space.names, space.levels))
    expected = {
        'downsample-input': 2, 'input-downsampling-rate': 3,
        'zero-regularization-epochs': 46, 'annealing-epochs': 11, 'alpha': 100,
        'total-fc-layer-weights': 800, 'merge-type': 2, 'learning-rate': 0,
        'weight-fraction-main-branch': 0, 'num-conv-layers-block-2': 3,
        'kernel-size-block-1-layer-1': 4, 'num-filters-block-2-layer-3': 100,
        'downsample-block-1-layer-1': 0, 'layer-type-block-1-layer-2': 3}
    assert {name: levels[name] for name in expected} == expected
    unordered = {n for n, c in zip(space.names, space.categorical) if c}
    assert 'merge-type' in unordered and 'alpha' not in unordered
    assert unordered == {n for n, row in (_paper() | OURS).items()
                         if row[0] in ('boolean', 'categorical')}


@pytest.mark.parametrize('arguments, word', [
    (((8, 8), 10), 'input_shape'), (((8, 0, 1), 10), 'input_shape'),
    (((8, 8, 1), 1), 'num_classes')])
def test_impossible_tasks_are_refused(arguments, word):
    with pytest.raises(ValueError, match=word) as caught:
        sparse_space(*arguments)
    assert '\n' not in str(caught.value)


def test_an_unknown_prior_is_refused():
    with pytest.raises(ValueError, match="'normal'.*log-uniform, uniform"):
        sparse_space((8, 8, 1), 10, prior='normal')


def test_spaces_are_values():
    a, b = sparse_space((8, 8, 1), 10), sparse_space((8, 8, 1), 10)
    assert a == b and hash(a) == hash(b)
    assert a != sparse_space((8, 8, 1), 10, prior='uniform')


def test_priors_spread_filters_as_they_say():
    """Uniform: each of 100 counts equally likely; log: each doubling, nearly."""
    u = (np.arange(20_000) + 0.5) / 20_000
    name = 'num-filters-block-1-layer-1'
    for prior, median, below_ten in (
            ('uniform', 50.5, 0.1),
            # The value n owns [log n, log(n + 1)) of log 101.
            ('log-uniform', 10, np.log(11) / np.log(101))):
        row = sparse_space((8, 8, 1), 10, prior=prior)[name]
        values = np.array([row.decode(x) for x in u])
        assert abs(np.median(values) - median) <= 1
        assert abs((values <= 10).mean() - below_ten) < 1e-3
        assert (values.min(), values.max()) == (1, 100)
