"""experiments.paper.kept: winners stand in the tables of a clone without studies."""

import functools
import json
import shutil
import sys

import pytest

import sparse_jax
from experiments.paper import kept, markdown, ours, published, standing, stored, table
from experiments.paper.held import Held
from experiments.paper.kept import Kept
from experiments.paper.searched import Choice, Searched, kind_of
from experiments.paper.winner import study_id, winner_of
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.reading import read
from sparse_jax.study import planned
from tests.launch.command_line import ROOT
from tests.paper import digits_study


@functools.cache
def _searches():
    return {one.name: one for one in kept.read()}


def _mended(name, tmp_path, **claims):
    """A copy of a committed winner that claims something else."""
    for path in stored.FOLDER.glob(f'{name}.*'):
        shutil.copy(path, tmp_path / path.name)
    path = tmp_path / f'{name}.json'
    document = json.loads(path.read_text())
    document['claims'] |= claims
    path.write_text(json.dumps(document))
    return path


def test_a_command_says_all_settings_of_its_search():
    config = sparse_jax.default_config()
    config.update_from_flattened_dict({
        'search.rungs': (0.1, 1.0), 'space.restrict': 'batch-norm=true, alpha=0.1:1',
        'seed': 3, 'pruning.cuts': (), 'objectives.names': ('error', 'macs'),
        'budgets.model_size': 700, 'data.classes': '0-4'})
    settings = read(config)
    assert kept.settings_of(ours.command(settings)) == settings
    one = planned.one_round(Settings(seed=3), 2)
    again = kept.settings_of(ours.command(one))
    assert again.seed == 3 and kind_of(again) == kind_of(Settings())


def test_a_winner_is_the_network_of_its_search():
    one = _searches()['mnist_small']
    assert (one.set, one.seed, one.is_random) == ('mnist-10', 1, False)
    claims = one.winner.claims
    assert one.own() == Choice('112', claims['validation'], one.costs)
    # It was kept before this was counted; the network says it.
    assert one.costs.working_memory_without_image > 0
    assert one.costs[:4] == one.winner.own[:4]
    small = {'model_size': 1802, 'working_memory': 635}
    assert one.aims_at(small) and one.within(small) == one.own()
    assert not one.aims_at(small | {'model_size': 1801})
    assert not one.aims_at({'working_memory_weights': 9999})
    assert one.within({'model_size': one.costs.model_size - 1}) is None
    # Table C counts the other memory.
    assert _searches()['cifar10_binary_small_5'].aims_at(
        {'model_size': 799, 'working_memory_weights': 1311})


def test_its_row_has_the_figures_that_are_claimed():
    one = _searches()['cifar10_binary_small']
    row, claims = one.row(cores=2), one.winner.claims
    assert (row.validation, row.test) == (claims['validation'], claims['test'])
    assert row.costs == one.costs and row.two_units == one.winner.costs
    assert row.grouping == 'binary' and row.chip.ram == claims['ram']
    assert not row.chip.linked and row.candidates is None and row.core_hours is None
    line = markdown.details([row]).splitlines()[-1]
    assert line.endswith('| – | – | 1 | 2026-11-26 |')


def test_repetitions_are_one_search():
    groups = standing.groups(_searches().values())
    names = [[one.name for one in group] for group in groups]
    assert [f'chars4k_nonzeros{end}' for end in ('', '_seed_1', '_seed_2')] in names
    assert ['mnist_small'] in names
    assert 'paper_deployed' not in _searches() and 'digits' not in _searches()


def test_newer_winners_say_what_the_search_took(tmp_path):
    _mended('mnist_small', tmp_path, seconds=1800, candidates=40)
    one, = kept.read(tmp_path)
    assert (one.row(cores=2).core_hours, one.row(cores=2).candidates) == (1.0, 40)


def test_the_winner_of_a_study_that_is_given_is_that_study(tmp_path):
    with sparse_jax.open_study(digits_study.folder()) as study:
        winner = winner_of(study)
        assert winner.claims['study'] == study_id(study)
        search = Searched(study)
        assert winner.claims['candidates'] == len(
            [row for row in search.networks if row.offset is None]) == 2
        assert winner.claims['seconds'] >= 1
        assert kept.settings_of(winner.claims['command']) == study.settings
        one, own = Kept('one', winner), search.own()
        assert (one.kind, one.is_random) == (search.kind, search.is_random)
        assert one.own()._replace(validation=0.8) == own._replace(validation=0.8)
        assert one.own().validation == pytest.approx(own.validation)
        limits = {'model_size': 1000}
        assert one.aims_at(limits) == search.aims_at(limits)
    folder = tmp_path / 'digits'
    shutil.copytree(digits_study.folder(), folder)
    other = Kept('other', winner._replace(claims=winner.claims | {'study': 'other'}))
    given = table.read([str(folder)], cores=1, winners=[one, other])
    held, = given.own
    assert sorted(ours_.name for ours_ in held.found) == ['digits', 'other']


def test_the_tables_of_the_documents_are_those_of_the_kept_networks():
    given = table.read([], cores=1, winners=list(_searches().values()))
    row, = [row for row in published.rows('B', 'mnist-10') if row.accuracy == 95.8]
    best = 'mnist_small_6_minutes_seed_1'
    assert given.against[row].best.name == best
    made = table.text(table.with_kept(given, []), hardware=table.cores_text(1))
    assert f'* SpArSe, both under 2 KB (95.80 %): {best}, won' in made
    document = (ROOT / 'docs/results.md').read_text()
    first, last = (document.index(mark) for mark in table.MARKS)
    shown = document[first + len(table.MARKS[0]):last]
    assert 'Made by `python -m experiments.paper.table --kept --cores=1`' in shown
    # All but the day and the version of jax.
    assert _without_date(shown) == _without_date(made)


def _without_date(text):
    return [line for line in text.strip().split('\n')
            if not line.startswith('Made by `python -m experiments.paper.table')]


def test_seeds_of_other_minutes_have_their_own_command():
    one, other = (_searches()[name].row(cores=1) for name in (
        'mnist_nonzeros_few', 'mnist_nonzeros_few_seed_2'))
    text = markdown.commands([Held((one, other))])
    assert text.count('python -m launch.search') == 2
    text = markdown.commands([Held((one, one._replace(
        name='again', seed=3, command=f'{one.command} --config.seed=3')))])
    assert '# mnist_nonzeros_few, again: seeds 1, 3\n' in text
    assert text.count('python -m launch.search') == 1


@pytest.mark.parametrize('claims', [
    {'test': 98.5}, {'validation': float('nan')}, {'validation': 'x'}, {'trial': 3},
    {'command': None}, {'seconds': -5}, {'candidates': [1]}, {'study': 7}, {'date': 5},
    {'costs': {}}, {'own': {'model_size': 1}},
    {'own': dict.fromkeys(Totals._fields, 1)}])
def test_claims_of_another_form_are_one_line(tmp_path, claims):
    _mended('mnist_small', tmp_path, **claims)
    with pytest.raises(stored.WinnerError, match='mnist_small: ') as stop:
        kept.read(tmp_path)
    assert '\n' not in str(stop.value)


def test_code_that_a_command_names_is_not_run(tmp_path):
    _mended('mnist_small', tmp_path, command=(
        'python -m launch.search --workdir=DIR '
        "\"--config.objectives.names=('error', 'this:x')\""))
    sys.modules.pop('this', None)
    with pytest.raises(stored.WinnerError, match='code of its own'):
        kept.read(tmp_path)
    assert 'this' not in sys.modules


def test_two_winners_of_one_study_are_refused(tmp_path):
    for name in ('mnist_small_6_minutes_seed_0', 'mnist_small_6_minutes_seed_1'):
        _mended(name, tmp_path, study='the same')
    with pytest.raises(stored.WinnerError, match='seed_1 are of one study; allowed'):
        kept.read(tmp_path)


@pytest.mark.parametrize('command', [
    'python -m launch.search --workdir=DIR --config.search.rouns=3',
    'python -m launch.search --workdir=DIR --config.data',
    'python -m launch.search --workdir=DIR --config.objectives.names=3',
    "python -m launch.search --workdir=DIR '--config.seed=3"])
def test_a_command_that_is_none_is_one_line(tmp_path, command):
    _mended('mnist_small', tmp_path, command=command)
    with pytest.raises(stored.WinnerError, match='no search: ') as stop:
        kept.read(tmp_path)
    assert '\n' not in str(stop.value)
