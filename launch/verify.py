"""Verify an exported network on its emulated board.

    python -m launch.verify --out=DIR

Compiles the folder, runs its whole test set on exactly the board's memories and
accounts for every byte. Exits non-zero with one line if a logit is wrong, if the image
is over budget or if it touches memory that the board does not have.
"""

from absl import flags

from launch import cli
from sparse_jax.export import ExportError, read_report, verification_text, verify

OUT = flags.DEFINE_string(
    'out', None, 'Folder written by launch.export.', required=True)
LIMIT = flags.DEFINE_integer('limit', None, 'Run only so many test images.', 1)
COMPILER = flags.DEFINE_enum('compiler', 'auto', ['auto', 'zig', 'gcc'],
                             'ziglang from pip, or a system arm-none-eabi-gcc.')


def main(argv):
    del argv
    try:
        verify(OUT.value, limit=LIMIT.value, compiler=COMPILER.value)
    except ExportError as error:
        cli.fail(error)
    print(verification_text(read_report(OUT.value)), end='')


if __name__ == '__main__':
    cli.run(main)
