"""Verifies an exported network on its emulated board.

python -m launch.verify --out=DIR
"""

import sys

from absl import app, flags

from sparse_jax.export import ExportError, read_report, verification_text, verify

_OUT = flags.DEFINE_string('out', None, 'folder written by launch.export',
                           required=True)
_LIMIT = flags.DEFINE_integer('limit', None, 'run only so many test images', 1)
_COMPILER = flags.DEFINE_enum('compiler', 'auto', ['auto', 'zig', 'gcc'],
                              'ziglang from pip or a system arm-none-eabi-gcc')


def main(argv):
    del argv
    try:
        verify(_OUT.value, limit=_LIMIT.value, compiler=_COMPILER.value)
    except ExportError as error:
        sys.exit(f'verify: {error}')
    print(verification_text(read_report(_OUT.value)), end='')


if __name__ == '__main__':
    app.run(main)
