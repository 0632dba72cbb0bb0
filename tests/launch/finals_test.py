"""A search with an end, from the command line to the report."""

import csv

from sparse_jax.study.opened import open_study
from sparse_jax.study.outcome import FINAL
from tests import tiny_study
from tests.launch import command_line

CHANGES = {
    'search.final_share': 0.61, 'search.finals': 1, 'search.final_starts': 2,
    'search.final_epochs': 12, 'pruning.bisect': True,
    'objectives.model_size': 1000, 'objectives.working_memory': 1000}


def test_the_chosen_final_is_said_reported_and_rebuilt(capsys, tmp_path):
    workdir = tmp_path / 'run'
    settings = [f'--config.{name}={value}'
                for name, value in (tiny_study.overrides() | CHANGES).items()]
    with tiny_study.small_space():
        found = command_line.run(capsys, 'search', f'--workdir={workdir}', *settings)
    assert (found.code, found.err) == (0, '')
    lines = found.out.splitlines()
    assert [line.split('  ')[0] for line in lines if '  took ' in line] == [
        'round 1/1', 'finals']
    place, = [line for line in lines if line.startswith('finals, place 1: ')]
    reported = command_line.run(capsys, 'report', f'--workdir={workdir}')
    assert reported.code == 0 and place in reported.out.splitlines()
    with open_study(workdir) as study:
        best = study.find()
        assert best.trial.rung == FINAL and place.endswith(f'best {best.name}')
        assert study.network().net.nodes
    assert f'chosen of the finals within the soft bounds of 1000 B and 1000 B: trial ' \
           f'{best.name}, ' in reported.out
    with open(workdir / 'front.csv') as file:
        tested = {row['trial']: row['test_accuracy'] for row in csv.DictReader(file)}
    assert 0 <= float(tested[best.name]) <= 1
    assert f'Network {best.name} (chosen)' in (workdir / 'report.html').read_text()
