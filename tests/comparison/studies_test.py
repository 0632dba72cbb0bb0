"""Studies side by side, against slow references and by hand."""

import contextlib
import json
import shutil
import sqlite3

import numpy as np
import pytest

from sparse_jax.comparison import studies, union
from sparse_jax.objectives.goals import best_under, figure, hypervolume_of
from sparse_jax.settings.stored import dumps
from sparse_jax.study import schema
from sparse_jax.study.names import CONFIG_FILE, FILE
from sparse_jax.study.records import Study, StudyError
from tests import tiny_study


@pytest.fixture
def make(tmp_path):
    """Copies of the tiny study: make('name', better={trial: error}, setting=...)."""
    def made(name, better=(), meta=(), **changes):
        folder = shutil.copytree(tiny_study.finished().workdir, tmp_path / name)
        bounds = {'objectives__model_size': 10**5, 'objectives__working_memory': 10**5}
        (folder / CONFIG_FILE).write_text(dumps(
            tiny_study.settings(**bounds | changes)))
        with contextlib.closing(sqlite3.connect(folder / FILE)) as db, db:
            db.execute("DELETE FROM meta WHERE key='data'")
            for number, error in dict(better).items():
                schema.update(db, 'trials', number, {'error': error})
            for key, value in dict(meta).items():
                schema.put(db, 'meta', {'key': key, 'value': value})
        return folder
    return made


def test_the_history_is_that_of_its_rounds(make):
    folder = make('one', {1: 0.01})
    compared = studies.compare([folder])
    study, = compared.studies
    with contextlib.closing(Study(folder, create=False)) as records:
        rounds = records.rounds()
        for place, found in enumerate(rounds):
            rows = [row for row in records.networks() if row.round <= place]
            trials = [row for row in rows if row.offset is None]
            assert study.history.candidates[place] == len(trials)
            assert study.history.epochs[place] == sum(r.trial.epochs for r in trials)
            best = best_under(rows, compared.objectives)
            assert study.history.best_error[place] == best.error
            assert study.history.hypervolume[place] == found.hypervolume
    assert study.best.trial.number == 1 and study.best.offset is None
    assert study.history.seconds[-1] > study.history.seconds[0] > 0
    assert compared.groups[0].name == 'all' and study.name == 'one'


def test_nothing_within_the_bounds(make):
    study, = studies.compare([make('one', objectives__model_size=1)]).studies
    assert study.best is None and np.isnan(study.history.best_error).all()
    assert not len(study.history.curve('epochs', 'best_error').x)
    curve = study.history.curve('epochs', 'hypervolume')
    assert curve.x.tolist() == [0, *study.history.epochs]
    assert curve.y.tolist() == [0, *study.history.hypervolume]


def test_teachers_are_no_seeds(make):
    files = {'a': '/teachers/one.npz', 'b': '/teachers/other.npz', 'c': ''}
    compared = studies.compare([
        make(name, seed=seed, data__soft_labels=file)
        for seed, (name, file) in enumerate(files.items())])
    assert [len(group.studies) for group in compared.groups] == [1, 1, 1]
    assert 'other.npz' in compared.groups[1].name


def test_a_teacher_is_what_it_says_not_where_its_file_is(make):
    made = [('a', '/one.npz', '1' * 64), ('b', '/moved.npz', '1' * 64),
            ('c', '/one.npz', '2' * 64)]
    compared = studies.compare([
        make(name, meta={'soft labels': digest}, seed=seed, data__soft_labels=place)
        for seed, (name, place, digest) in enumerate(made)])
    assert [[one.name for one in group.studies] for group in compared.groups] == [
        ['a', 'b'], ['c']]
    first, second = (group.name for group in compared.groups)
    assert 'one.npz_11111111' in first and 'one.npz_22222222' in second


def test_seeds_are_groups_and_the_front_is_of_all(make):
    folders = [make('a', {0: 0.011}), make('b', {2: 0.012}, seed=1),
               make('c', {3: 0.010}, train__epochs=9)]
    compared = studies.compare(folders)
    assert [(group.name, [s.name for s in group.studies]) for group in compared.groups
            ] == [('epochs=8', ['a', 'b']), ('epochs=9', ['c'])]
    members = [union.Member(study, row) for study in compared.studies
               for row in study.networks if row.ok]
    values = [tuple(figure(m, name, compared.objectives)
                    for name in compared.objectives.names) for m in members]
    kept = [m.name for m, own in zip(members, values) if not any(
        other != own and all(o <= v for o, v in zip(other, own)) for other in values)]
    front = union.front(compared)
    # Of equal networks the first is kept.
    assert {m.name for m in front} <= set(kept)
    figures = {tuple(figure(m, name, compared.objectives)
                     for name in compared.objectives.names) for m in front}
    assert figures == {own for m, own in zip(members, values) if m.name in kept}
    assert 'c: 3' in {m.name for m in front}
    whole = union.hypervolume(compared)
    assert whole == pytest.approx(hypervolume_of(members, compared.objectives))
    assert all(whole >= hypervolume_of(study.networks, compared.objectives)
               for study in compared.studies)


@pytest.mark.parametrize('changes, words', [
    ({'objectives__model_size': 5}, 'objectives.model_size: 100000 and 5'),
    ({'objectives__quantized': True}, 'objectives.quantized: False and True'),
    ({'objectives__memory_model': 'input+weights'}, "memory_model: 'input+output' and"),
    ({'objectives__names': ('error', 'macs')}, "objectives.names: ['error', 'model"),
    ({'meta': {'data': 'x'}}, 'data: other images or labels, or split otherwise'),
])
def test_what_cannot_be_compared_is_refused(changes, words, make):
    one, two = make('one'), make('two', **changes)
    with pytest.raises(StudyError) as caught:
        studies.compare([one, two])
    assert words in str(caught.value) and "one' and '" in str(caught.value)
    assert 'allowed: equal objectives, soft bounds and data' in str(caught.value)


def test_other_settings_do_not_matter(make):
    found = studies.compare([make('one'), make(
        'two', objectives__error=0.5, objectives__macs=7, budgets__model_size=9000)])
    assert len(found.groups) == 2
    with pytest.raises(StudyError, match="one' is given twice"):
        studies.compare([found.studies[0].folder] * 2)


def test_code_of_a_study_is_not_run(make):
    folder = make('one')
    text = (folder / CONFIG_FILE).read_text()
    (make('two') / CONFIG_FILE).write_text(text.replace('sparse_vd', 'mine:method'))
    with pytest.raises(StudyError, match='--trust_factories'):
        studies.compare([folder, folder.with_name('two')])


def test_finals_are_a_round_of_the_history(make):
    folder = make('one')
    with contextlib.closing(sqlite3.connect(folder / FILE)) as db, db:
        (last, info), = db.execute(
            'SELECT round, info FROM rounds ORDER BY round DESC LIMIT 1').fetchall()
        schema.update(db, 'rounds', last, {'info': json.dumps(
            json.loads(info) | {'finals': 2})})
    study, = studies.compare([folder]).studies
    assert len({len(figures) for figures in study.history}) == 1
    assert len(study.history.seconds) == last + 1
