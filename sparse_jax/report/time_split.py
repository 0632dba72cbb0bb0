"""Where the time of a search went."""

from collections.abc import Sequence

from sparse_jax.report.elements import Child, Element, element, table
from sparse_jax.report.facts import Facts
from sparse_jax.study.record import RoundRecord

PARTS = ('train', 'compile', 'measure', 'suggest')
"""In the order in which they are drawn."""
_NAMED = 0.08
"""Share of the bar from which a part has room for its name."""


def seconds(found: RoundRecord) -> dict[str, float]:
    """{part: seconds} of a round; measurements are not counted as training."""
    measured = _number(found.info.get('measure_seconds'))
    return {'train': max((found.train_seconds or 0.0) - measured, 0.0),
            'compile': found.compile_seconds or 0.0, 'measure': measured,
            'suggest': found.suggest_seconds or 0.0}


def section(facts: Facts) -> Element | None:
    """Seconds of every part, in all and by round; None before the first round."""
    done = [found for found in facts.rounds if found.train_seconds is not None]
    if not done:
        return None
    each = [seconds(found) for found in done]
    total = {part: sum(of[part] for of in each) for part in PARTS}
    whole = max(sum(total.values()), 1e-9)
    told = ', '.join(f'{part} {total[part]:.1f} s' for part in PARTS)
    bar = element('div', *(element(
        'span', element('b', f'{part} {total[part]:.0f} s')
        if total[part] >= _NAMED * whole else None,
        class_=f'part {part}', style=f'flex:{max(total[part] / whole, 0.001):.4f}',
        title=f'{part}: {total[part]:.1f} s, {100 * total[part] / whole:.0f} %')
        for part in PARTS), class_='split')
    return element(
        'section', element('h2', 'Time'), bar,
        element('p', f'{told}. Seconds of work, not of the clock: programs are '
                     'compiled while others train, and trainings run side by side.',
                class_='note'),
        element('details', element('summary', 'by round'), _by_round(done, each)),
        id='time')


def _by_round(
    done: Sequence[RoundRecord], each: Sequence[dict[str, float]]
) -> Element:
    head: list[Child] = ['round', *(f'{part} (s)' for part in PARTS), 'wall clock (s)',
                         'new programs', 'hypervolume']
    rows: list[list[Child]] = []
    for found, parts in zip(done, each):
        wall = found.info.get('wall_seconds')
        rows.append([
            str(found.nth), *(f'{parts[part]:.1f}' for part in PARTS),
            '' if wall is None else f'{_number(wall):.1f}',
            '' if found.programs is None else str(found.programs),
            '' if found.hypervolume is None else f'{found.hypervolume:.4f}'])
    return table(head, rows, sortable=True)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
