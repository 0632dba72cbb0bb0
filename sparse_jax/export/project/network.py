"""Compact network -> export folder: C, example, test vectors, Makefile, report."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sparse_jax.export import labels as label_file
from sparse_jax.export.chip import boards
from sparse_jax.export.chip.toolchain import TEMPLATES, linker_script
from sparse_jax.export.code.analytic import analytic_cost
from sparse_jax.export.code.c_source import Generated, generate
from sparse_jax.export.errors import ExportError
from sparse_jax.export.project import folder, readme
from sparse_jax.export.project.budget import check_plan
from sparse_jax.export.project.facts import gather_facts
from sparse_jax.export.tflite.model import to_tflite
from sparse_jax.model.compact import CompactNet, classify
from sparse_jax.quantize import (
    Method,
    Ranges,
    calibrate,
    classes_of,
    emulate,
    emulate_jax,
    pixel_codes,
    quantize,
)

FORMATS = ('c', 'tflite')
VECTORS = 4
TAKEN = ('main', 'firmware', 'start', 'vectors')
"""Names of other files of an export."""


class ExportData(NamedTuple):
    """Raw pixels [N, H, W, C] to calibrate with; images and labels [N] to test with.

    Without labels the logits are compared and no accuracy is computed.
    """

    calibration: np.ndarray
    images: np.ndarray
    labels: np.ndarray | None = None
    resized_from: tuple[int, int] | None = None
    """(H, W) of the images that these were made of, as means over areas."""
    class_names: tuple[str, ...] = ()
    """Of all classes, or none."""
    origin: str = ''
    """The command that exports these, for README.txt."""


def export_network(
    net: CompactNet,
    data: ExportData,
    board: str | boards.Board,
    out_dir: str | pathlib.Path,
    *,
    ranges: Ranges | Method = 'robust',
    name: str = 'net',
    weight_format: str = 'auto',
    formats: Sequence[str] = ('c',),
) -> dict:
    """Quantises `net` and writes everything a device project needs to `out_dir`.

    `ranges` are those of `finetune`, or the method that calibrates on
    `data.calibration`, and the network, its pixel codes included, depends on nothing
    else. `formats` are of `FORMATS`: C99, and a .tflite file of the same logits.
    Returns the report, which is also written as report.json. Run `verify` on the
    folder next, which is of the C.
    """
    if not formats or not set(formats) <= set(FORMATS):
        raise ExportError(f'formats: {",".join(formats)} is not allowed; allowed: '
                          f'{", ".join(FORMATS)}, or both')
    if name.lower() in TAKEN:
        raise ExportError(f'name: {name!r} is not allowed: the export has a file of it')
    board = boards.load(board) if isinstance(board, str) else board
    folder.check_target(out_dir)
    _check_data(net, data)
    if isinstance(ranges, str):
        ranges = calibrate(net, data.calibration, method=ranges)
    qnet = quantize(net, ranges)
    generated = generate(qnet, name=name, weight_format=weight_format,
                         resized_from=data.resized_from, class_names=data.class_names)
    facts = gather_facts(generated, board, analytic_cost(net))
    check_plan(facts, board)
    expected = emulate(qnet, data.images)
    if not np.array_equal(expected, emulate_jax(qnet, data.images)):
        raise ExportError('the JAX and NumPy emulators disagree: please report this')
    codes = pixel_codes(qnet, data.images)
    facts['image']['resized_from'] = data.resized_from
    report = facts | {'class_names': list(data.class_names), 'formats': list(formats),
                      'accuracy': _accuracies(net, data, classes_of(qnet, expected))}
    labels = np.full(len(codes), -1) if data.labels is None else data.labels
    arrays = {'codes': codes, 'logits': expected,
              'labels': np.asarray(labels, np.int64)}
    files = _more(report, data, board, formats)
    if 'c' in formats:
        files |= _files(generated, board, codes, expected)
    if 'tflite' in formats:
        files[f'{name}.tflite'] = to_tflite(qnet, data.class_names)
    folder.write(out_dir, files, arrays, report)
    return folder.read_report(out_dir)


def _check_data(net: CompactNet, data: ExportData) -> None:
    for images in (data.calibration, data.images):
        if np.shape(images)[1:] != tuple(net.input_shape) or len(images) == 0:
            raise ExportError(f'images {np.shape(images)} do not fit the network, '
                              f'which reads [N, {net.input_shape}]')
    count = len(data.images)
    if data.labels is not None and np.shape(data.labels) != (count,):
        raise ExportError(f'labels {np.shape(data.labels)} do not fit {count} images')
    if data.class_names and len(data.class_names) != net.classes:
        raise ExportError(f'{len(data.class_names)} names do not fit {net.classes} '
                          'classes')
    for node in net.nodes:
        for values in (node.weight, node.bias):
            if values is not None and not np.all(np.isfinite(values)):
                raise ExportError(f'layer {node.name} has non-finite weights')


def _more(
    report: dict, data: ExportData, board: boards.Board, formats: Sequence[str]
) -> dict[str, str | bytes]:
    """What goes with any format."""
    files: dict[str, str | bytes] = {
        readme.FILE: readme.readme(report, board, formats, data.origin)}
    if data.class_names:
        files[label_file.FILE] = label_file.text(data.class_names)
    return files


def _accuracies(net: CompactNet, data: ExportData, guesses: np.ndarray) -> dict:
    if data.labels is None:
        return {'test_images': len(data.images), 'float': None, 'int8': None}
    labels = np.asarray(data.labels)
    return {'test_images': len(labels),
            'float': float(np.mean(classify(net, data.images) == labels)),
            'int8': float(np.mean(guesses == labels))}


def _files(
    g: Generated, board: boards.Board, codes: np.ndarray, expected: np.ndarray
) -> dict[str, str]:
    texts = {f'{g.name}.c': g.source, f'{g.name}.h': g.header,
             'vectors.h': vectors_header(codes, expected),
             'board.ld': linker_script(board)}
    for template in ('main.c', 'firmware.c', 'start.c', 'Makefile'):
        text = (TEMPLATES / template).read_text()
        if template == 'Makefile':
            text = text.replace('@NAME@', g.name).replace('@CPU@', board.core)
            text = text.replace('@ZIG_CPU@', board.core.replace('-', '_'))
        elif template != 'start.c':
            text = text.replace('@@', g.name.upper()).replace('@', g.name)
        texts[template] = text
    return texts


def vectors_header(codes: np.ndarray, expected: np.ndarray) -> str:
    """Test images as raw pixel codes and the logits they must give."""
    count = min(VECTORS, len(codes))
    pixels = codes[:count].reshape(count, -1)
    outputs = expected[:count]

    def rows(values: np.ndarray) -> str:
        return ',\n'.join('    {' + ', '.join(map(str, row)) + '}' for row in values)

    return (f'/* Test images and their exact logits. */\n#define VECTORS {count}\n\n'
            f'static const uint8_t vector_pixels[{count}][{pixels.shape[1]}] = {{\n'
            f'{rows(pixels)}}};\n\n'
            f'static const int8_t vector_logits[{count}][{outputs.shape[1]}] = {{\n'
            f'{rows(outputs)}}};\n')
