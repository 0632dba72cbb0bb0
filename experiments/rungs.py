"""Searches with and without rungs, of equal epochs of training.

    python -m experiments.rungs --seed=0 --bounds=300,160 --batch=8 --out=FILE.jsonl
    python -m experiments.rungs --seed=0 --bounds=300,160 --batch=16 \
        --rungs=0.1,0.3,1 --out=FILE.jsonl
    python -m experiments.rungs --table --out=FILE.jsonl

Chains of the table on digits, whose soft bounds of model size and working memory are
given. A search ends after the round in which its epochs are used up, however many
threads there are and whatever else runs. Both kinds may compile as many new programs in
a round. Validation data alone. The last command prints the searches in the file.
"""

import argparse
import contextlib
import json
import pathlib
import tempfile
import time
from typing import Any

import jax
import numpy as np

from experiments.paper import command
from sparse_jax import default_config
from sparse_jax.objectives.goals import best_under
from sparse_jax.search import loop, setup
from sparse_jax.search.loop import Progress
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.reading import read
from sparse_jax.study.records import Study

CHAINS = '*-branch=false, num-conv-blocks=1'


class UsedUp(Exception):
    """Ends a search after a round."""


def search(given: argparse.Namespace) -> dict[str, Any]:
    """Search until the epochs are used up; what was searched, and after every round the
    epochs so far and the best error within the bounds."""
    bounds, shares = _numbers(given.bounds), _numbers(given.rungs)
    config = default_config()
    config.update_from_flattened_dict({
        'seed': given.seed, 'search.rounds': 1000, 'search.rungs': tuple(shares),
        'search.batch': given.batch, 'objectives.error': 0.03,
        'objectives.model_size': int(bounds[0]), 'space.restrict': CHAINS,
        'objectives.working_memory': int(bounds[1])})
    built, history = setup.build(read(config)), []
    with tempfile.TemporaryDirectory() as folder:
        study, begin = Study(given.keep or folder), time.process_time()

        def callback(news: Progress) -> None:
            if news.phase != 'finished round':
                return
            epochs = _epochs(study)
            best = best_under(study.networks(), built.objectives)
            history.append([epochs, None if best is None else best.error])
            if epochs >= given.epochs:
                raise UsedUp

        with contextlib.suppress(UsedUp):
            loop.run(built, study, callback)
        found = _summary(study, built)
        study.close()
    return {'seed': given.seed, 'bounds': bounds, 'rungs': shares,
            'batch': given.batch, 'history': history,
            'processor_seconds': round(time.process_time() - begin, 1)} | found


def _epochs(study: Study) -> int:
    return sum(row.trial.epochs for row in study.rows() if row.costs is not None)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(',') if part]
    except ValueError:
        raise ConfigError(f'{text!r}; allowed: numbers, with commas between') from None


def _summary(study: Study, built: setup.Setup) -> dict[str, Any]:
    """Counts of a search, and what promotions made of errors and sizes."""
    rows, rounds = study.rows(), study.rounds()
    by_number = {row.trial.number: row for row in rows}
    pairs = [(by_number[row.trial.parent], row) for row in rows
             if row.trial.origin is not None and row.trial.parent is not None]
    ratio = lambda old, new: float(np.log(max(new, 1e-3) / max(old, 1e-3)))
    both = [(old.trial.rung, old.figures, new.figures) for old, new in pairs
            if old.trained and new.trained]
    gains = [[rung, ratio(old[0], new[0]),
              ratio(old[1].model_size, new[1].model_size)] for rung, old, new in both]
    programs = sum(record.programs or 0 for record in rounds)
    return {
        'points': sum(row.trial.origin is None for row in rows),
        'trainings': len(rows), 'rounds': len(rounds),
        'epochs': _epochs(study),
        'programs': programs, 'gains': gains,
        'compile_seconds': round(built.evaluator.executor.stats().compile_seconds, 1)}


def table(lines: list[dict[str, Any]]) -> None:
    """Print one line per search, and the medians of every kind."""
    kinds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        best = line['history'][-1][1]
        shown = 'none' if best is None else f'{100 * best:.2f} %'
        kinds.setdefault((str(line['bounds']), str(line['rungs'])), []).append(line)
        print(f'{line["bounds"]} rungs {line["rungs"]} seed {line["seed"]}: {shown}, '
              f'{line["points"]} points, {line["trainings"]} trainings, '
              f'{line["epochs"]} epochs, {line["programs"]} programs')
    for (bounds, rungs), found in kinds.items():
        last = [line['history'][-1][1] for line in found]
        errors = [1.0 if error is None else error for error in last]
        print(f'{bounds} rungs {rungs}: median error '
              f'{100 * float(np.median(errors)):.2f} %, points '
              f'{np.median([line["points"] for line in found]):.0f}')


def main() -> None:
    """Run a search, or print those of a file."""
    parser = command.Parser(__doc__)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--bounds', default='2048,2048')
    parser.add_argument('--rungs', default='')
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--epochs', type=int, default=1000)
    parser.add_argument('--cache', type=pathlib.Path, help='of compiled programs')
    parser.add_argument('--keep', help='folder for the study')
    parser.add_argument('--out', type=pathlib.Path, required=True)
    parser.add_argument('--table', action='store_true')
    given = parser.parse_args()
    with command.one_line():
        if given.table:
            table([json.loads(line) for line in given.out.read_text().splitlines()])
            return
        if given.cache is not None:
            jax.config.update('jax_compilation_cache_dir', str(given.cache))
        found = search(given)
        with open(given.out, 'a') as file:
            file.write(json.dumps(found) + '\n')
        print(json.dumps(found))


if __name__ == '__main__':
    main()
