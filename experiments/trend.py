"""Fits what searches on several data sets have in common: the slopes of a trend.

    python -m experiments.trend --out=FILE.json WORKDIR...

Of every study, without pruning, it takes the first trainings of
networks that inherit no weights. It prints how errors rank (Spearman) by slopes that
were fitted to the studies of all other data sets, and by products alone; then, of the
points that the surrogate suggested, by a trend fitted to the random ones before
them, and by what the search itself had expected. It writes the slopes of all studies
together (docs/searching.md).
"""

import contextlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr

from experiments.paper import command
from sparse_jax.objectives import structure
from sparse_jax.search import trend
from sparse_jax.space import encoding
from sparse_jax.study.errors import StudyError
from sparse_jax.study.opened import open_study

SHRINKAGE = 100.0
"""Of the ridge regression over all studies."""
FEWEST = 12
"""Trainings of a study, at least."""


class Trainings(NamedTuple):
    """First trainings of a study's points, in their order."""

    data: str
    """The images, whatever their groups."""
    vectors: np.ndarray
    """[N, F] features."""
    errors: np.ndarray
    """[N] validation errors."""
    expected: np.ndarray
    """[N] what the search expected, NaN of random points."""
    heirs: np.ndarray
    """[N] bool: whose weights are inherited."""

    @property
    def own(self) -> 'Trainings':
        """Those that inherit nothing."""
        return Trainings(self.data, *(part[~self.heirs] for part in self[1:]))

    @property
    def z(self) -> np.ndarray:
        """[N] logarithmic errors in standard deviations from their mean."""
        return trend.standardised(self.errors)[0]

    @property
    def centred(self) -> np.ndarray:
        """[N, F] features less their means."""
        return self.vectors - self.vectors.mean(0)


def read(workdir: str) -> Trainings:
    """The first trainings of a study.

    Raises:
      StudyError: there is none there, or it prunes.
    """
    with contextlib.closing(open_study(workdir, needs_images=False)) as study:
        method = study.settings.pruning.method
        if method != 'none':
            raise StudyError(f'workdir {workdir!r}: pruning.method is {method!r}; '
                             'allowed: none')
        rows = [row for row in study.records.rows()
                if row.trial.rung == 0 and row.error is not None]
        x = np.array([row.trial.row for row in rows])
        vectors = structure.vectors(encoding.graphs(study.space, x)) if rows else x
        return Trainings(
            study.settings.data.name.removesuffix('_binary'), vectors,
            np.array([row.error for row in rows], float),
            np.array([row.predicted[0] if row.predicted else np.nan for row in rows]),
            np.array([row.trial.is_heir for row in rows], bool))


def slopes(studies: Sequence[Trainings]) -> trend.Prior:
    """Ridge regression over all studies, each about its own mean."""
    x = np.concatenate([study.centred for study in studies])
    z, spread = np.concatenate([study.z for study in studies]), x.std(0)
    spread[spread == 0] = 1.0
    x = x / spread
    slope = np.linalg.solve(x.T @ x + SHRINKAGE * np.eye(x.shape[1]), x.T @ z)
    return trend.Prior(spread, slope)


def rank(expected: np.ndarray, errors: np.ndarray) -> float:
    """Spearman's correlation; NaN of fewer than 8."""
    return float(spearmanr(expected, errors)[0]) if len(errors) >= 8 else np.nan


def correlations(study: Trainings, known: trend.Prior) -> list[float]:
    """Of a study, as `HEADING` has them."""
    own, later = study.own, np.isfinite(study.expected)
    found = [rank(own.vectors @ (known.slope / known.spread), own.errors),
             rank(-own.vectors[:, 0], own.errors)]
    if later.sum() < 8 or later.all():
        return [*found, np.nan, np.nan]
    fitted = trend.fit(study.vectors[~later], study.errors[~later], known)
    return [*found, rank(fitted.errors(study.vectors[later]), study.errors[later]),
            rank(study.expected[later], study.errors[later])]


HEADING = ('study', 'data', 'networks', 'slopes of other data', 'products alone',
           'later: trend', 'later: search')


def print_table(studies: Mapping[str, Trainings]) -> None:
    """Every study by slopes of all other data sets, then means of each data set."""
    print('| ' + ' | '.join(HEADING) + ' |')
    print('|---|---|' + '---:|' * (len(HEADING) - 2))
    found: dict[str, list[list[float]]] = {}
    for name, study in studies.items():
        known = slopes([s.own for s in studies.values() if s.data != study.data])
        values = correlations(study, known)
        found.setdefault(study.data, []).append([len(study.own.errors), *values])
        _print_row(name, study.data, found[study.data][-1])
    found['all'] = [values for some in found.values() for values in some]
    for data, some in found.items():
        columns = np.array(some).T
        means = [column[np.isfinite(column)].mean() if np.isfinite(column).any()
                 else np.nan for column in columns[1:]]
        _print_row(f'{len(some)} studies', data, [columns[0].sum(), *means])


def _print_row(name: str, data: str, values: Sequence[float]) -> None:
    cells = ('–' if np.isnan(value) else f'{value:.2f}' for value in values[1:])
    print(f'| {name} | {data} | {values[0]:.0f} | ' + ' | '.join(cells) + ' |')


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table, write the file."""
    parser = command.Parser(__doc__)
    parser.add_argument('--out', default='', help='Where the slopes are written.')
    parser.add_argument('workdirs', nargs='+', metavar='WORKDIR')
    given = parser.parse_args(argv)
    with command.one_line():
        studies = {path: read(path) for path in dict.fromkeys(given.workdirs)}
    studies = {name: study for name, study in studies.items()
               if (~study.heirs).sum() >= FEWEST}
    if len({study.data for study in studies.values()}) < 2:
        command.fail('studies of one data set; allowed: of two or more')
    print_table(studies)
    if given.out:
        own = [study.own for study in studies.values()]
        pathlib.Path(given.out).write_text(trend.stored(
            slopes(own), networks=sum(len(study.errors) for study in own),
            studies=len(own), data=sorted({study.data for study in own})))


if __name__ == '__main__':
    main()
