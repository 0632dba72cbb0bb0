"""What the end of a search found: its best networks, trained again."""

import numpy as np

from sparse_jax.report.elements import Child, Element, element, table
from sparse_jax.report.facts import Facts
from sparse_jax.study import finals


def section(facts: Facts) -> Element | None:
    """The finals in their order with mean and range; None if there were none."""
    ranked = finals.ranking(facts.networks, facts.objectives)
    if not ranked:
        return None
    rows = [_row(final) for final in ranked]
    head: list[Child] = ['first trial', 'trainings', 'within the bounds', 'mean %',
                         'least %', 'most %', 'best network']
    words = (
        'The best of many trainings is partly luck. The best networks were trained '
        f'again from several starts and are ranked by the mean {_name(facts)} of the '
        'trainings that give a network within the bounds; the chosen network is the '
        'best start of the first.')
    return element('section', element('h2', 'Trained again at the end'),
                   table(head, rows), element('p', words, class_='note'), id='finals')


def _name(facts: Facts) -> str:
    return facts.accuracy_title.removesuffix(' (%)')


def _row(final: finals.Final) -> list[Child]:
    shares = [100 * (1 - row.figures[0]) for row in final.networks]
    figures = [f'{f(shares):.2f}' for f in (np.mean, min, max)] if shares else [''] * 3
    return [str(final.first), str(len(final.starts)), str(len(final.networks)),
            *figures, final.networks[0].name if final.networks else '']
