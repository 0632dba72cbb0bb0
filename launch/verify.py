"""Verify an exported network, or the whole front of a study, on its emulated board.

    python -m launch.verify --out=DIR
    python -m launch.verify --workdir=runs/digits --limit=100

The first compiles an exported folder, runs its whole test set on exactly the board's
memories and accounts for every byte. The second exports every front member into
WORKDIR/verified, does the same and prints predicted costs beside the real ones. Exits
non-zero with one line if a logit is wrong, if an image is over budget or if it touches
memory that the board does not have.
"""

from absl import flags

from launch import cli
from sparse_jax.export.chip import boards

FLAGS = cli.new_flags()
OUT = cli.define_path('out', 'Folder written by launch.export.', FLAGS)
WORKDIR = cli.define_path(
    'workdir', 'Study whose front is exported and verified.', FLAGS)
BOARD = cli.define_path(
    'board', 'Board of --workdir; that of its configuration if absent. '
    f'{", ".join(boards.names())}, or the path of a JSON file.', FLAGS)
TRUST = cli.define_trust(FLAGS)
LIMIT = flags.DEFINE_integer(
    'limit', None, 'Run only so many test images.', 1, flag_values=FLAGS)
COMPILER = flags.DEFINE_enum(
    'compiler', 'auto', ['auto', 'zig', 'gcc'],
    'ziglang from pip, or a system arm-none-eabi-gcc.', flag_values=FLAGS)


def main(argv: list[str]) -> None:
    from launch import verified
    from sparse_jax.export import ExportError, read_report, verification_text, verify

    del argv
    if (OUT.value is None) == (WORKDIR.value is None):
        cli.fail('give either --out=DIR of launch.export, or --workdir=DIR of a study')
    if BOARD.value and OUT.value:
        cli.fail('--board goes with --workdir; an exported folder has its board')
    try:
        if WORKDIR.value:
            board = boards.load(BOARD.value) if BOARD.value else None
            verified.verify_front(WORKDIR.value, board=board, limit=LIMIT.value,
                                  compiler=COMPILER.value,
                                  trust_factories=TRUST.value)
            return
        verify(OUT.value, limit=LIMIT.value, compiler=COMPILER.value)
    except ExportError as error:
        cli.fail(error)
    print(verification_text(read_report(OUT.value)), end='')


if __name__ == '__main__':
    cli.run(main, FLAGS)
