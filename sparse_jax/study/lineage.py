"""Which trainings of a study came of which others."""

from collections.abc import Container, Sequence

from sparse_jax.study.outcome import FINAL, Trial
from sparse_jax.study.records import Record


def latest(rows: Sequence[Record]) -> list[Record]:
    """Of every point its trial of the highest rung, by their number; without those of
    the end of a search."""
    found: dict[int, Record] = {}
    for row in rows:
        if row.trial.rung != FINAL:
            before = found.get(row.trial.first, row)
            found[row.trial.first] = max(
                before, row, key=lambda r: (r.trial.rung, r.trial.number))
    return sorted(found.values(), key=lambda row: row.trial.number)


def ancestors(rows: list[Record], number: int) -> list[Record]:
    """A trial and those its weights come from, the oldest first, as far back as the
    study has them."""
    known = {row.trial.number: row for row in rows}
    line = [known[number]]
    while (parent := _parent(line[0].trial, known)) is not None:
        line.insert(0, known[parent])
    return line


def total_epochs(rows: list[Record], number: int) -> int:
    """Epochs that the weights of a trial were trained: its own and its ancestors', as
    far back as the study has them."""
    return sum(row.trial.epochs for row in ancestors(rows, number))


def point_epochs(rows: list[Record], number: int) -> int:
    """Epochs that the point of a trial was trained up to that trial: its own and those
    of the lower rungs that it goes on from, without other points' that it inherits."""
    line = ancestors(rows, number)
    first = line[-1].trial.first
    return sum(row.trial.epochs for row in line if row.trial.first == first)


def rung_text(trial: Trial) -> str:
    """' (rung 1)' of a promoted trial, ' (final)' of one of the end, else ''."""
    if trial.rung == FINAL:
        return ' (final)'
    return f' (rung {trial.rung})' if trial.rung else ''


def tree_lines(rows: list[Record]) -> list[str]:
    """The lineage as an indented text tree, one line per trial."""
    known, children = {row.trial.number for row in rows}, {}
    for row in rows:
        children.setdefault(_parent(row.trial, known), []).append(row)
    lines = []

    def visit(row: Record, depth: int) -> None:
        size = '' if row.costs is None else f', {row.costs.model_size} B'
        told = row.status
        if row.ok and row.error is not None:
            told = f'{100 * (1 - row.error):.1f} %{size}'
        lines.append(f'{"  " * depth}{row.trial.number}{rung_text(row.trial)}: '
                     f'{told}')
        for child in children.get(row.trial.number, []):
            visit(child, depth + 1)

    for root in children.get(None, []):
        visit(root, 0)
    return lines


def _parent(trial: Trial, known: Container[int]) -> int | None:
    """A trial's parent if it is there: a damaged study may have lost it."""
    parent = trial.parent
    found = parent is not None and parent in known and parent < trial.number
    return parent if found else None
