"""Search for pruned networks.

    python -m launch.search --config=experiments/digits.py --workdir=runs/digits

The workdir holds the locked configuration (config.json), the study (study.sqlite) and
the weights of the front (checkpoints/). The same command again continues the study;
raising --config.search.rounds extends it.
"""

from launch import cli, progress, workdir
from sparse_jax.search import loop, settings, setup, study

FLAGS = cli.new_flags()
CONFIG = cli.define_config(FLAGS)
WORKDIR = cli.define_workdir('Folder of the study; it is made, or continued.', FLAGS)


def main(argv):
    del argv
    config, folder = CONFIG.value, WORKDIR.value
    settings.check(config)
    # Before the data is loaded and the folder made: it fails fast, changing nothing.
    workdir.check_config(folder, config)
    built = setup.build(config)
    with study.lock(folder):
        records = workdir.start_study(folder, config)
        try:
            with progress.Reporter(built, records) as reporter:
                loop.run(built, records, reporter)
            progress.print_summary(built, records)
        except KeyboardInterrupt:
            cli.fail(f'stopped; the same command continues from {folder!r}',
                     cli.INTERRUPTED)
        finally:
            records.close()


if __name__ == '__main__':
    cli.run(main, FLAGS)
