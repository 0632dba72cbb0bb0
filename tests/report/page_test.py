"""The page of real studies: whole, self-contained, escaped, for any objectives."""

import contextlib
import dataclasses
import functools
import shutil

import numpy as np
import pytest

from sparse_jax.objectives.goals import objectives_of
from sparse_jax.report import facts, page, prediction
from sparse_jax.settings.stored import dumps
from sparse_jax.study.opened import open_study
from sparse_jax.study.outcome import FINAL
from tests import tiny_study
from tests.report import structure

HOSTILE = '</title><script>alert(1)</script>\x00"\'&<img src=x onerror=alert(2)>'


@functools.cache
def folder():
    """A whole study of three objectives."""
    made = shutil.copytree(
        tiny_study.finished().workdir,
        tiny_study.finished().workdir.parent / 'for_report')
    (made / 'config.json').write_text(dumps(tiny_study.settings()))
    return made


@contextlib.contextmanager
def opened(workdir=None):
    with open_study(workdir or folder()) as study:
        yield study


def gathered(study, tests=None, *, running=False):
    members = [study.network(row) for row in study.front()]
    return facts.gather(study, members, tests or {}, running=running)


def test_a_finished_study_is_one_whole_page():
    with opened() as study:
        found = gathered(study)
        tests = {row.name: 0.5 for row in found.front}
        found = found._replace(tests=tests)
        text = page.render(found)
    whole = structure.check(text)
    for part in ('Front', 'Progress', 'Networks of the front', 'Time',
                 'What became of the trials'):
        assert part in whole.text
    assert 'still running' not in whole.text
    assert '50.00 %' in whole.text and 'not looked at' not in whole.text
    for row in found.front:
        assert row.name in whole.text
    best = found.best
    assert f'chosen: {best.name}' in whole.text
    assert f'--trial={best.name} \\ --out=' in whole.text
    # Three objectives: three planes, once or behind the switch twice.
    assert text.count('against') >= 3


def test_a_running_study_says_so():
    with opened() as study:
        whole = structure.check(page.render(gathered(study, running=True)))
    assert 'The search is still running' in whole.text
    assert 'Test data were not looked at' in whole.text


def test_objectives_on_a_board():
    with opened(tiny_study.measured().workdir) as study:
        whole = structure.check(page.render(gathered(study)))
    assert 'flash (bytes)' in whole.text and 'RAM (bytes)' in whole.text


@pytest.mark.parametrize('names', [
    ('error', 'model_size'), ('error', 'model_size', 'working_memory', 'macs')])
def test_two_and_four_objectives(names):
    with opened() as study:
        bounds = tuple(0.1 if name == 'error' else 2048.0 for name in names)
        objectives = study.objectives._replace(
            names=names, bounds=bounds, budgets=(('macs', 1e6),))
        study = dataclasses.replace(study, objectives=objectives)
        found = gathered(study)
        text = page.render(found)
    structure.check(text)
    planes = {'2': 1, '4': 6}[str(len(names))]
    views = 2 if 'id="view-near"' in text else 1
    assert text.count('validation error (%)') >= views * (len(names) - 1)
    assert len([1 for part in text.split('class="title"') if part.startswith(
        '>') and ' against ' in part[:60]]) == planes * views


def test_words_of_a_study_are_never_markup():
    with opened() as study:
        names = (HOSTILE, *study.dataset.class_names[1:])
        data = dataclasses.replace(
            study.settings.data, name=HOSTILE, classes=HOSTILE)
        study = dataclasses.replace(
            study, folder=folder().parent / HOSTILE.replace('/', '_').replace(
                '\x00', ''),
            dataset=dataclasses.replace(study.dataset, class_names=names),
            settings=dataclasses.replace(study.settings, data=data))
        found = gathered(study)
        strange = [row._replace(status=HOSTILE, point={**row.point, HOSTILE: HOSTILE})
                   for row in found.trials[:1]]
        found = found._replace(trials=[*strange, *found.trials[1:]])
        text = page.render(found)
    whole = structure.check(text)
    assert 'alert(1)' in whole.text and 'alert(2)' in whole.text
    assert '\x00' not in text


def test_a_study_without_a_network_within_the_bounds():
    with opened() as study:
        objectives = study.objectives._replace(bounds=(0.1, 1.0, 1.0))
        study = dataclasses.replace(study, objectives=objectives)
        found = gathered(study)
        assert found.best is None
        whole = structure.check(page.render(found))
    assert 'none is chosen' in whole.text and '★' not in whole.text


def test_a_long_study_stays_a_small_page():
    rng = np.random.default_rng(0)
    with opened() as study:
        found = gathered(study)
        rows = [row for row in found.networks if row.ok]
        many = []
        for i in range(3000):
            row = rows[i % len(rows)]
            sizes = (int(size * rng.uniform(0.5, 2)) for size in row.costs)
            many.append(row._replace(
                error=rng.uniform(0.01, 0.9), costs=type(row.costs)(*sizes)))
        text = page.render(found._replace(networks=many))
    structure.check(text)
    assert len(text) < 300_000


def test_the_end_of_a_search_is_a_table_of_means():
    with opened() as study:
        found = gathered(study)
        again = [row._replace(
            error=error, round=9, offset=None, trial=row.trial._replace(
                number=90 + i, rung=FINAL, origin=0))
            for i, (row, error) in enumerate(zip(found.front[:1] * 2, (0.1, 0.3)))]
        found = found._replace(networks=[*found.networks, *again])
        whole = structure.check(page.render(found))
        assert 'Trained again at the end' not in page.render(gathered(study))
    assert 'Trained again at the end' in whole.text
    # One point, two trainings, both within the bounds: mean, least, most.
    assert '0 2 2 80.00 70.00 90.00 90' in whole.text


def test_balanced_and_int8_errors_are_called_so():
    with opened() as study:
        goals = dataclasses.replace(
            study.settings.objectives, balanced=True, quantized=True)
        settings = dataclasses.replace(study.settings, objectives=goals)
        found = gathered(dataclasses.replace(study, settings=settings))
        assert found.error_title == 'balanced validation error in int8 (%)'
        assert found.accuracy_title == 'balanced validation accuracy in int8 (%)'
        assert found.guess == pytest.approx(2 / 3)
        whole = structure.check(page.render(found))
    assert 'balanced validation accuracy in int8' in whole.text


def test_a_study_without_a_front_tells_why():
    with opened() as study:
        objectives = study.objectives._replace(budgets=(('macs', 1.0),))
        study = dataclasses.replace(study, objectives=objectives)
        lost = [row._replace(status='over-budget') for row in study.records.rows()]
        found = facts.gather(study, [], {})._replace(
            trials=lost, networks=lost, best=None)
        whole = structure.check(page.render(found))
    assert 'over its budget of multiply-accumulates' in whole.text
    assert 'none is chosen' in whole.text and 'Networks of the front' not in whole.text


def test_predictions_are_those_of_the_search(monkeypatch):
    monkeypatch.setattr(prediction, 'FEWEST', 3)
    with opened() as study:
        found = gathered(study)
        assert prediction.of_the_search(found) is None
        told = [(0.1 * i, 10.0 * i, 20.0 * i) for i in range(1, 4)]
        # Of the first trial the search expected nothing.
        trials = [row._replace(predicted=values)
                  for row, values in zip(found.trials, [None, *told])]
        # A longer training of the last point is what came of it.
        longer = trials[-1]._replace(
            trial=trials[-1].trial._replace(number=4, rung=1, origin=3), error=0.01,
            predicted=None)
        pair = prediction.of_the_search(
            found._replace(trials=[*trials, longer]))
        text = page.render(found, pair)
    assert pair is not None
    np.testing.assert_allclose(pair.predicted, told)
    observed = [objectives_of(row, found.objectives)
                for row in (*trials[1:3], longer)]
    np.testing.assert_allclose(pair.observed, observed)
    assert '3 trials, each predicted by the model of the search' in text


def test_the_prediction_is_drawn():
    observed = np.geomspace([0.02, 100, 50], [0.5, 3000, 900], 20)
    predicted = observed[::-1]
    with opened() as study:
        found = prediction.Prediction(observed, predicted)
        text = page.render(gathered(study), found)
    structure.check(text)
    assert text.count('rank correlation -1.00') == 6
