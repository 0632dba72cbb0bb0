"""Winners: kept, read again, and held to what is claimed of them."""

import dataclasses
import json
import os
import pathlib
import shutil

import numpy as np
import pytest

import sparse_jax
from experiments.paper import check, published, stored, winner
from sparse_jax import data
from sparse_jax.quantize import classify, quantize
from tests.paper import digits_study
from tests.paper.tools import has_tools

ONE = pytest.mark.parametrize('kept', [''], indirect=True)
"""Where one winner is enough."""
FILES = ('json', 'network.json', 'npz')


@pytest.fixture(scope='module', params=['', 'binary'])
def kept(request, tmp_path_factory):
    """A folder with the winner of a fresh search."""
    workdir = tmp_path_factory.mktemp('winner') / 'study'
    shutil.copytree(digits_study.folder(request.param), workdir)
    folder = workdir.parent / 'winners'
    winner.main([f'--workdir={workdir}', '--name=one', f'--folder={folder}'])
    return folder


def _states(folder, name='one', paths=None):
    return [finding.state for finding in check.check(name, paths or {}, folder)]


@pytest.mark.parametrize('name', stored.names())
def test_committed_winners_are_what_they_claim(name):
    found = list(check.check(name, {}))
    assert not [finding for finding in found if finding.state == check.WRONG]
    if name.startswith('digits'):
        skipped = [f for f in found if f.state == check.SKIPPED]
        assert not skipped or not has_tools()


def test_a_winner_without_its_numbers_is_missed(tmp_path):
    for ends in ('json', 'network.json', 'npz'):
        name = f'digits.{ends}'
        shutil.copy(stored.FOLDER / name, tmp_path / name)
    (tmp_path / 'digits.npz').unlink()
    assert stored.names(tmp_path) == ['digits']
    found, = check.check('digits', {}, tmp_path)
    assert found.state == check.WRONG


def test_a_winner_on_embedded_images_is_committed():
    assert 'digits' in stored.names()
    for name in stored.names():
        size = sum(path.stat().st_size for path in stored.FOLDER.glob(f'{name}.*'))
        # Twelve kilobytes and four bytes a value.
        assert size < 14_000 + 4 * stored.read(name).own.model_size


def test_a_winner_comes_back_bit_by_bit(kept):
    assert sorted(path.name for path in kept.iterdir()) == [
        f'one.{end}' for end in FILES]
    first = stored.read('one', kept)
    # A key of the images that are kept in memory.
    assert hash(first.data) == hash(dataclasses.replace(first.data))
    files = stored.files_of(first, 'one')
    assert files == {path.name: path.read_bytes() for path in kept.iterdir()}
    test = data.load_test(first.data)
    right = classify(quantize(first.net, first.ranges), test.images) == test.labels
    assert float(np.mean(right)) == first.claims['test']
    assert set(_states(kept)) <= (
        {check.GOOD} if has_tools() else {check.GOOD, check.SKIPPED})


def test_two_classes_are_counted_in_both_ways(kept):
    first = stored.read('one', kept)
    last = first.net.nodes[-1].weight
    more = first.costs.model_size - first.own.model_size
    if first.net.classes == 10:
        assert more == 0
    else:
        # Each weight of the difference comes from one unit or from both.
        assert 1 <= more <= np.count_nonzero(last) + 1


def _tampered(kept, tmp_path, change):
    folder = tmp_path / 'changed'
    shutil.copytree(kept, folder)
    path = folder / 'one.json'
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return folder


@pytest.mark.parametrize('change', [
    lambda d: d['claims'].update(test=0.999),
    lambda d: d['claims'].update(validation=0.0),
    lambda d: d['claims'].update(ram=1.0),
    lambda d: d['claims'].update(data_digest='0' * 32),
    lambda d: d['claims'].update(row='B:SpArSe, both under 2 KB'),
    lambda d: d['claims']['own'].update(model_size=1),
    lambda d: d['claims']['costs'].update(model_size=1),
    lambda d: d['claims']['space'].update(rows='nothing'),
    lambda d: d['data'].update(seed=1),
    lambda d: d['net'].update(mean=0.0),
    lambda d: d['net']['nodes'].pop(0),
    lambda d: d.update(net=3)])
def test_what_is_not_as_claimed_is_found(kept, tmp_path, change):
    folder = _tampered(kept, tmp_path, change)
    # The first is enough: nothing is run on the chip.
    assert any(f.state == check.WRONG for f in check.check('one', {}, folder))


@ONE
def test_the_exit_code_says_that_something_is_wrong(kept, tmp_path, capsys):
    folder = _tampered(kept, tmp_path, lambda d: d.update(net=3))
    with pytest.raises(SystemExit) as stop:
        check.main([f'--folder={folder}'])
    found = capsys.readouterr().out
    assert stop.value.code == 1 and 'WRONG' in found and 'Traceback' not in found


@ONE
def test_other_weights_are_found(kept, tmp_path):
    folder = tmp_path / 'changed'
    shutil.copytree(kept, folder)
    with np.load(folder / 'one.npz') as file:
        arrays = {name: file[name] for name in file.files}
    arrays['classifier/weight'] = -arrays['classifier/weight']
    np.savez(folder / 'one.npz', **arrays)
    assert check.WRONG in _states(folder)
    (folder / 'one.npz').write_bytes(b'PK')
    assert _states(folder) == [check.WRONG]
    np.savez(folder / 'one.npz', **{'classifier/weight': np.array([object()])})
    assert _states(folder) == [check.WRONG]


@ONE
def test_data_that_are_not_at_hand_are_said(kept, tmp_path):
    folder = _tampered(kept, tmp_path, lambda d: d['data'].update(name='mnist'))
    found = list(check.check('one', {}, folder))
    assert found[-1].state == check.SKIPPED
    assert '--data mnist=PATH' in found[-1].text
    assert {finding.state for finding in found[:-1]} == {check.GOOD}
    *_, last = check.check('one', {'mnist': str(tmp_path / 'none')}, folder)
    assert last.state == check.SKIPPED and 'none' in last.text


def test_rows_of_the_paper_have_names_of_their_own():
    rows = [row for row in published.everything() if row.is_paper]
    assert len({(row.set, winner.row_id(row)) for row in rows}) == len(rows)
    assert winner.find_row('B:SpArSe, both under 2 KB', 'usps-2').accuracy == 96.21
    with pytest.raises(stored.WinnerError, match='allowed for usps-2: B:SpArSe, mem'):
        winner.find_row('C:x', 'usps-2')


def test_flipped_bits_are_never_a_traceback(tmp_path):
    for path in stored.FOLDER.glob('digits.*'):
        shutil.copy(path, tmp_path / path.name)
    rng, noticed = np.random.default_rng(0), 0
    whole = (tmp_path / 'digits.npz').read_bytes()
    for trial in range(150):
        broken = bytearray(whole)
        for position in rng.integers(len(whole), size=1 + trial % 3):
            broken[position] ^= 1 << int(rng.integers(8))
        (tmp_path / 'digits.npz').write_bytes(broken)
        try:
            stored.read('digits', tmp_path)
        except stored.WinnerError as error:
            assert '\n' not in str(error)
            noticed += 1
    assert noticed > 100
    (tmp_path / 'digits.json').write_text('[' * 100_000)
    with pytest.raises(stored.WinnerError, match='no winner: RecursionError'):
        stored.read('digits', tmp_path)
    assert stored.claims('digits', tmp_path) == {}


@ONE
def test_the_winner_of_another_study_is_kept(kept, tmp_path, capsys):
    folder, workdir = tmp_path / 'winners', tmp_path / 'study'
    shutil.copytree(kept, folder)
    grouping = stored.read('one', folder).data.grouping
    shutil.copytree(digits_study.folder(grouping), workdir)
    other = tmp_path / 'other'
    shutil.copytree(digits_study.folder('' if grouping else 'binary'), other)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    words = ['--name=one', f'--folder={folder}']
    # The same study again.
    winner.main([f'--workdir={workdir}', *words])
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    capsys.readouterr()
    for break_first in (False, True):
        if break_first:
            (folder / 'one.npz').unlink()
        with pytest.raises(SystemExit) as stop:
            winner.main([f'--workdir={other}', *words])
        found = capsys.readouterr()
        assert stop.value.code == 2 and not found.out and found.err.count('\n') == 1
        assert '--replace' in found.err
        assert (folder / 'one.json').read_bytes() == before['one.json']
    winner.main([f'--workdir={other}', *words, '--replace'])
    assert stored.read('one', folder).data.grouping != grouping


@ONE
@pytest.mark.parametrize('place', range(4))
def test_a_kill_between_the_files_needs_no_replace(kept, tmp_path, monkeypatch, place):
    """Renames and the removal of the old claim: killed before the first, the second..
    """
    grouping = stored.read('one', kept).data.grouping
    folder, other = tmp_path / 'winners', tmp_path / 'other'
    shutil.copytree(kept, folder)
    shutil.copytree(digits_study.folder('' if grouping else 'binary'), other)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    words = [f'--workdir={other}', '--name=one', f'--folder={folder}']
    seen = []

    def killed(call):
        def instead(*args, **options):
            if str(folder) in str(args[0]):
                seen.append(args)
                if len(seen) > place:
                    raise KeyboardInterrupt
            return call(*args, **options)
        return instead

    with monkeypatch.context() as patch:
        patch.setattr(os, 'replace', killed(os.replace))
        patch.setattr(pathlib.Path, 'unlink', _first_claim(
            pathlib.Path.unlink, killed))
        with pytest.raises(SystemExit) as stop:
            winner.main([*words, '--replace'])
    assert stop.value.code == 130 and len(seen) > place
    left = {path.name: path.read_bytes() for path in folder.iterdir()}
    if place == 0:
        assert left == before
        return
    assert 'one.json' not in left and not [n for n in left if n.endswith('.tmp')]
    assert _states(folder) == [check.WRONG]
    winner.main(words)
    assert stored.read('one', folder).data.grouping != grouping


def _first_claim(unlink, killed):
    """Of `Path.unlink`: the call that takes the old claim away counts alone."""
    counted = killed(unlink)
    return lambda path, **options: (
        counted if path.name == 'one.json' else unlink)(path, **options)


@ONE
def test_a_network_is_kept_by_name(kept, tmp_path, capsys):
    grouping = stored.read('one', kept).data.grouping
    workdir = tmp_path / 'study'
    shutil.copytree(digits_study.folder(grouping), workdir)
    with sparse_jax.open_study(workdir) as study:
        name = study.records.networks()[-1].name
    words = [f'--workdir={workdir}', f'--folder={tmp_path / "winners"}']
    winner.main([*words, '--name=named', f'--trial={name}'])
    with pytest.raises(SystemExit, match='2'):
        winner.main([*words, '--name=again'])
    assert 'has named of this study; allowed: --name=named' in capsys.readouterr().err
    assert stored.read('named', tmp_path / 'winners').claims['trial'] == name
    with pytest.raises(SystemExit) as stop:
        winner.main([*words, '--name=named', '--trial=99'])
    assert stop.value.code == 2
    assert '--trial=99: no such trial; allowed: best' in capsys.readouterr().err
    assert stored.names(tmp_path / 'winners') == ['named']


@pytest.mark.parametrize('main, words, line', [
    (check.main, ['--folder={}'], 'has no winner'),
    (check.main, ['--data', 'mnist'], '--data mnist: allowed: SET=PATH'),
    (check.main, ['--data=nosuch={}'],
     "no winner needs images of 'nosuch'; allowed as SET: chars4k, cifar10, mnist"),
    (check.main, ['--data=digits={}'], 'allowed as SET: chars4k, cifar10, mnist'),
    (check.main, ['--dta=mnist={}'], 'unrecognized arguments: --dta=mnist='),
    (winner.main, [], 'required: --workdir; --help lists all flags'),
    (winner.main, ['--workdir={}'], 'no study here'),
    (winner.main, ['--workdir={}', '--name=a.network'], '--name=a.network: allowed: '),
    (winner.main, ['--workdir={}', '--name=A b'], '--name=A b: allowed: ')])
def test_mistakes_are_one_line(tmp_path, capsys, main, words, line):
    with pytest.raises(SystemExit) as stop:
        main([word.format(tmp_path) for word in words])
    found = capsys.readouterr()
    assert stop.value.code == 2 and not found.out
    assert line in found.err and found.err.count('\n') == 1
