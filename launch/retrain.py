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

With --inherit every start goes on from the stored weights of its network: where the
prior empties a network that is trained afresh, or where it is to be trained longer.

What has learnt from a teacher (launch.teach) does so again; --soft_labels says where
its file is now, if it has moved.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from launch import cli, machines, tables

if TYPE_CHECKING:
    from sparse_jax.objectives.goals import Objectives
    from sparse_jax.study.opened import OpenStudy
    from sparse_jax.study.records import Record

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
SOFT_LABELS = cli.define_path(
    'soft_labels', "The file of the study's teacher, if it is no longer where it was.",
    FLAGS)
TRUST = cli.define_trust(FLAGS)
REPEATS = flags.DEFINE_integer(
    'repeats', 5, 'Random starts of each.', 1, flag_values=FLAGS)
INHERIT = flags.DEFINE_bool(
    'inherit', False, 'Start from the stored weights of each network, not from fresh '
    'ones.', flag_values=FLAGS)
SEED = flags.DEFINE_integer(
    'seed', 0, 'Of the random starts; another one repeats the retraining with others.',
    0, flag_values=FLAGS)

EXECUTOR = machines.define_executor(FLAGS)


def chosen(study: OpenStudy) -> list[Record]:
    """The networks to train again."""
    from sparse_jax.objectives.goals import bounds_text

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


def summary(
    runs: Sequence[Record], row: Record, objectives: Objectives, epochs: int,
    before: int,
) -> str:
    """What the starts of a network have in common, at the cut that was named.

    before: epochs that its weights in the study were trained.
    """
    from sparse_jax.objectives.goals import figure

    good = [r for r in runs if r.ok]
    others = tables.statuses_text(r for r in runs if not r.ok)
    text = (f'trial {row.name}, {epochs} epochs: {len(good)} of {len(runs)} starts'
            + f' ({others})' * bool(others))
    if not good:
        return f'{text} give a network'
    parts, had = [], []
    for name in objectives.names:
        goal = objectives.goal(name)
        values = [value for r in good
                  if (value := figure(r, name, objectives)) is not None]
        parts.append(f'{goal.title} {tables.spread(values, goal.text)}')
        past = figure(row, name, objectives)
        had.append('unknown' if past is None else goal.text(past))
    return (f'{text} give {", ".join(parts)}; it had {", ".join(had)} after {before} '
            'epochs')


def main(argv: list[str]) -> None:
    from launch import progress, running
    from sparse_jax.search import loop, setup
    from sparse_jax.study import lineage, lock, retraining
    from sparse_jax.study.folder import check_settings, lowering_of
    from sparse_jax.study.opened import open_study

    del argv
    machines.connect(EXECUTOR)
    with open_study(WORKDIR.value, trust_factories=TRUST.value) as study:
        wanted = retraining.retraining(
            study, chosen(study), REPEATS.value, epochs=EPOCHS.value,
            max_train=MAX_TRAIN.value, seed=SEED.value, inherit=INHERIT.value,
            soft_labels=SOFT_LABELS.value)
        trials = study.records.rows()
        elsewhere = retraining.stored_weights(study, wanted)
    retraining.check_networks(OUT.value, wanted)
    check_settings(OUT.value, wanted.settings)
    lock.check_free(OUT.value)
    settings, make_executor = machines.suited(EXECUTOR, wanted.settings)
    platform = machines.platform_of(EXECUTOR)
    built = setup.build(settings, make_executor=make_executor,
                        lowering=lowering_of(OUT.value, settings, platform))
    retraining.check_teacher(wanted, built.dataset)
    with contextlib.closing(built.evaluator.executor), \
            running.locked_study(built, OUT.value, platform) as records:
        tables.notes(tables.console(), built.dataset)
        retraining.plan(records, wanted)
        with progress.Reporter(built, records) as reporter:
            loop.run(built, records, reporter, elsewhere)
        starts = retraining.starts_of(records, wanted, study.objectives)
    pairs = sorted(zip(wanted.rows, starts),
                   key=lambda pair: retraining.mean_error(pair[1]))
    for row, runs in pairs:
        before = lineage.total_epochs(trials, row.trial.number)
        tables.line(tables.console(), summary(
            runs, row, study.objectives, wanted.settings.train.epochs, before))


if __name__ == '__main__':
    cli.run(main, FLAGS)
