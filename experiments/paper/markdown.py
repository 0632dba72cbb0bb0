"""The paper's tables as Markdown."""

from collections.abc import Iterable, Sequence

from experiments.paper import competitors, published
from experiments.paper.ours import Ours
from experiments.paper.published import Published
from experiments.paper.verdict import costs_of, pick, verdict
from sparse_jax.baselines.rows import Row

NONE = '–'
"""A figure that is not known, or that a system does not have."""


WORDS = ('competitor', 'system', 'from', 'result', 'search', 'data', 'network', 'board',
         'chip')
"""Columns of text; all others have figures."""


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ['---' if name in WORDS else '---:' for name in head], *rows]
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in lines)


def number(value: float | None, form: str = ',.0f') -> str:
    """A figure, or a dash."""
    return NONE if value is None else f'{value:{form}}'


def table(
    name: str, set_: str, run: Sequence[Row], found: Sequence[Ours],
) -> str:
    """One data set of a table of the paper.

    Args:
      name: A, B or C.
      set_: the data set and its number of classes, as in mnist-10.
      run: competitors that were run here, of any data set.
      found: what searches found, of any data set.
    """
    rows = published.rows(name, set_)
    here = [row for row in run if competitors.set_of(row) == set_]
    own = [ours for ours in found if (ours.table, ours.set) == (name, set_)]
    parts = [f'### {set_}', _against(rows, here, own) if name == 'A' else
             _systems(rows, here, own)]
    notes = _verdicts(rows, found) if name != 'A' else []
    return '\n\n'.join([*parts, *filter(None, ['\n'.join(notes)])])


def _against(
    rows: Sequence[Published], run: Sequence[Row], found: Sequence[Ours],
) -> str:
    """Table A: a line for every competitor, and the network that is held against it."""
    paper = {row.against: row for row in rows if row.is_paper}
    known = {row.system: row for row in rows if not row.is_paper}
    here = {label(row, [*known, *paper]): row for row in run}
    lines = []
    for system in dict.fromkeys([*paper, *known, *here]):
        theirs, ran, mark = known.get(system), here.get(system), paper.get(system)
        ours = pick(mark, found) if mark else None
        lines.append([
            system, *_pair(theirs and theirs.accuracy, theirs and theirs.model_size),
            *_pair(ran and 100 * ran.test, ran and ran.values),
            *_pair(mark and mark.accuracy, mark and mark.model_size),
            number(mark and mark.gpu_days),
            *_pair(ours and 100 * ours.test, ours and ours.costs.model_size),
            verdict(mark, ours) if mark and ours else NONE])
    for ours in found:
        if ours.is_random:
            ran = _pair(100 * ours.test, ours.costs.model_size)
            lines.append([title(ours), *[NONE] * 2, *ran, *[NONE] * 6])
    return grid(['competitor', 'published %', 'non-zeros', 'run here %', 'non-zeros',
                 'SpArSe %', 'non-zeros', 'GPU days', 'here, int8 %', 'non-zeros',
                 'result'], lines)


def _pair(accuracy: float | None, values: float | None) -> list[str]:
    return [number(accuracy, '.2f'), number(values)]


def label(row: Row, known: Sequence[str]) -> str:
    """How a competitor that was run here is called among the published ones."""
    name = competitors.NAMES.get(row.method, row.method)
    limit = f'{name}, {row.asked.get("kilobytes", 0):g} KB'
    sized = row.method in competitors.FILLED
    return next((n for n in (name, limit) if n in known), limit if sized else name)


def title(ours: Ours) -> str:
    """A search as a system of a table."""
    return f'{"random search" if ours.is_random else "here"}: {ours.name}'


def _systems(
    rows: Sequence[Published], run: Sequence[Row], found: Sequence[Ours],
) -> str:
    """Tables B and C: a line for every system."""
    lines = [[row.system, number(row.accuracy, '.2f'), number(row.working_memory),
              number(row.model_size), row.source] for row in rows]
    lines += [[label(row, ()), f'{100 * row.test:.2f}', NONE,
               f'{row.one_byte_bytes:,}', f'run here on {row.data}, a byte a value']
              for row in run]
    for ours in found:
        costs = costs_of(ours, ours.table)
        lines.append([title(ours), f'{100 * ours.test:.2f}',
                      number(costs['working_memory']), number(costs['model_size']),
                      f'trial {ours.network}, int8, seed {ours.seed}'])
    return grid(['system', 'test %', 'working memory (B)', 'model (B)', 'from'], lines)


def _verdicts(rows: Sequence[Published], found: Sequence[Ours]) -> list[str]:
    """A line for every row of the paper that something is held against."""
    lines = []
    for row in rows:
        ours = pick(row, found) if row.is_paper else None
        if ours:
            lines.append(f'* {row.system} ({number(row.accuracy, ".2f")} %): '
                         f'{ours.name}, {verdict(row, ours)}')
    return lines


def details(found: Sequence[Ours]) -> str:
    """What is known of the networks that were found here, whatever their table."""
    lines = []
    for ours in found:
        chip = ours.chip
        folds = '' if ours.costs == ours.own else f' ({ours.own.model_size:,})'
        lines.append([
            ours.name, ours.set, ours.network, f'{100 * ours.validation:.2f}',
            f'{100 * ours.test:.2f}', f'{ours.costs.model_size:,}{folds}',
            number(chip.stored), number(ours.costs.working_memory),
            number(ours.costs.working_memory_weights), number(chip.ram),
            number(chip.flash) + ('' if chip.linked else ' (predicted)'),
            f'{chip.latency:.2f}', f'{ours.core_hours:.2f}', str(ours.candidates),
            str(ours.seed), ours.ended])
    return grid(
        ['search', 'data', 'trial', 'valid. %', 'test %, int8', 'values', 'weights (B)',
         'memory, (6)', 'memory, (5)', 'RAM (B)', 'flash (B)', 'ms, estimate',
         'core-hours', 'candidates', 'seed', 'ended'], lines)


def notes(found: Sequence[Ours], hardware: str) -> str:
    """What the columns of `details` mean, and what cannot be compared."""
    text = (
        'Networks are chosen on validation images and meet the test images once. '
        'Sizes and memories are elements, one byte each in int8, as the paper counts '
        'them: two classes are two output units; in parentheses is the network as it '
        'is built, with one. Weights are stored in the cheapest of three formats per '
        'layer, without biases and tables. RAM and flash are the network\'s own on the '
        'Micro Bit, exact as linked unless called predicted; the latency is an estimate'
        ' from a table of cycles. Core-hours are the clocks of the searches times '
        f'the cores that they had: {hardware}.')
    grouped = sorted({f'{ours.set} ({ours.grouping})' for ours in found
                      if ours.grouping})
    if grouped:
        text += (' Groupings into two classes are the project\'s own, which the papers '
                 f'do not publish: {", ".join(grouped)}.')
    failures = [f'{ours.name} does not run on the Micro Bit: {ours.chip.failure}.'
                for ours in found if ours.chip.failure]
    return ' '.join([text, *failures])


def commands(found: Sequence[Ours]) -> str:
    """The searches again, for a shell."""
    lines = [f'# {ours.name}\n{ours.command}' for ours in found]
    return '```bash\n' + '\n'.join(lines) + '\n```'
