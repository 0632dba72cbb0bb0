"""Export a trained network of a study to C for a board, and verify it there.

    python -m launch.export --workdir=runs/digits --trial=best --out=DIR

`best` is the front member of least validation error within the study's budgets; other
trials are named as in launch.report (24, or 24@-1). The images of the whole test part
go along, without labels: every logit is compared on the emulated board. --noverify only
writes the folder.
"""

import jax
from absl import flags

from launch import cli
from sparse_jax import data
from sparse_jax.evaluation.chip import CALIBRATION
from sparse_jax.export import (
    ExportData,
    ExportError,
    MissingToolError,
    export_network,
    read_report,
    tuning_text,
    verification_text,
    verify,
)
from sparse_jax.export.chip import boards
from sparse_jax.export.project import folder
from sparse_jax.quantize import METHODS, finetune, int8_accuracy
from sparse_jax.study import front as fronts
from sparse_jax.study.opened import open_study

WORKDIR = cli.define_workdir('Folder of a study made by launch.search.')
TRIAL = flags.DEFINE_string(
    'trial', 'best', 'best, or a trial as launch.report names it.')
BOARD = cli.define_path(
    'board', f'{", ".join(boards.names())}, or the path of a JSON file; '
    'by default the board of the study.')
OUT = cli.define_path('out', 'Folder to write.', required=True)
TRUST = cli.define_trust()
METHOD = flags.DEFINE_enum(
    'method', 'robust', list(METHODS),
    'How the ranges of pixels, activations and weights are calibrated.')
STEPS = flags.DEFINE_integer(
    'finetune_steps', 0, 'Steps of quantisation-aware training; 0 for none.', 0)
FORMAT = flags.DEFINE_enum(
    'weight_format', 'auto', ['auto', 'dense', 'bitmap', 'gap'],
    'Storage of weights; auto is the cheapest of each layer.')
VERIFY = flags.DEFINE_bool('verify', True, 'Compile and run on the emulated board.')
COMPILER = flags.DEFINE_enum('compiler', 'auto', ['auto', 'zig', 'gcc'],
                             'ziglang from pip, or a system arm-none-eabi-gcc.')


def write(board):
    """Writes the export folder of the chosen network; no board is the study's."""
    folder.check_target(OUT.value)
    study = open_study(WORKDIR.value, trust_factories=TRUST.value)
    board = board or study.board
    row, _, _, net = study.network(TRIAL.value)
    train, ranges = study.dataset.train, None
    if STEPS.value:
        net, ranges = finetune(
            jax.random.key(0), net, train.images, train.labels, steps=STEPS.value,
            method=METHOD.value)
        print(tuning_text(ranges.tuning))
    # What a search measured in int8 is exported with the same calibration.
    int8 = study.objectives.on_board or study.settings.objectives.quantized
    calibration = train.images[:CALIBRATION if int8 else 1000]
    test = data.load_test(study.data_spec)
    export_network(
        net, ExportData(calibration, test.images), board, OUT.value, ranges=ranges,
        method=METHOD.value, weight_format=FORMAT.value)
    accuracy = int8_accuracy(net, calibration, *study.dataset.validation, ranges=ranges,
                             method=METHOD.value)
    print(f'written: {OUT.value}, trial {row.name}, validation accuracy '
          f'{100 * accuracy:.2f} % in int8 '
          f'({100 * fronts.accuracy(net, study.dataset.validation):.2f} % in float)')


def main(argv):
    del argv
    try:
        write(boards.load(BOARD.value) if BOARD.value else None)
        if VERIFY.value:
            verify(OUT.value, compiler=COMPILER.value)
            print(verification_text(read_report(OUT.value)), end='')
    except MissingToolError as error:
        cli.fail(f'not verified: {error}')
    except (ExportError, ValueError) as error:
        cli.fail(error)


if __name__ == '__main__':
    cli.run(main)
