"""Records of a study for other tools: tables, TensorBoard, Optuna's dashboard.

    python -m launch.records --workdir=runs/digits --out=runs/digits/records
    python -m launch.records --workdir=DIR --out=OUT --format=csv,tensorboard,optuna

csv: trials.csv (a line per network: its point, costs, status, parent, seconds),
rounds.csv and learning.csv (loss and accuracy by epoch of every trial).
tensorboard: event files in DIR/tensorboard, for `tensorboard --logdir=DIR/tensorboard`.
optuna: DIR/optuna.db, for `optuna-dashboard sqlite:///DIR/optuna.db`.

The study is only read, also while its search runs; the same command again replaces
what it wrote.
"""

from __future__ import annotations

import importlib.util
import io
import pathlib
from typing import TYPE_CHECKING

from absl import flags

from launch import cli, tables

if TYPE_CHECKING:
    import numpy as np

    from sparse_jax.study.opened import OpenStudy

NEEDS = {'csv': None, 'tensorboard': 'tensorboardX', 'optuna': 'optuna'}
"""{format: the optional package that writes it}."""
FLAGS = cli.new_flags()
WORKDIR = cli.define_workdir('Folder of a study made by launch.search.', FLAGS)
OUT = cli.define_path('out', 'Folder of the records; it is made.', FLAGS, required=True)
FORMAT = flags.DEFINE_list(
    'format', 'csv', f'One or more of {", ".join(NEEDS)}, with commas between.',
    flag_values=FLAGS)
TRUST = cli.define_trust(FLAGS)


def check_formats(formats: list[str]) -> None:
    """Refuse what cannot be written, before anything is read."""
    for name in formats:
        if name not in NEEDS:
            cli.fail(f'--format={name}: no such format; allowed: {", ".join(NEEDS)}')
        package = NEEDS[name]
        if package is not None and importlib.util.find_spec(package) is None:
            cli.fail(f'--format={name}: {package} is not installed: pip install -r '
                     f"requirements-{name}.txt (or pip install 'sparse_jax[{name}]')")
    if not formats:
        cli.fail(f'--format is empty; allowed: {", ".join(NEEDS)}')


def picture_of(study: OpenStudy) -> np.ndarray | None:
    """The front as pixels [height, width, 3]; None without a network."""
    import numpy as np
    from PIL import Image

    from launch import figure
    from sparse_jax.objectives.goals import matrix

    objectives, front = study.objectives, study.front()
    if not front:
        return None
    everything = [row for row in study.records.networks() if row.ok]
    buffer = io.BytesIO()
    figure.draw(buffer, figure.Front(
        matrix(everything, objectives), matrix(front, objectives),
        np.array(objectives.bounds[1:]),
        [goal.axis_label for goal in objectives.costs]))
    return np.asarray(Image.open(buffer).convert('RGB'))


def write(out: pathlib.Path, study: OpenStudy, formats: list[str]) -> list[str]:
    """Everything that was asked for; its names."""
    from sparse_jax.logs import optuna_storage, tensorboard
    from sparse_jax.logs import tables as plain

    records, objectives = study.records, study.objectives
    out.mkdir(parents=True, exist_ok=True)
    written = []
    if 'csv' in formats:
        written += plain.write(out, records, objectives)
    if 'tensorboard' in formats:
        written += tensorboard.write(out, records, objectives, picture_of(study))
    if 'optuna' in formats:
        written += optuna_storage.write(
            out, records, objectives, study.space, study.folder.absolute().name)
    return written


def main(argv: list[str]) -> None:
    from sparse_jax.study.opened import open_study

    del argv
    check_formats(FORMAT.value)
    out = pathlib.Path(OUT.value)
    cli.check_folder('out', out)
    with open_study(WORKDIR.value, trust_factories=TRUST.value) as study:
        written = write(out, study, FORMAT.value)
    tables.line(tables.console(), f'written: {out}/{", ".join(written)}')


if __name__ == '__main__':
    cli.run(main, FLAGS)
