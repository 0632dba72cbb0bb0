"""Train networks of a study again: longer, and from several random starts.

    python -m launch.retrain --workdir=runs/digits --out=runs/again --epochs=200
    python -m launch.retrain --workdir=runs/digits --out=runs/best5 --networks=5

--out becomes a study of its own with one trial per start, which launch.report,
launch.export and the others read; the first study stays as it is. Every start begins
with fresh weights, also where the trial inherited its own, and with random numbers that
the search did not use; another --seed draws others. The spread between starts says how
far a difference between two networks can be trusted: the best of a search is partly
luck, and with --networks=5 the means of the five best say which of them is best. It may
also owe much to the epochs of its ancestors, which are named. The same command again
continues.
"""

import contextlib
import dataclasses
import pathlib

import numpy as np
from absl import flags

from launch import cli, progress, running, tables
from sparse_jax import data, status
from sparse_jax.objectives.goals import bounds_text, figure
from sparse_jax.search import loop, setup
from sparse_jax.study import lineage, lock
from sparse_jax.study.folder import check_settings
from sparse_jax.study.opened import open_study
from sparse_jax.study.outcome import Trial
from sparse_jax.study.records import FILE, Study, StudyError
from sparse_jax.study.retraining import seed_of

FLAGS = cli.new_flags()
WORKDIR = cli.define_workdir('Folder of a study made by launch.search.', FLAGS)
TRIAL = flags.DEFINE_string(
    'trial', 'best', 'best, or a network of the study as launch.report names it.',
    flag_values=FLAGS)
NETWORKS = flags.DEFINE_integer(
    'networks', 1, 'So many of the best networks, each of another point of the space.',
    1, flag_values=FLAGS)
OUT = cli.define_path('out', 'Folder of the new study.', FLAGS, required=True)
EPOCHS = flags.DEFINE_integer(
    'epochs', None, 'Epochs of every training; those of the study if absent.', 1,
    flag_values=FLAGS)
MAX_TRAIN = flags.DEFINE_integer(
    'max_train', None, 'Training images, 0 for all; those of the study if absent.', 0,
    flag_values=FLAGS)
TRUST = cli.define_trust(FLAGS)
REPEATS = flags.DEFINE_integer(
    'repeats', 5, 'Random starts of each.', 1, flag_values=FLAGS)
SEED = flags.DEFINE_integer(
    'seed', 0, 'Of the random starts; another one repeats the retraining with others.',
    0, flag_values=FLAGS)


def chosen(study):
    """The networks to train again."""
    if NETWORKS.value == 1:
        return [study.find(TRIAL.value)]
    if TRIAL.value != 'best':
        cli.fail(f'--networks={NETWORKS.value} with --trial={TRIAL.value}: not allowed '
                 'together; allowed: --trial=best')
    found = study.best(NETWORKS.value)
    if len(found) < NETWORKS.value:
        tables.line(tables.console(), f'only {len(found)} networks are within the '
                                      f'soft bounds of {bounds_text(study.objectives)}')
    return found


def again(study, rows):
    """The settings of the new study of some networks."""
    settings = study.settings
    seed = seed_of(settings, data.digest(study.dataset), rows, SEED.value)
    change, train, images = dataclasses.replace, settings.train, settings.data
    if EPOCHS.value is not None:
        train = change(train, epochs=EPOCHS.value)
    if MAX_TRAIN.value is not None:
        images = change(images, max_train=MAX_TRAIN.value)
    search = change(
        settings.search, algorithm='random', rounds=1, batch=len(rows) * REPEATS.value,
        stages=(), inherit=False)
    return change(settings, seed=seed, train=train, data=images, search=search)


def check_networks(workdir, rows):
    """Refuse a folder with trainings of other networks.

    Raises:
      StudyError: they are others, or the study cannot be read.
    """
    if not (pathlib.Path(workdir) / FILE).is_file():
        return
    with contextlib.closing(Study(workdir, create=False)) as records:
        stored = records.rows()
    each = [row for row in rows for _ in range(REPEATS.value)]
    if any(not np.array_equal(r.trial.row, row.trial.row)
           for r, row in zip(stored, each)):
        names = ', '.join(row.name for row in rows)
        raise StudyError(
            f'workdir {workdir!r} holds trainings of another network than trial '
            f'{names}; allowed: another folder')


def plan(records, settings, rows):
    """One trial per network and start, unless they are in the study already."""
    if not records.rows():
        each = [row for row in rows for _ in range(REPEATS.value)]
        trials = [Trial(number, row.trial.row, settings.train.epochs, None)
                  for number, row in enumerate(each)]
        records.add_round(0, settings.seed, trials, [row.point for row in each], {})


def spread(values, form):
    """'mean (least to most)', all with `form`."""
    texts = [form(v) for v in (np.mean(values), min(values), max(values))]
    return f'{texts[0]} ({texts[1]} to {texts[2]})'


def at_cut(records, offset):
    """One row per trial, at a cut; one without a network there is empty."""
    found = {r.trial.number: r for r in records.networks() if r.offset == offset}
    empty = status.name(status.EMPTY)
    return [found.get(r.trial.number, r._replace(status=empty) if r.ok else r)
            for r in records.rows()]


def mean_error(runs):
    """Of the starts of a network that gave one; infinite if none did."""
    return np.mean([r.error for r in runs if r.ok] or [np.inf])


def summary(runs, row, objectives, epochs, before):
    """What the starts of a network have in common, at the cut that was named.

    before: epochs that its weights in the study were trained.
    """
    good = [r for r in runs if r.ok]
    others = tables.statuses_text(r for r in runs if not r.ok)
    text = (f'trial {row.name}, {epochs} epochs: {len(good)} of {len(runs)} starts'
            + f' ({others})' * bool(others))
    if not good:
        return f'{text} give a network'
    parts, had = [], []
    for name in objectives.names:
        goal = objectives.goal(name)
        values = [figure(r, name, objectives) for r in good]
        parts.append(f'{goal.title} {spread(values, goal.text)}')
        had.append(goal.text(figure(row, name, objectives)))
    return (f'{text} give {", ".join(parts)}; it had {", ".join(had)} after {before} '
            'epochs')


def main(argv):
    del argv
    with open_study(WORKDIR.value, trust_factories=TRUST.value) as study:
        rows, trials = chosen(study), study.records.rows()
    settings, objectives = again(study, rows), study.objectives
    check_networks(OUT.value, rows)
    check_settings(OUT.value, settings)
    lock.check_free(OUT.value)
    built = setup.build(settings)
    with running.locked_study(built, OUT.value) as records:
        tables.notes(tables.console(), built.dataset)
        plan(records, settings, rows)
        with progress.Reporter(built, records) as reporter:
            loop.run(built, records, reporter)
        starts = [at_cut(records, row.offset)[i * REPEATS.value:][:REPEATS.value]
                  for i, row in enumerate(rows)]
    for row, runs in sorted(zip(rows, starts), key=lambda pair: mean_error(pair[1])):
        before = lineage.total_epochs(trials, row.trial.number)
        tables.line(tables.console(), summary(
            runs, row, objectives, settings.train.epochs, before))


if __name__ == '__main__':
    cli.run(main, FLAGS)
