"""A page that follows a search: written when it has got on, never of test data."""

import contextlib
import shutil
import threading

import pytest

from launch import following, report
from sparse_jax import data
from sparse_jax.settings.stored import dumps
from sparse_jax.study import folder, lock
from sparse_jax.study.opened import open_study
from sparse_jax.study.records import Study, StudyError
from tests import tiny_study
from tests.launch import command_line
from tests.report import structure

pytestmark = pytest.mark.usefixtures('without_pictures')


@pytest.fixture
def made(tmp_path):
    """A whole study."""
    made = shutil.copytree(tiny_study.finished().workdir, tmp_path / 'study')
    (made / 'config.json').write_text(dumps(tiny_study.settings()))
    return made


def test_a_page_for_every_step_until_the_search_ends(made, monkeypatch):
    monkeypatch.setattr(following, 'PAUSE', 0.0)
    monkeypatch.setattr(following, 'SHARE', 0.0)
    written, slept = [], []
    with contextlib.ExitStack() as running, open_study(made) as study:
        running.enter_context(lock.hold(made))

        def sleep(seconds):
            slept.append(seconds)
            if len(slept) == 3:  # Nothing has changed twice: one page.
                assert len(written) == 1
                with contextlib.closing(Study(made)) as records:
                    records.add_round(9, 0, [], [], {})
                    records.finish_round(
                        9, compile_seconds=0.0, train_seconds=0.0, programs=0,
                        hypervolume=0.0, info={})
            elif len(slept) == 5:
                assert len(written) == 2
                with contextlib.closing(Study(made)) as records:
                    folder.mark_finished(records)
                running.close()

        follower = following.Follower(study, report.shown)
        assert following.follow(study, follower, written.append, sleep)
        first, second = written
        assert first.running and not first.tests
        # What stays is read and measured once.
        assert all(a is b for a, b in zip(first.members, second.members))
        assert first.confusions.keys() == second.confusions.keys() != set()
        assert all(first.confusions[n] is m for n, m in second.confusions.items())


def test_pages_are_apart_by_what_they_take(made, monkeypatch):
    now, written = [100.0], []
    monkeypatch.setattr(following.time, 'monotonic', lambda: now[0])
    with open_study(made) as study, contextlib.ExitStack() as running:
        running.enter_context(lock.hold(made))
        rounds = iter(range(20, 99))

        def write(found):
            written.append(now[0])
            now[0] += 3.0

        def sleep(seconds):
            now[0] += seconds
            with contextlib.closing(Study(made)) as records:
                number = next(rounds)
                records.add_round(number, 0, [], [], {})
                records.finish_round(
                    number, compile_seconds=0.0, train_seconds=0.0, programs=0,
                    hypervolume=0.0, info={})
            if now[0] > 170:
                running.close()

        assert not following.follow(
            study, following.Follower(study, report.shown), write, sleep)
    assert written == [100.0, 133.0, 166.0]


def test_a_network_that_the_search_has_dropped_is_left_out(made, monkeypatch):
    with open_study(made) as study:
        rows = report.shown(study)
        network = type(study).network

        def dropped(self, row):
            if row.name == rows[0].name:
                raise StudyError('its weights were dropped')
            return network(self, row)

        monkeypatch.setattr(type(study), 'network', dropped)
        found = following.Follower(study, report.shown).facts()
    assert [m.row.name for m in found.members] == [row.name for row in rows[1:]]


def test_a_watch_that_begins_first_waits_for_the_study(made, tmp_path):
    """Through all that a search makes before its tables."""
    folder, said, slept = tmp_path / 'later', [], []
    steps = [
        folder.mkdir,
        lambda: shutil.copy(made / 'config.json', folder),
        (folder / 'study.sqlite').touch,
        lambda: shutil.copy(made / 'study.sqlite', folder)]

    def sleep(seconds):
        slept.append(seconds)
        steps[len(slept) - 1]()

    following.wait(str(folder), said.append, sleep)
    assert len(slept) == len(steps) and len(said) == 1
    assert said[0].startswith(f"no study in '{folder}' yet: waiting")


@pytest.mark.parametrize('wrong', ['file', 'sweep', 'damaged', 'unsettled'])
def test_what_cannot_become_a_study_is_not_waited_for(wrong, made, tmp_path, capsys):
    folder = tmp_path / 'other'
    if wrong == 'file':
        folder.touch()
    elif wrong == 'sweep':
        shutil.copytree(made, folder / 'seed=0')
    else:
        shutil.copytree(made, folder)
        (folder / 'study.sqlite').write_bytes(b'no database')
        if wrong == 'unsettled':
            (folder / 'config.json').unlink()
    found = command_line.run(capsys, 'report', f'--workdir={folder}', '--watch')
    assert found.code == 2 and not found.out and found.err.count('\n') == 1


@pytest.mark.parametrize('ended', [True, False])
def test_test_data_are_met_when_the_search_has_ended(made, ended, capsys, monkeypatch):
    monkeypatch.setattr(following, '_TICK', 0.05)
    with contextlib.closing(Study(made)) as records:
        if ended:
            folder.mark_finished(records)
    looked = []
    load = data.load_test
    monkeypatch.setattr(data, 'load_test', lambda spec: looked.append(
        lock.is_held(made)) or load(spec))
    free, held = threading.Event(), threading.Event()

    def search():
        with lock.hold(made):
            held.set()
            free.wait(60)

    other = threading.Thread(target=search)
    other.start()
    assert held.wait(10)
    threading.Timer(0.5, free.set).start()
    found = command_line.run(capsys, 'report', f'--workdir={made}', '--watch')
    other.join()
    assert found.code == 0, found.err
    assert looked == ([False] if ended else [])
    lines = found.out.splitlines()
    assert '4 trials, ' in lines[0] and lines[0].endswith(f'{made}/report.html')
    assert ('the search has not ended by itself' in found.out) is not ended
    text = structure.check((made / 'report.html').read_text()).text
    assert ('Test data were not looked at' in text) is not ended
    assert 'still running' not in text
