"""A search or a retraining inside its workdir, however it ends."""

import contextlib
from collections.abc import Iterator

from launch import cli, interrupts, log, tables
from sparse_jax.search.setup import Setup
from sparse_jax.settings.groups import Settings
from sparse_jax.study import folder as workdir
from sparse_jax.study import lock
from sparse_jax.study import records as study


@contextlib.contextmanager
def locked_study(
    built: Setup, folder: str, platform: str | None = None
) -> Iterator[study.Study]:
    """The study of a workdir for this process alone; made if it is new.

    What is said meanwhile also goes into its log.txt. Ctrl-C ends with one line that
    says how to continue.

    platform: of the devices that train; by default those of this process.

    Raises:
      StudyError: another process holds the workdir, or it is of something else.
    """
    with lock.hold(folder):
        records = workdir.start_study(
            folder, built.settings, built.dataset, built.lowering, platform)
        how = f'the same command continues from {folder!r}'
        try:
            with interrupts.hint(how), log.kept(folder):
                _say_what_is_there(records, built.settings)
                yield records
                workdir.mark_finished(records)
        except KeyboardInterrupt:
            cli.fail(f'stopped; {how}', cli.INTERRUPTED)
        finally:
            records.close()


def _say_what_is_there(records: study.Study, settings: Settings) -> None:
    """One line if the study has trials already."""
    rows = records.rows()
    done = sum(row.status != study.PENDING for row in rows)
    if rows:
        total = max(settings.search.rounds * settings.search.batch, len(rows))
        tables.line(tables.console(), f'continuing: {done} of {total}')
