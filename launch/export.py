"""Export a trained network of a study to C for a board, and verify it there.

    python -m launch.export --workdir=runs/digits --trial=best --out=DIR

`best` is the front member of least validation error within the soft bounds; other
trials are named as in launch.report (24, or 24@-1). The images of the whole test part
go along, without labels: every logit is compared on the emulated board. --noverify only
writes the folder. --format=c,tflite adds a .tflite file with the same logits;
README.txt in the folder says how to compile and call either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from absl import flags

from launch import cli
from sparse_jax.export.chip import boards

if TYPE_CHECKING:
    from sparse_jax.export import Board

FLAGS = cli.new_flags()
WORKDIR = cli.define_workdir('Folder of a study made by launch.search.', FLAGS)
TRIAL = flags.DEFINE_string(
    'trial', 'best', 'best, or a trial as launch.report names it.', flag_values=FLAGS)
BOARD = cli.define_path(
    'board', f'{", ".join(boards.names())}, or the path of a JSON file; '
    'by default the board of the study.', FLAGS)
OUT = cli.define_path('out', 'Folder to write.', FLAGS, required=True)
TRUST = cli.define_trust(FLAGS)
FILES = flags.DEFINE_list(
    'format', ['c'], 'c, tflite, or both with a comma between.', flag_values=FLAGS)
METHOD = flags.DEFINE_enum(
    'method', 'robust', ['robust', 'minmax', 'percentile', 'mse', 'fixed'],
    'How the ranges of pixels, activations and weights are calibrated.',
    flag_values=FLAGS)
STEPS = flags.DEFINE_integer(
    'finetune_steps', 0, 'Steps of quantisation-aware training; 0 for none.', 0,
    flag_values=FLAGS)
FORMAT = flags.DEFINE_enum(
    'weight_format', 'auto', ['auto', 'dense', 'bitmap', 'gap'],
    'Storage of weights; auto is the cheapest of each layer.', flag_values=FLAGS)
VERIFY = flags.DEFINE_bool(
    'verify', True, 'Compile and run on the emulated board.', flag_values=FLAGS)
COMPILER = flags.DEFINE_enum(
    'compiler', 'auto', ['auto', 'zig', 'gcc'],
    'ziglang from pip, or a system arm-none-eabi-gcc.', flag_values=FLAGS)


def write(board: Board | None) -> None:
    """Writes the export folder of the chosen network; no board is the study's."""
    from sparse_jax.evaluation.exporting import export_trial
    from sparse_jax.export import tuning_text
    from sparse_jax.export.project import folder
    from sparse_jax.quantize.pixels import Method
    from sparse_jax.study.opened import open_study

    folder.check_target(OUT.value)
    with open_study(WORKDIR.value, trust_factories=TRUST.value) as study:
        written = export_trial(
            study, TRIAL.value, OUT.value, board=board, weight_format=FORMAT.value,
            method=cast(Method, METHOD.value), finetune_steps=STEPS.value,
            formats=FILES.value)
    if written.ranges is not None and written.ranges.tuning is not None:
        print(tuning_text(written.ranges.tuning))
    print(f'written: {OUT.value}, trial {written.row.name}, validation accuracy '
          f'{100 * written.int8_accuracy:.2f} % in int8 '
          f'({100 * written.float_accuracy:.2f} % in float)')


def main(argv: list[str]) -> None:
    from sparse_jax.export import (
        ExportError,
        MissingToolError,
        read_report,
        verification_text,
        verify,
    )

    del argv
    try:
        write(boards.load(BOARD.value) if BOARD.value else None)
        if VERIFY.value and 'c' in FILES.value:
            verify(OUT.value, compiler=COMPILER.value)
            print(verification_text(read_report(OUT.value)), end='')
    except MissingToolError as error:
        cli.fail(f'not verified: {error}')
    except (ExportError, ValueError) as error:
        cli.fail(error)


if __name__ == '__main__':
    cli.run(main, FLAGS)
