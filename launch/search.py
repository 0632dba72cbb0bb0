"""Search for pruned networks.

    python -m launch.search --config=experiments/digits.py --workdir=runs/digits

The workdir holds the locked configuration (config.json), the study (study.sqlite) and
the weights of the front (checkpoints/). The same command again continues the study;
raising --config.search.rounds extends it.
"""

from launch import cli, progress
from launch.workdir import lock_config
from sparse_jax.search import loop, setup, study

CONFIG = cli.define_config()
WORKDIR = cli.define_workdir('Folder of the study; it is made, or continued.')

def main(argv):
    del argv
    config, workdir = CONFIG.value, WORKDIR.value
    built = setup.build(config)
    with study.lock(workdir):
        lock_config(workdir, config)
        records = study.Study(workdir)
        try:
            with progress.Reporter(built, records) as reporter:
                loop.run(built, records, reporter)
            progress.print_summary(built, records)
        except KeyboardInterrupt:
            cli.fail(f'stopped; the same command continues from {workdir!r}')
        finally:
            records.close()


if __name__ == '__main__':
    cli.run(main)
