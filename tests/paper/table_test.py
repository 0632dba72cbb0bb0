"""experiments.paper.table: the paper's tables with rows that were run here."""

import dataclasses
import json
import shlex
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest

import sparse_jax
from experiments import chars4k_binary_cpu, cifar10_binary_cpu, mnist_cpu
from experiments.paper import (
    markdown,
    ours,
    published,
    standing,
    stored,
    table,
    verdict,
)
from experiments.paper.chip import Chip, costs
from experiments.paper.held import Held
from experiments.paper.searched import Choice, Searched, kind_of
from sparse_jax import data
from sparse_jax.baselines import rows
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.quantize import int8_accuracy
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.reading import read
from sparse_jax.study import finals, planned
from sparse_jax.study.front import TESTS
from tests.launch.command_line import ENVIRONMENT, ROOT
from tests.paper import digits_study

COSTS = Totals(1800, 630, 1400, 9000, 500)
OURS = ours.Ours('small', 'mnist-10', '', '7@-1', 0.96, 0.9581, COSTS, COSTS,
                 Chip(1900, 620, 2500, 12.5, True), 1.5, 40, 3, '2026-01-01',
                 'python -m launch.search')
HELD = Held((OURS,))
ROW = published.Published('B', 'mnist-10', 'SpArSe', 'poster', 95.8, 1802, 635)


def test_published_figures_are_those_of_the_presets():
    found = {(row.table, row.set, row.accuracy): row for row in published.everything()}
    for set_, accuracy, row in (
            ('mnist-10', 97.0, mnist_cpu.ROWS['wide']),
            ('mnist-10', 95.8, mnist_cpu.ROWS['small']),
            ('cifar10-2', 73.66, cifar10_binary_cpu.ROWS['wide']),
            ('cifar10-2', 71.76, cifar10_binary_cpu.ROWS['small']),
            ('chars4k-2', 76.8, chars4k_binary_cpu.ROWS['narrow'])):
        mark = found['B', set_, accuracy]
        assert (mark.model_size, mark.working_memory) == row[:2]
    # Table C: 2.77 and 1.96 KB.
    assert found['C', 'mnist-10', 98.64].model_size == round(2.77 * 1024)
    assert found['C', 'mnist-10', 98.64].working_memory == round(1.96 * 1024)


def test_published_rows_are_whole():
    for row in published.everything():
        assert row.table in published.TABLES and row.source
        assert row.accuracy or row.is_paper
        assert bool(row.against) == (row.table == 'A' and row.is_paper)
        # A competitor of table A stands in it with its own figures.
        if row.against:
            theirs = [r for r in published.rows('A', row.set)
                      if r.system == row.against]
            assert len(theirs) == 1, row
            if row.accuracy and theirs[0].accuracy:
                assert row.accuracy >= theirs[0].accuracy


@pytest.mark.parametrize('changes, words', [
    ({}, 'won'),
    ({'test': 0.958}, 'won'),
    ({'test': 0.95789}, 'not won: 0.01 points of accuracy'),
    ({'costs': COSTS._replace(model_size=1803)}, 'not won: 1 B of model too many'),
    ({'costs': COSTS._replace(working_memory=700), 'test': 0.9},
     'not won: 5.80 points of accuracy, 65 B of working memory too many')])
def test_a_row_is_won_by_all_figures(changes, words):
    assert verdict.verdict(ROW, Held((OURS._replace(**changes),))) == words


def test_the_memory_model_is_that_of_the_table():
    row = ROW._replace(table='C')
    assert verdict.verdict(row, HELD) == (
        'not won: 765 B of working memory too many')
    assert verdict.verdict(row._replace(working_memory=1400), HELD) == 'won'
    # Table A counts values alone, and says so.
    row = ROW._replace(table='A', working_memory=None, model_size=1000)
    assert verdict.verdict(row, HELD) == 'not won: 800 non-zeros too many'


def test_what_nobody_knows_is_not_won():
    assert verdict.verdict(ROW._replace(accuracy=None), HELD) == (
        'open: accuracy of the row is not known')
    assert verdict.verdict(ROW._replace(model_size=None), HELD) == (
        'open: model size of the row is not known')


class Fake:
    """A search by hand: networks that it has, the first is what it stands for."""

    def __init__(self, name, *choices, seed=0, kind='', **more):
        self.name, self.set, self.seed, self.kind = name, 'mnist-10', seed, kind or name
        self.is_random, self.choices = False, choices
        self.limits = dict.fromkeys(Totals._fields, 0)
        vars(self).update(more)

    def aims_at(self, limits):
        return Searched.aims_at(self, limits)

    def own(self):
        return next(iter(self.choices), None)

    def within(self, limits):
        return next((one for one in self.choices if all(
            getattr(one.costs, field) <= most for field, most in limits.items())), None)


def _choice(validation=0.96, network='7', **costs):
    return Choice(network, validation, COSTS._replace(**costs))


def _held(row, *searches):
    found = standing.held_against(row, searches)
    return found and [(one.search.name, one.choice.network) for one in found.found]


def test_validation_and_costs_pick_the_network_over_all_searches():
    large = Fake('large', _choice(0.99, model_size=1900))
    lower, mine = Fake('lower', _choice(0.95)), Fake('mine', _choice())
    other = Fake('other', _choice(1.0), set='mnist-2')
    chance = Fake('chance', _choice(1.0), is_random=True)
    assert _held(ROW, large, lower, other, chance, mine) == [('mine', '7')]
    # A search of other bounds has a smaller network within those of the row.
    wide = Fake('wide', _choice(0.99, model_size=4000), _choice(0.97, '9'))
    assert _held(ROW, wide, mine) == [('wide', '9')]
    larger = Fake('larger', _choice(model_size=4000))
    assert _held(ROW, larger, large) == [('large', '7')]
    assert _held(ROW, other, chance) is None and _held(ROW, Fake('none')) is None


def test_each_table_counts_its_own_memory():
    one = Fake('one', _choice())
    for table_, limits in (
            ('A', {'model_size': 1802}), ('B', {'model_size': 1802,
                                                'working_memory': 635}),
            ('C', {'model_size': 1802, 'working_memory_weights': 635}),
            ('D', {'model_size': 1802, 'working_memory_without_image': 635})):
        row = ROW._replace(table=table_)
        assert standing.limits_of(row) == limits
        assert standing.excess(row, COSTS) == {
            'C': 1400 / 635}.get(table_, 1800 / 1802)
        # Nothing is within C; the nearest is what it stands for.
        assert _held(row, one) == [('one', '7')]
    assert standing.limits_of(ROW._replace(model_size=None)) == {'working_memory': 635}


def test_seeds_are_one_search_and_their_median_decides():
    three = [Fake(f's{i}', _choice(v, str(i)), seed=i, kind='x')
             for i, v in enumerate((0.95, 0.99, 0.96))]
    steady = Fake('steady', _choice(0.97))
    assert _held(ROW, *three, steady) == [('steady', '7')]
    assert _held(ROW, *three) == [('s1', '1'), ('s2', '2'), ('s0', '0')]
    # A search with a network for every seed comes before one with some.
    gap = [*three, Fake('s3', _choice(model_size=4000), seed=3, kind='x')]
    assert _held(ROW, *gap, Fake('lower', _choice(0.5))) == [('lower', '7')]
    found = standing.held_against(ROW, gap)
    assert found.without == ('s3',) and found.validation == 0.96
    assert [[one.name for one in group] for group in standing.groups(
        [steady, *reversed(three)])] == [['steady'], ['s0', 's1', 's2']]


def test_the_verdict_is_that_of_the_median():
    tests = (0.97, 0.9579, 0.9581)
    held = Held(tuple(OURS._replace(name=f's{i}', test=t, seed=i)
                      for i, t in enumerate(tests)))
    assert verdict.verdict(ROW, held) == 'won'
    assert markdown.result(ROW, held) == (
        'won; median of 3 seeds 95.81 % (95.79 to 97.00)')
    low = Held((*held.found, OURS._replace(name='s4', test=0.90)))
    # 95.79 and 95.81.
    assert verdict.verdict(ROW, low) == 'won'
    low = Held((*held.found[1:], OURS._replace(name='s4', test=0.90)))
    assert verdict.verdict(ROW, low) == 'not won: 0.01 points of accuracy'
    assert verdict.verdict(ROW, held._replace(without=('s5',))) == (
        'not won: no network within the limits in s5')
    other = ROW._replace(system='SpArSe, both')
    line, = [one for one in markdown.searches([held], {ROW: held, other: held}
                                              ).splitlines() if '| s0, s1' in one]
    assert line == ('| s0, s1, s2 | mnist-10 | its own bounds; B: SpArSe; B: SpArSe, '
                    'both | 3 | 96.00 | 95.81 | 95.79 | 97.00 |')


def test_a_row_that_no_search_was_held_to_has_no_result():
    limits = {'model_size': 1900, 'working_memory': 630}
    wide = Fake('wide', _choice(), limits=limits)
    assert not standing.held_against(ROW, [wide]).aimed
    # Another search of the data was; the better one is shown.
    lower = Fake('lower', _choice(0.9), limits=limits | {'model_size': 1802})
    found = standing.held_against(ROW, [wide, lower])
    assert found.aimed and found.best.search is wide
    lost = Held((OURS._replace(test=0.9),), aimed=False)
    row, = [one for one in published.rows('B', 'mnist-10') if one.accuracy == 95.8]
    text = markdown.table('B', 'mnist-10', [], [], {row: lost})
    assert ('* SpArSe, both under 2 KB (95.80 %): no search was held to this row; the '
            'best there is, small: 90.00 %, 630 B of working memory, 1,800 B of model'
            ) in text and '| here: small |' not in text
    row, = [one for one in published.rows('A', 'mnist-10') if one.against == 'MODC']
    line, = [one for one in markdown.table(
        'A', 'mnist-10', [], [], {row: lost}).splitlines() if '| MODC |' in one]
    assert line.endswith('| – | – | no search was held to this row; the best there is, '
                         'small: 90.00 %, 1,800 non-zeros |')
    assert '| small |' not in markdown.searches([], {row: lost})
    # What is won is won, whatever the search was told.
    assert markdown.result(ROW, HELD._replace(aimed=False)) == 'won'


def test_unas_is_held_against_searches_as_it_counts():
    row, = published.rows('D', 'cifar10-2')
    assert (row.accuracy, row.model_size, row.working_memory) == (77.49, 685, 909)
    assert row.is_target and not row.is_paper
    # One output unit for two classes; the image does not count.
    ours_ = OURS._replace(
        set='cifar10-2', test=0.78, costs=Totals(680, 4000, 4000, 9, 909),
        two_units=Totals(700, 4000, 4000, 9, 910))
    assert verdict.verdict(row, Held((ours_,))) == 'won'
    text = markdown.table('D', 'cifar10-2', [], [Held((ours_,))], {row: Held((ours_,))})
    assert '| here: small | 78.00 | 909 | 680 |' in text and '* uNAS (77.49 %)' in text


def test_settings_but_the_seed_tell_searches_apart():
    config = sparse_jax.default_config()
    first = kind_of(read(config))
    config.seed = 4
    config.data.path = 'elsewhere'
    config.differentiable.steps = 7
    assert kind_of(read(config)) == first
    config.search.batch = 3
    assert kind_of(read(config)) != first


def test_a_teacher_is_what_it_says_not_where_its_file_is():
    config, kinds = sparse_jax.default_config(), []
    for place, digest in (('/a', '1'), ('/b', '1'), ('/a', '2'), ('', '')):
        config.data.soft_labels = place
        kinds.append(kind_of(read(config), digest))
    assert kinds[0] == kinds[1] and len(set(kinds)) == 3


def test_searches_are_told_apart_by_the_digest_that_their_studies_keep():
    settings = read(sparse_jax.default_config())
    searches = []
    for digest in ('1', '1', '2', None):
        records = types.SimpleNamespace(
            networks=list, stored_weights=set, meta={'soft labels': digest}.get)
        searches.append(Searched(types.SimpleNamespace(
            settings=settings, records=records)))
    kinds = [one.kind for one in searches]
    assert kinds[0] == kinds[1] and len(set(kinds)) == 3


def test_competitors_run_here_stand_beside_the_published_ones():
    row = rows.Row('bonsai', 'cifar10_binary', 2, 'abc', 'def', 0.7, 0.7123, 2048, 512,
                   500, 3, 1.0, {}, {'kilobytes': 2.0, 'epochs': 9, 'seed': 0})
    found = markdown.table('A', 'cifar10-2', [row], [], {})
    line, = [one for one in found.splitlines() if one.startswith('| Bonsai, 2 KB ')]
    assert line.split(' | ')[1:5] == ['73.02', '507', '71.23', '500']
    odd = dataclasses.replace(row, asked={'kilobytes': 5.0, 'epochs': 9, 'seed': 1})
    assert '| Bonsai, 5 KB | – | – | 71.23 | 500 |' in markdown.table(
        'A', 'cifar10-2', [odd], [], {})


def test_how_competitors_were_tuned_is_told():
    asked = {'kilobytes': 2.0, 'epochs': 15, 'seed': 4}
    tree = rows.Row('bonsai', 'cifar10_binary', 2, 'abc', 'def', 0.7, 0.7, 2048, 512,
                    500, 4, 1.0, {}, asked)
    vectors = dataclasses.replace(
        tree, method='svm', tried=2, asked=asked | {'svm_examples': 2000})
    assert markdown.tunings([tree, vectors]) == (
        'Tuned here on validation images: Bonsai, 2 KB (best of 4, 15 epochs, seed 4), '
        'RBF-SVM (best of 2, on 2,000 of the training images, seed 4).')
    assert markdown.tunings([]) == ''


def test_figures_without_a_linked_image_are_those_of_the_cost_model():
    kept = stored.read('digits')
    images = np.zeros((1, *kept.net.input_shape))
    found = costs(kept.net, kept.ranges, images, links=False)
    assert not found.linked and not found.failure and found.ram == kept.claims['ram']
    assert found.flash > kept.own.model_size and found.latency > 0


def test_kept_competitors_stand_in_the_tables_of_their_data(tmp_path):
    row = rows.Row('knn', 'usps_binary', 2, 'abc', 'def', 0.7, 0.7123, 2048, 512, 500,
                   3, 1.0, {}, {'kilobytes': 2.0, 'seed': 0})
    other = dataclasses.replace(row, data='digits', classes=10)
    rows.write(tmp_path / 'usps_2kb', [row, other])
    found = table.with_kept(table.Read([], {}, [], []), ['usps-2'], tmp_path)
    assert found.run == [row]
    text = table.text(found, hardware='', sets=['usps-2'])
    assert '| kNN | 96.70 | 1,866,496 | 71.23 | 500 |' in text
    again = table.with_kept(found, [], tmp_path)
    assert again.run == [row]
    assert not table.with_kept(table.Read([], {}, [], []), ['mnist-10'], tmp_path).run


def test_committed_rows_are_as_they_were_written():
    folders = [path.parent for path in table.ROWS.glob('*/*.json')]
    assert folders
    for folder in folders:
        assert rows.is_whole(folder, rows.read(folder))


def test_random_search_is_a_competitor():
    chance = Held((OURS._replace(name='chance', is_random=True, validation=1.0),))
    for table_, line in (
            ('A', '| random search: chance | – | – | 95.81 | 1,800 | –'),
            ('B', '| random search: chance | 95.81 | 630 | 1,800 |'),
            ('C', '| random search: chance | 95.81 | 1,400 | 1,800 |')):
        assert line in markdown.table(table_, 'mnist-10', [], [chance], {})


def test_what_is_held_against_a_row_stands_in_its_table():
    row, = [one for one in published.rows('C', 'mnist-10') if one.accuracy == 98.64]
    best = OURS._replace(name='best', test=0.9873,
                         costs=Totals(1738, 628, 990, 9000, 600))
    text = markdown.table('C', 'mnist-10', [], [HELD], {row: Held((best,))})
    assert '| here: best | 98.73 | 990 | 1,738 | trial 7@-1, int8, seed 3 |' in text
    assert '| here: small | 95.81 | 1,400 | 1,800 |' in text
    assert '* SpArSe, best accuracy (98.64 %): best, won' in text
    row, = [one for one in published.rows('A', 'mnist-10') if one.against == 'MODC']
    text = markdown.table('A', 'mnist-10', [], [], {row: Held((best,))})
    line, = [one for one in text.splitlines() if one.startswith('| MODC |')]
    assert line.endswith('| 98.73 | 1,738 | not won: 0.44 points of accuracy, 288 '
                         'non-zeros too many |')


def test_two_classes_are_told_in_both_ways():
    both = OURS._replace(two_units=COSTS._replace(model_size=1810))
    assert '| 1,800 (1,810) |' in markdown.details([both])
    assert '| 1,800 |' in markdown.details([OURS])
    assert verdict.verdict(ROW, Held((both._replace(test=0.97),))) == (
        'won as built; with two output units 8 B of model too many')
    within = OURS._replace(test=0.97, two_units=COSTS._replace(model_size=1802))
    assert verdict.verdict(ROW, Held((within,))) == 'won'
    lost = both._replace(test=0.9)
    assert verdict.verdict(ROW, Held((lost,))) == 'not won: 5.80 points of accuracy'


def test_a_search_stands_for_what_its_study_chose():
    with sparse_jax.open_study(digits_study.folder('binary')) as study:
        search = Searched(study)
        best = finals.chosen(study.records.networks(), study.objectives)
        assert search.own() == Choice(best.name, 1 - best.error, best.figures[1])
        aims = dict(zip(study.objectives.names, study.objectives.bounds))
        assert search.limits == {
            name: aims[name] for name in ('model_size', 'working_memory')}
        # A study of before this count: the network is read.
        older = best._replace(costs=best.costs._replace(working_memory_without_image=0))
        assert search.costs(older) == best.figures[1]
        both = search.two_units(best.name)
        assert both.model_size > best.costs.model_size


def test_networks_of_a_study_are_held_against_other_limits():
    with sparse_jax.open_study(digits_study.folder('binary')) as study:
        search = Searched(study)
        own, networks = search.own(), search.networks
        counted = {row.name: row.figures[1] for row in networks if row.ok}
        small = min(counted.values(), key=lambda costs: costs.model_size)
        for limits in ({}, {'model_size': own.costs.model_size}):
            assert search.within(limits) == own
        limits = {'model_size': small.model_size,
                  'working_memory_weights': small.working_memory_weights}
        found = search.within(limits)
        assert found.costs == counted[found.network]
        fitting = [row for row in networks if row.ok and all(
            getattr(counted[row.name], name) <= most for name, most in limits.items())]
        assert 1 - found.validation == min(row.error for row in fitting)
        assert search.within({'model_size': small.model_size - 1}) is None
        assert search.set == 'digits-2' and search.name == 'binary'
        assert search.is_random and search.seed == 0


def test_a_study_of_digits_becomes_its_row(tmp_path):
    folder, out = tmp_path / 'digits', tmp_path / 'tables.md'
    shutil.copytree(digits_study.folder(), folder)
    table.main([f'--workdirs={folder}', f'--out={out}', '--cores=2'])
    text = out.read_text()
    with sparse_jax.open_study(folder) as study:
        best = study.network()
        test = data.load_test(study.data_spec)
        accuracy = int8_accuracy(best.net, study.dataset.train.images[:256], *test)
        tests = json.loads(study.records.meta(TESTS))
    assert tests == {best.row.name: accuracy}
    counted = best.row.costs
    assert f'| random search: digits | {100 * accuracy:.2f} | ' \
           f'{counted.working_memory} | ' \
           f'{counted.model_size} | trial {best.row.name}, int8, seed 0 |' in text
    *_, row = [line for line in text.splitlines()
               if line.startswith('| digits | digits-')]
    cells = row.split(' | ')
    assert cells[7:9] == [
        str(counted.working_memory), str(counted.working_memory_weights)]
    assert cells[9] == str(counted.working_memory_without_image)
    ram, flash = (int(cell.split()[0].replace(',', '')) for cell in cells[10:12])
    assert 0 < ram <= counted.working_memory and flash > 500
    assert cells[14] == '2' and np.isfinite(float(cells[12]))
    # The command makes the same settings again.
    line, = [one for one in text.splitlines() if one.startswith('python -m launch.')]
    assert "--config.data.max_train=300" in line and 'config.search.batch=2' in line
    # Again: nothing is tested twice, and the text is the same.
    out.write_text(f'mine\n\n{table.MARKS[0]}\nold\n{table.MARKS[1]}\nmine too\n')
    table.main([f'--workdirs={folder}', f'--into={out}', '--cores=2'])
    assert out.read_text() == (f'mine\n\n{table.MARKS[0]}\n\n{text}\n'
                               f'{table.MARKS[1]}\nmine too\n')


def test_a_study_that_is_named_twice_is_one_seed(tmp_path):
    shutil.copytree(digits_study.folder(), tmp_path / 'sweep' / 'digits')
    (tmp_path / 'link').symlink_to(tmp_path / 'sweep')
    inner = tmp_path / 'sweep' / 'digits'
    found = table.read([str(tmp_path / 'sweep'), str(inner), str(tmp_path / 'link')],
                       cores=1)
    held, = found.own
    assert len(held.found) == 1


def test_the_command_of_a_row_gives_its_settings():
    config = sparse_jax.default_config()
    config.update_from_flattened_dict({
        'search.rungs': (0.1, 1.0), 'space.restrict': 'batch-norm=true, alpha=0.1:1',
        'seed': 3, 'pruning.cuts': (), 'data.path': '/a', 'data.soft_labels': '/b'})
    words = shlex.split(ours.command(read(config)))[4:]
    given = dict(word.removeprefix('--config.').split('=', 1) for word in words)
    assert given == {
        'search.rungs': '(0.1, 1.0)', 'seed': '3', 'pruning.cuts': '()',
        'space.restrict': 'batch-norm=true, alpha=0.1:1', 'data.path': 'PATH',
        'data.soft_labels': 'PATH'}


def test_the_command_of_trainings_of_one_network():
    settings = planned.one_round(Settings(seed=3), 2)
    assert shlex.split(ours.command(settings)) == [
        'python', '-m', 'launch.train', '--workdir=DIR', '--network=FILE',
        '--repeats=2', '--config.seed=3']


@pytest.mark.parametrize('words, line', [
    ([], 'nothing to print'), (['--sets=mnist'], '--sets=mnist: allowed: '),
    (['--workdirs=/nowhere'], 'no study here'), (['--sets=usps-2', '--cores=0'],
                                                 '--cores=0: allowed: '),
    (['--sets=usps-2', '--out=/nowhere/a.md'], '--out=/nowhere/a.md: allowed: a file'),
    (['--sets=usps-2', '--out=docs'], '--out=docs: allowed: a file in a folder'),
    (['--sets=usps-2', '--into=/nowhere/a.md'], '--into=/nowhere/a.md: allowed: a fi'),
    (['--sets=usps-2', '--into=LICENSE'], '--into=LICENSE: allowed: a file with the l'),
    (['--sets=usps-2', '--into=LICENSE', '--out=a.md'], '--out=a.md: allowed: without'),
    (['--cores=two'], "argument --cores: invalid int value: 'two'"),
    (['--workdir=runs'], 'unrecognized arguments: --workdir=runs')])
def test_mistakes_are_one_line(capsys, words, line):
    with pytest.raises(SystemExit) as stop:
        table.main(words)
    found = capsys.readouterr()
    assert stop.value.code == 2 and not found.out
    assert line in found.err and found.err.count('\n') == 1


@pytest.mark.parametrize('lines', [
    (), table.MARKS[:1], table.MARKS[::-1], (*table.MARKS, table.MARKS[0])])
def test_a_file_without_its_two_lines_is_left_alone(tmp_path, capsys, lines):
    path = tmp_path / 'a.md'
    path.write_text('\n'.join(lines))
    with pytest.raises(SystemExit) as stop:
        table.main(['--sets=usps-2', f'--into={path}'])
    found = capsys.readouterr().err
    assert stop.value.code == 2 and found.count('\n') == 1 and 'each once' in found
    assert path.read_text() == '\n'.join(lines)


@pytest.mark.slow
def test_the_command():
    found = subprocess.run(
        [sys.executable, '-m', 'experiments.paper.table', '--sets=usps-2'], cwd=ROOT,
        env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0 and '| SpArSe, both under 2 KB | 96.21 | 1,004 | ' \
        '1,516 |' in found.stdout, found.stderr
