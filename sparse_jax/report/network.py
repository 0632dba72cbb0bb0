"""One network of the front: what it is, what it costs, where it comes from."""

import json
import shlex

from sparse_jax.evaluation.predictions import confusion_of
from sparse_jax.objectives.goals import figure, matrix
from sparse_jax.report import confusion, curve, drawing, frame, layers, ledger
from sparse_jax.report.elements import Child, Element, element
from sparse_jax.report.facts import Facts, anchor, mark_of, percent
from sparse_jax.study import lineage
from sparse_jax.study.front import Member
from sparse_jax.study.names import PLANNED
from sparse_jax.study.record import Record

MOST = 10
"""Networks that are described on one page."""


def section(facts: Facts) -> Element:
    """The chosen network, then others of the front, most accurate first."""
    shown = described(facts)
    left = len(facts.members) - len(shown)
    words = '' if not left else (
        f'{left} more are on the front; launch.describe --trial=NAME shows each.')
    return element(
        'section', element('h2', 'Networks of the front'), drawing.caption(),
        *(network(facts, member, is_open=i == 0) for i, member in enumerate(shown)),
        element('p', words, class_='note') if words else None, id='networks')


def described(facts: Facts) -> list[Member]:
    """Members with a part of the page, at most `MOST`: the chosen one, then by their
    error what is worth deploying, one of every trial before further cuts of one."""
    useful = frame.worth(
        matrix([member.row for member in facts.members], facts.objectives),
        facts.objectives, facts.guess)
    key = lambda member: (not facts.is_best(member.row), member.row.error)
    order = sorted((m for m, good in zip(facts.members, useful)
                    if good or facts.is_best(m.row)), key=key)
    first: dict[int, Member] = {}
    for member in order or sorted(facts.members, key=key):
        first.setdefault(member.row.trial.number, member)
    rest = [m for m in order if first[m.row.trial.number] is not m]
    return sorted([*first.values(), *rest][:MOST], key=key)


def network(facts: Facts, member: Member, *, is_open: bool) -> Element:
    """All that there is to say of one network, behind its name and figures."""
    row, study = member.row, facts.study
    title = f'Network {row.name}' + (' (chosen)' if facts.is_best(row) else '')
    bars = [layers.memory_bars(member, facts.objectives), layers.size_bars(member)]
    pruned = None if row.error is None else 1 - row.error
    trained = curve.draw(study.records.learning(row.trial.number), pruned)
    return element(
        'details', element('summary', element('b', title), ' ', element(
            'span', headline(row, facts))),
        element('div',
                element('div', drawing.draw(member, f'Drawing of network {row.name}'),
                        class_='drawing'),
                element('div', *bars, class_='stack'),
                element('div', trained, _origin(row, facts), class_='stack'),
                element('div', _confusion(facts, member), class_='loose'),
                element('div', element('h4', 'On a board'), _ledger(facts, member)),
                element('div', element('h4', 'Use it'), *_commands(row, facts),
                        _point(row)),
                class_='parts'),
        id=anchor(row), class_='network', open=is_open, data_network=mark_of(row))


def _confusion(facts: Facts, member: Member) -> Element:
    """Which classes it takes for which, as far as that is known."""
    study, matrix = facts.study, facts.confusions.get(member.row.name)
    if matrix is None and study.missing:
        return element('p', 'Its confusion matrix is not known: the images are not '
                            'here.', class_='note')
    if matrix is None:
        matrix = confusion_of(study, member.net)
    return confusion.show(matrix, study.about.class_names)


def _ledger(facts: Facts, member: Member) -> Element:
    """Its bytes on the board of the study."""
    if facts.study.missing:
        return element('p', 'Its bytes on a board are not known: the training images '
                            'that set the ranges of its int8 network are not here.',
                       class_='note')
    return ledger.show(facts.study, member)


def headline(row: Record, facts: Facts) -> str:
    """Accuracies and costs in one line."""
    parts = [f'{percent(1 - (row.error or 0.0))} validation']
    if row.name in facts.tests:
        parts.append(f'{percent(facts.tests[row.name])} test')
    for goal in facts.objectives.used[1:]:
        value = figure(row, goal.name, facts.objectives)
        if value is not None:
            parts.append(f'{goal.title} {goal.text(value)}')
    return ' · '.join(parts)


def _origin(row: Record, facts: Facts) -> Element:
    """Its ancestors, the oldest first."""
    line = lineage.ancestors(facts.trials, row.trial.number)
    steps = []
    for trial in line:
        told = trial.status if trial.error is None else percent(1 - trial.error)
        size = '' if trial.costs is None else f', {trial.costs.model_size} B'
        steps.append(element(
            'li', f'trial {trial.trial.number}{lineage.rung_text(trial.trial)}: '
                  f'{trial.trial.epochs} epochs, {told}{size}'))
    outside = (line[0].trial.parent or 0) < 0
    source = 'weights of the search by gradient' if facts.study.records.meta(
        PLANNED) else 'a network of another study'
    first = f'starts from {source}' if outside else 'trained from fresh weights'
    cut = '' if row.offset is None else (
        f' This is trial {row.trial.number} pruned at a cut shifted by {row.offset:g}.')
    epochs = sum(trial.trial.epochs for trial in line)
    heirs = '' if len(line) == 1 else (
        '; each further one inherits the weights of the one before: '
        f'{epochs} epochs in all')
    return element(
        'div', element('h4', 'Lineage'), element('ol', *steps, class_='line-of'),
        element('p', f'Trial {line[0].trial.number} {first}{heirs}.{cut}',
                class_='note'))


def _commands(row: Record, facts: Facts) -> list[Child]:
    """What to type for it."""
    workdir = str(facts.study.folder)
    # One flag a line: a long path is cut nowhere.
    base = f' \\\n    --workdir={shlex.quote(workdir)} \\\n    --trial={row.name}'
    out = shlex.quote(f'{workdir}/export_{row.name}')
    commands = [f'python -m launch.export{base} \\\n    --out={out}',
                f'python -m launch.describe{base}']
    return [element('pre', element('code', line), element(
        'button', 'copy', type='button', class_='copy')) for line in commands]


def _point(row: Record) -> Element:
    """Its rows of the table."""
    return element('details', element('summary', 'rows of the table'), element(
        'pre', element('code', json.dumps(row.point, indent=1))))
