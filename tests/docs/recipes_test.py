"""Every recipe runs as it is printed, and does what it says."""

import re
import shlex

import jax
import numpy as np
import pytest

from sparse_jax.study.opened import open_study
from tests import tiny_study
from tests.docs.pages import blocks
from tests.launch import command_line

MODULES = ('Own pruning method', 'Own objective', 'Own search algorithm')
COMMON = 'What the programs below have in common'
PROGRAMS = {block.heading: block.text for block in blocks('recipes.md', 'python')}
COMMANDS = [block.text for block in blocks('recipes.md', 'bash')]


def test_recipes_are_short():
    assert set(MODULES) | {COMMON} < set(PROGRAMS) and len(PROGRAMS) == 8
    assert len(PROGRAMS) == len(blocks('recipes.md', 'python'))
    assert max(text.count('\n') for text in PROGRAMS.values()) <= 40


def test_the_modules_search_together(tmp_path, monkeypatch, capsys):
    """One search with all three, by the flags that the page prints."""
    for heading in MODULES:
        name = re.match(r'"""(\w+\.py):', PROGRAMS[heading])[1]
        (tmp_path / name).write_text(PROGRAMS[heading])
    monkeypatch.syspath_prepend(str(tmp_path))
    printed = [word for text in COMMANDS for word in shlex.split(text)
               if word.startswith('--config.')]
    assert len(printed) == len(COMMANDS) == 3
    small = tiny_study.overrides() | {'search.rounds': 2}
    del small['search.algorithm']
    with tiny_study.small_space():
        found = command_line.run(
            capsys, 'search', f'--workdir={tmp_path}/run', *printed,
            *(f'--config.{name}={value}' for name, value in small.items()))
    assert found.code == 0, found.err
    with open_study(tmp_path / 'run', trust_factories=True) as study:
        rows = study.records.rows()
        assert len(rows) == 4 and study.method.name == 'l1'
        for row in rows:
            net = study.network(row).net
            sizes = [node.weight.astype(bool).sum() + len(node.bias)
                     for node in net.nodes if node.weight is not None]
            assert row.measured['largest_layer'] <= max(sizes)
            whole = sum(node.weight.size for node in net.nodes)
            assert row.costs.model_size < whole


@pytest.fixture(scope='module')
def common():
    """The names that the programs share."""
    names = {}
    exec(PROGRAMS[COMMON], names)
    return names


def _run(heading, common, capsys):
    """The names of a program after it ran, and what it printed."""
    names = dict(common)
    exec(PROGRAMS[heading], names)
    return names, capsys.readouterr().out


def test_siblings_share_a_program(common, capsys):
    names, out = _run('Siblings in one program', common, capsys)
    assert out.endswith('programs: 1\n')
    assert len(set(names['sizes'])) > 1


def test_seeds_times_candidates(common, capsys):
    names, out = _run('Seeds times candidates', common, capsys)
    assert names['errors'].shape == (3, 4) and 'spread over seeds' in out
    one = jax.tree.map(lambda leaf: leaf[2], common['candidates'])
    alone = jax.jit(common['run'])(names['keys'][1], one)
    assert float(alone.error) == pytest.approx(names['errors'][1, 2], abs=1.01 / 300)


def test_a_hypergradient_is_a_slope(common, capsys):
    names, out = _run('A hypergradient', common, capsys)
    assert re.match(r'loss \d+\.\d+, d loss / d alpha -?\d+\.\d+\n', out)
    at = jax.jit(names['loss_after_training'])
    rise = float(at(0.31) - at(0.29)) / 0.02
    assert float(names['slope']) == pytest.approx(rise, rel=0.25, abs=0.02)


def test_several_devices_give_the_same(common, capsys):
    names, out = _run('Several devices', common, capsys)
    assert f'devices: {min(2, jax.device_count())}\n' in out
    alone = jax.jit(jax.vmap(common['run']))(names['keys'], common['candidates'])
    np.testing.assert_allclose(names['measured'].error, alone.error, atol=1.01 / 300)
    np.testing.assert_array_equal(
        names['measured'].costs.working_memory, alone.costs.working_memory)
