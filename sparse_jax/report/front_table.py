"""The front as a table, and the chosen network at a glance."""

from sparse_jax.objectives.goal import Goal
from sparse_jax.objectives.goals import figure, matrix
from sparse_jax.report import frame
from sparse_jax.report.elements import Child, Element, element, table
from sparse_jax.report.facts import Facts, anchor, mark_of, percent, tip
from sparse_jax.report.network import described
from sparse_jax.study.outcome import FINAL
from sparse_jax.study.record import Record


def section(facts: Facts) -> Element:
    """All networks of the front with all their figures."""
    goals = [g for g in facts.objectives.used if g.name != 'error']
    goals += [facts.objectives.goal('macs')] if 'macs' not in {
        g.name for g in goals} else []
    head: list[Child] = ['network', facts.accuracy_title.replace('accuracy (%)', '%')]
    if facts.tests:
        head.append('test %')
    head += [_heading(goal) for goal in goals]
    head += ['size unpruned (B)']
    linked = {member.row.name for member in described(facts)}
    useful = frame.worth(
        matrix(facts.shown, facts.objectives), facts.objectives, facts.guess)
    rows = [_row(row, goals, facts, linked, bool(good))
            for row, good in zip(facts.shown, useful)]
    found = table(head, rows, sortable=True)
    return element('section', element('h2', 'Front as a table'), found,
                   element('p', 'Also in front.csv. A name such as 12@-1 is trial 12 '
                                'pruned at a cut shifted by -1. Pale: hardly worth '
                                'deploying. Click a heading to sort.',
                           class_='note'), id='table')


def _heading(goal: Goal) -> str:
    if goal.axis == '':  # counted in itself
        return goal.heading
    return f'{goal.title} ({goal.unit})' if goal.unit else goal.title


def _row(
    row: Record, goals: list[Goal], facts: Facts, linked: set[str], useful: bool
) -> list[Child]:
    best = facts.is_best(row)
    kind = 'best' if best else None if useful else 'dim'
    name: Child = row.name
    if row.name in linked:
        name = element('a', row.name, href=f'#{anchor(row)}')
    own_place = None if row.name in linked else anchor(row)
    cells: list[Child] = [
        element('td', name, ' ★' if best else None, id=own_place,
                data_network=mark_of(row), data_tip=tip(row, facts), class_=kind),
        f'{100 * (1 - (row.error or 0.0)):.2f}']
    if facts.tests:
        tested = facts.tests.get(row.name)
        cells.append('' if tested is None else f'{100 * tested:.2f}')
    for goal in goals:
        value = figure(row, goal.name, facts.objectives)
        cells.append('' if value is None else goal.digits(value))
    unpruned = row.unpruned
    return [*cells, '' if unpruned is None else str(unpruned.model_size)]


def glance(facts: Facts) -> Element:
    """The chosen network's figures as tiles, with what is left of every bound."""
    row, objectives = facts.best, facts.objectives
    if row is None:
        who = 'No network of the front' if facts.members else 'No network'
        return element('p', f'{who} is within the soft bounds of all costs yet, so '
                            'none is chosen.', class_='note')
    there = any(shown.name == row.name for shown in facts.shown)
    name = element('a', row.name, href=f'#{anchor(row)}') if there else row.name
    limits = 'bounds and budgets' if objectives.budgets else 'soft bounds'
    how = ('best start of the best final' if row.trial.rung == FINAL else
           f'least validation error within the {limits}')
    tiles = [_tile('chosen network', name, how),
             _tile(facts.accuracy_title.removesuffix(' (%)'),
                   percent(1 - (row.error or 0.0)),
                   f'guessing gives {percent(1 - facts.guess)}')]
    if row.name in facts.tests:
        tiles.append(_tile('test accuracy', percent(facts.tests[row.name]),
                           'images that decided nothing'))
    bounds, hard = dict(zip(objectives.names, objectives.bounds)), dict(
        objectives.budgets)
    for goal in objectives.used:
        value = figure(row, goal.name, objectives)
        most = hard.get(goal.name, bounds.get(goal.name))
        if goal.name == 'error' or value is None or most is None:
            continue
        kind = 'hard budget' if goal.name in hard else 'soft bound'
        tiles.append(_tile(goal.title, goal.text(value), f'{kind} {goal.text(most)}',
                           share=value / most))
    return element('div', *tiles, class_='tiles')


def _tile(
    name: str, value: Child, words: str, *, share: float | None = None
) -> Element:
    bar = None if share is None else element('span', element(
        'i', style=f'width:{min(100 * share, 100):.0f}%'), class_='meter')
    return element('div', element('small', name), element('b', value), bar,
                   element('small', words), class_='tile')
