"""What a search refused or lost, and why."""

import collections
from collections.abc import Sequence

from sparse_jax.objectives.goals import exceeded
from sparse_jax.report.elements import Child, Element, element, table
from sparse_jax.report.facts import Facts
from sparse_jax.study.record import PENDING, Record

MEANING = {
    'ok': 'trained, pruned, measured, and within every hard budget',
    PENDING: 'suggested, not finished yet',
    'infeasible': 'cannot exist: a window or a pool is larger than its input',
    'nonfinite': 'training diverged: the loss or the weights are not finite',
    'empty': 'pruning removed every path from the image to the classifier',
    'over-budget': 'over a limit or a hard budget',
    'out-of-memory': 'the device could not hold the training program',
}
"""{status: what became of such a trial}."""
_LIMITS = 'refused before training: no pruning could meet the limits or budgets'
_UNKNOWN = 'trained, but it cannot be generated or measured'


def section(facts: Facts) -> Element:
    """Statuses of all trials with their reasons, and proposals never trained."""
    count = len(facts.trials)
    rows: list[list[Child]] = []
    for name, meaning, number in reasons(facts.trials, facts):
        share = number / max(count, 1)
        rows.append([name, str(number), _bar(share), element(
            'td', meaning, class_='words')])
    return element(
        'section', element('h2', 'What became of the trials'),
        table(['status', 'trials', '', element(
            'th', 'meaning', class_='left', scope='col')], rows),
        _proposals(facts), id='statuses')


def reasons(trials: Sequence[Record], facts: Facts) -> list[tuple[str, str, int]]:
    """(status, what it means here, number of trials), the most frequent first; what
    was over budgets is told by budget."""
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    for row in trials:
        counts[row.status, _reason(row, facts)] += 1
    return [(name, why, number) for (name, why), number in counts.most_common()]


def _reason(row: Record, facts: Facts) -> str:
    meaning = MEANING.get(row.status, row.status)
    if row.status != 'over-budget':
        return meaning
    if not row.trained:
        return _LIMITS
    over = [facts.objectives.goal(name).title
            for name in exceeded(row, facts.objectives)]
    if not over:
        return _UNKNOWN
    return f'trained, then over its budget of {" and ".join(over)}'


def _bar(share: float) -> Element:
    """A share as a bar in a cell."""
    return element('td', element('span', class_='bar',
                                 style=f'width:{max(100 * share, 0.5):.1f}px'))


def _proposals(facts: Facts) -> Element | None:
    """How many points the surrogate's proposals lost before they became trials."""
    told = [found.info for found in facts.rounds
            if {'refused', 'considered'} <= set(found.info)]
    considered = sum(int(info['considered']) for info in told)
    if not considered:
        return None
    refused = sum(int(info['refused']) for info in told)
    cuts = len(facts.networks) - len(facts.trials)
    return element(
        'p', f'Beside the trials, {refused} of {considered} proposals were refused '
             'before they became one: no pruning could bring them within the limits '
             f'and budgets. The trials gave {cuts} further networks at other cuts of '
             'their pruning.', class_='note')
