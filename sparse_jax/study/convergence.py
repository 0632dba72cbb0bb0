"""How a search got where it is: hypervolume against what was spent."""

import csv
import io
import pathlib
from typing import NamedTuple

from sparse_jax.study import files
from sparse_jax.study.records import Study

FEWEST = 3
"""Finished rounds before anything is said about the last of them."""
LITTLE = 0.01
"""Share of the hypervolume: what a third of the rounds should bring at least."""


class Point(NamedTuple):
    """A study after one of its rounds."""

    round: int
    candidates: int
    """Points, however often they were trained."""
    epochs: int
    """Of training, of all candidates so far, diverged ones too."""
    hypervolume: float


def history(records: Study) -> list[Point]:
    """One point per finished round."""
    rows, points = records.rows(), []
    for found in records.rounds():
        if found.hypervolume is not None:
            done = [row for row in rows if row.round <= found.round]
            epochs = sum(row.trial.epochs for row in done if row.costs is not None)
            candidates = sum(row.trial.origin is None for row in done)
            points.append(Point(found.nth, candidates, epochs,
                                found.hypervolume))
    return points


def gained(points: list[Point], rounds: int) -> float:
    """Share of the final hypervolume that the last so many rounds brought."""
    start, end = points[-1 - rounds].hypervolume, points[-1].hypervolume
    return (end - start) / end


def text(points: list[Point]) -> str | None:
    """The progress in words; None while there is little to say."""
    if len(points) < FEWEST or not points[-1].hypervolume:
        return None
    last, late = points[-1], -(-len(points) // 3)
    share = gained(points, late)
    advice = ('' if share >= LITTLE else
              '; more rounds of this search would probably add little')
    return (f'hypervolume {last.hypervolume:.4f} after {last.candidates} candidates '
            f'and {last.epochs} epochs of training, {100 * share:.1f} % of it from the '
            f'last {late} of {len(points)} rounds{advice}')


def write(path: str | pathlib.Path, points: list[Point]) -> None:
    """The history as CSV."""
    buffer = io.StringIO(newline='')
    writer = csv.writer(buffer)
    writer.writerow(Point._fields)
    writer.writerows(points)
    files.write(path, buffer.getvalue())
