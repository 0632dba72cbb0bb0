"""The paper's tables as Markdown."""

import re
from collections.abc import Iterable, Mapping, Sequence

from experiments.paper import competitors, published
from experiments.paper.held import Held
from experiments.paper.ours import Ours
from experiments.paper.published import Published
from experiments.paper.standing import FIELDS
from experiments.paper.verdict import (
    costs_of,
    is_result,
    spread_text,
    tests_of,
    verdict,
)
from sparse_jax.baselines.rows import Row

_SEED = re.compile(r' --config\.seed=\d+')
Against = Mapping[Published, Held[Ours]]
"""The search that is held against each row of the paper."""
NONE = '–'
"""A figure that is not known, or that a system does not have."""

WORDS = ('competitor', 'system', 'from', 'result', 'search', 'data', 'network', 'board',
         'chip', 'held against')
"""Columns of text; all others have figures."""


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ['---' if name in WORDS else '---:' for name in head], *rows]
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in lines)


def number(value: float | None, form: str = ',.0f') -> str:
    """A figure, or a dash."""
    return NONE if value is None else f'{value:{form}}'


def table(
    name: str, set_: str, run: Sequence[Row], own: Sequence[Held[Ours]],
    against: Against,
) -> str:
    """One data set of a table of the paper.

    Args:
      name: A, B, C or D.
      set_: the data set and its number of classes, as in mnist-10.
      run: competitors that were run here, of any data set.
      own: what searches stand for, of any data set.
      against: what is held against rows, of any table.
    """
    rows = published.rows(name, set_)
    here = best_of([row for row in run if competitors.set_of(row) == set_],
                   [row.against or row.system for row in rows] if name == 'A' else ())
    best = [held.best for held in own if held.best.set == set_]
    if name == 'A':
        return '\n\n'.join(filter(None, [
            f'### {set_}', _non_zeros(rows, here, best, against), tunings(here)]))
    held = {row: against[row] for row in rows if row in against}
    notes = [f'* {row.system} ({number(row.accuracy, ".2f")} %): {note(row, one)}'
             for row, one in held.items()]
    shown = [*(one.best for row, one in held.items() if is_result(row, one)), *best]
    # What most competitors hold at once is not known, which is all of table D.
    here = [row for row in here if name != 'D' or row.memory]
    parts = [f'### {set_}', _systems(name, rows, here, shown), '\n'.join(notes)]
    return '\n\n'.join(filter(None, parts))


def note(row: Published, held: Held[Ours]) -> str:
    """The network that is held against a row of table B, C or D, and the verdict."""
    if is_result(row, held):
        return f'{held.best.name}, {result(row, held)}'
    return result(row, held)


def result(row: Published, held: Held[Ours]) -> str:
    """The verdict, and of what it is the median; of a row that no search was held to,
    what comes nearest."""
    if is_result(row, held):
        return '; '.join(filter(None, [verdict(row, held), spread_text(held)]))
    costs, best = costs_of(held.best.costs, row.table), held.best
    told = [f'{100 * best.test:.2f} %']
    told += [f'{costs[field]:,} {unit}' for field, unit in (
        ('working_memory', 'B of working memory'),
        ('model_size', 'non-zeros' if row.table == 'A' else 'B of model'))
        if field in costs]
    return (f'no search was held to this row; the best there is, {best.name}: '
            f'{", ".join(told)}')


def _non_zeros(
    rows: Sequence[Published], run: Sequence[Row], best: Sequence[Ours],
    against: Against,
) -> str:
    """Table A: a line for every competitor, and the network that is held against it."""
    paper = {row.against: row for row in rows if row.is_paper}
    known = {row.system: row for row in rows if not row.is_paper}
    here = {label(row, [*known, *paper]): row for row in run}
    lines = []
    for system in dict.fromkeys([*paper, *known, *here]):
        theirs, ran, mark = known.get(system), here.get(system), paper.get(system)
        held = against.get(mark) if mark else None
        ours = held.best if mark and held and is_result(mark, held) else None
        lines.append([
            system, *_pair(theirs and theirs.accuracy, theirs and theirs.model_size),
            *_pair(ran and 100 * ran.test, ran and ran.values),
            *_pair(mark and mark.accuracy, mark and mark.model_size),
            number(mark and mark.gpu_days),
            *_pair(ours and 100 * ours.test, ours and ours.costs.model_size),
            result(mark, held) if mark and held else NONE])
    for ours in best:
        if ours.is_random:
            ran = _pair(100 * ours.test, ours.costs.model_size)
            lines.append([title(ours), *[NONE] * 2, *ran, *[NONE] * 6])
    return grid(['competitor', 'published %', 'non-zeros', 'run here %', 'non-zeros',
                 'SpArSe %', 'non-zeros', 'GPU days', 'here, int8 %', 'non-zeros',
                 'result'], lines)


def best_of(run: Sequence[Row], known: Sequence[str]) -> list[Row]:
    """One row for each name: of several trainings the best on validation images, of
    equally good ones the smallest.

    Args:
      run: of one data set.
      known: names of published ones, see `label`.
    """
    found: dict[str, Row] = {}
    for row in run:
        name = label(row, known)
        found[name] = max(found.get(name, row), row,
                          key=lambda one: (one.validation, -one.published_bytes))
    return list(found.values())


def tunings(run: Sequence[Row]) -> str:
    """How competitors were tuned here, in a sentence; '' without any."""
    told = []
    for row in run:
        words = [f'best of {row.tried}']
        if row.method in competitors.FILLED or 'network' in row.asked:
            words.append(f'{row.asked.get("epochs")} epochs')
        if 'svm_examples' in row.asked:
            words.append(f'on {row.asked["svm_examples"]:,} of the training images')
        if 'minutes' in row.asked:
            words += [f'{row.asked.get("initial_design")} draws',
                      f'{row.seconds / 60:.0f} minutes']
        told.append(f'{label(row, ())} ({", ".join(words)}, seed {row.seed})')
    return f'Tuned here on validation images: {", ".join(told)}.' if told else ''


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
    name: str, rows: Sequence[Published], run: Sequence[Row], found: Iterable[Ours],
) -> str:
    """Tables B, C and D: a line for every system."""
    lines = [[row.system, number(row.accuracy, '.2f'), number(row.working_memory),
              number(row.model_size), row.source] for row in rows]
    held = FIELDS[name]['working_memory']
    lines += [[label(row, ()), f'{100 * row.test:.2f}', number(row.memory.get(held)),
               f'{row.one_byte_bytes:,}', f'run here on {row.data}, a byte a value']
              for row in run]
    for ours in dict.fromkeys(found):
        costs = costs_of(ours.costs, name)
        lines.append([title(ours), f'{100 * ours.test:.2f}',
                      number(costs['working_memory']), number(costs['model_size']),
                      f'trial {ours.network}, int8, seed {ours.seed}'])
    return grid(['system', 'test %', 'working memory (B)', 'model (B)', 'from'], lines)


def searches(own: Sequence[Held[Ours]], against: Against) -> str:
    """What the seeds of every search give: by its own bounds, and within rows of the
    paper. Networks that stand for several are one line."""
    told: dict[tuple[Ours, ...], list[str]] = {
        held.found: ['its own bounds'] for held in own}
    for row, held in against.items():
        if is_result(row, held):
            told.setdefault(held.found, []).append(
                f'{row.table}: {row.against or row.system}')
    lines = [_seeds(Held(found), '; '.join(words)) for found, words in told.items()]
    return grid(['search', 'data', 'held against', 'seeds', 'valid. %, median',
                 'test %, int8, median', 'least', 'most'], lines)


def _seeds(held: Held[Ours], words: str) -> list[str]:
    names = ', '.join(sorted(one.name for one in held.found))
    return [names, held.best.set, words, str(len(held.found)),
            *(f'{100 * value:.2f}' for value in (held.validation, *tests_of(held)))]


def details(found: Sequence[Ours]) -> str:
    """What is known of the networks that were found here, whatever their table."""
    lines = []
    for ours in found:
        chip = ours.chip
        both = ours.two_units.model_size
        folds = '' if ours.costs.model_size == both else f' ({both:,})'
        lines.append([
            ours.name, ours.set, ours.network, f'{100 * ours.validation:.2f}',
            f'{100 * ours.test:.2f}', f'{ours.costs.model_size:,}{folds}',
            number(chip.stored), number(ours.costs.working_memory),
            number(ours.costs.working_memory_weights),
            number(ours.costs.working_memory_without_image), number(chip.ram),
            number(chip.flash) + ('' if chip.linked else ' (predicted)'),
            f'{chip.latency:.2f}', number(ours.core_hours, '.2f'),
            number(ours.candidates), str(ours.seed), ours.ended or NONE])
    return grid(
        ['search', 'data', 'trial', 'valid. %', 'test %, int8', 'values', 'weights (B)',
         'memory, (6)', 'memory, (5)', 'without image', 'RAM (B)', 'flash (B)',
         'ms, estimate', 'core-hours', 'candidates', 'seed', 'ended'], lines)


def _flash(found: Sequence[Ours]) -> str:
    """How the flash of networks is known."""
    if any(ours.chip.linked for ours in found):
        return 'exact as linked for the best network of a search, else predicted'
    return 'the flash predicted'


def notes(found: Sequence[Ours], hardware: str) -> str:
    """What the columns of `details` mean, and what cannot be compared."""
    text = (
        'Networks are chosen on validation images and meet the test images once. '
        'Sizes and memories are elements, one byte each in int8, of the network as it '
        'is built: two classes are one output unit, exactly; in parentheses are the '
        'values with two, as the paper counts. Weights are stored in the cheapest of '
        'three formats per layer, without biases and tables. RAM and flash are the '
        f'network\'s own on the Micro Bit, {_flash(found)}; the latency is an estimate '
        'from a table of cycles. Core-hours are the clocks of the searches times the '
        f'cores that they had: {hardware}.')
    grouped = sorted({f'{ours.set} ({ours.grouping})' for ours in found
                      if ours.grouping})
    if grouped:
        text += (' Groupings into two classes are the project\'s own, which the papers '
                 f'do not publish: {", ".join(grouped)}.')
    failures = [f'{ours.name} does not run on the Micro Bit: {ours.chip.failure}.'
                for ours in found if ours.chip.failure]
    return ' '.join([text, *failures])


def commands(own: Sequence[Held[Ours]]) -> str:
    """The searches again, for a shell: one command for all seeds of one clock."""
    lines = []
    for held in own:
        alike: dict[str, list[Ours]] = {}
        for ours in sorted(held.found, key=lambda ours: (ours.seed, ours.name)):
            alike.setdefault(_SEED.sub('', ours.command), []).append(ours)
        for seeds in alike.values():
            told = '' if len(seeds) == 1 else (
                f': seeds {", ".join(str(ours.seed) for ours in seeds)}')
            names = ', '.join(ours.name for ours in seeds)
            lines.append(f'# {names}{told}\n{seeds[0].command}')
    return '```bash\n' + '\n'.join(lines) + '\n```'
