"""One point of the space as a JSON file with the table's own names."""

import difflib
import json
import pathlib
from typing import Any

import numpy as np

from sparse_jax.space import encoding
from sparse_jax.space.architecture import output_shape
from sparse_jax.space.dimensions import Role
from sparse_jax.space.sparse_space import Space


class NetworkFileError(ValueError):
    """A network file that cannot be read; the message is one line."""


def check(space: Space, point: dict) -> dict:
    """A point given by a person -> the complete canonical point.

    Inactive names may be absent or present; absent active names other than ours
    (`learning-rate`, ...) are refused.

    Raises:
      NetworkFileError: unknown name, wrong value, missing name or infeasible network.
    """
    if not isinstance(point, dict):
        raise NetworkFileError(
            f'a network is a JSON object of names and values, not {point!r:.60}')
    for name, value in point.items():
        if name not in space:
            near = difflib.get_close_matches(name, space.names, 1)
            hint = f'; did you mean {near[0]}?' if near else ''
            raise NetworkFileError(f'unknown key {name!r:.60}{hint}')
        problem = space[name].problem(value)
        if problem:
            raise NetworkFileError(f'{name}: {value!r:.60} is not allowed; {problem}')
    row = encoding.snap(space, encoding.encode(space, point)[None])[0]
    active = encoding.activity(space, row[None])[0]
    for name, on in zip(space.names, active):
        if on and name not in point and not space[name].optional:
            raise NetworkFileError(
                f'missing key {name!r}; {space[name].problem(None)}')
    if not encoding.feasible(space, row[None])[0]:
        raise NetworkFileError(_why_infeasible(space, row))
    return encoding.decode(space, encoding.canonical(space, row[None])[0])


def complete(space: Space, point: dict) -> dict:
    """The point with the middle of every row of training and pruning that it lacks.

    What a person writes down of a network are its layers; a row that the space is
    restricted to has its only value. Rows on pruning that are held have it whatever
    the file says: it may be of a search with another method.
    """
    if not isinstance(point, dict):
        return point
    held = {row.name: row.neutral_value() for row in space.dimensions
            if row.role is Role.PRUNING and row.levels == 1 and row.name in point}
    return {row.name: row.neutral_value() for row in space.dimensions
            if row.role in (Role.TRAINING, Role.PRUNING)} | point | held


def read(space: Space, path: str | pathlib.Path) -> dict:
    """Read and check a network file.

    Raises:
      NetworkFileError: the file is missing, is not JSON, or `check` refuses it.
    """
    point = document(path)
    try:
        return check(space, point)
    except NetworkFileError as error:
        raise NetworkFileError(f'{path}: {error}') from None


def document(path: str | pathlib.Path) -> Any:
    """The JSON of a network file.

    Raises:
      NetworkFileError: the file is missing or is not JSON.
    """
    try:
        return json.loads(pathlib.Path(path).read_text())
    except OSError as error:
        raise NetworkFileError(f'{path}: {error.strerror}') from None
    except (ValueError, RecursionError) as error:
        raise NetworkFileError(f'{path}: not JSON: {error}') from None


def dumps(space: Space, row: np.ndarray) -> str:
    """One row [D] -> the text of its network file (active names only)."""
    return json.dumps(encoding.active_point(space, row), indent=2) + '\n'


def _why_infeasible(space: Space, row: np.ndarray) -> str:
    net = encoding.graph(space, row)
    height, width, _ = net.input_shape
    if min(net.image_shape()) < 1:
        return (f'input-downsampling-rate: {net.downsample} leaves nothing of the '
                f'{height}x{width} image; allowed: at most {min(height, width)}')
    shapes = net.shapes()
    node = next(n for n in net.nodes if min(shapes[n.name]) < 1)
    _, height, width = shapes[node.inputs[0]]
    side = min(height, width)
    if side >= node.kernel:
        _, height, width = output_shape(node, shapes)
        size = f'{height}x{width}'
        block = node.name.split('-')[1]
        return (f'pool-block-{block}: true leaves nothing of the {size} feature map; '
                'allowed: false')
    name = f'kernel-size-{node.knob}'
    allowed = (f'at most {side}' if side >= space[name].low
               else 'no kernel here, nor a pool or as large kernels before it')
    return (f'{name}: {node.kernel} is larger than its {height}x{width} input; '
            f'allowed: {allowed}')
