"""A drawing of a network: every layer with its shape and bytes, before and after."""

import math
from typing import NamedTuple

from sparse_jax.objectives import compact_costs, graph_costs
from sparse_jax.objectives.graph_costs import LayerRow
from sparse_jax.report.elements import Child, Element, element, short, svg
from sparse_jax.report.layered import BOX, Layout, place
from sparse_jax.space.architecture import Graph
from sparse_jax.study.front import Member

HEIGHT, STEP = 58.0, 92.0
"""Of a box, and from one level to the next, in pixels."""
_IMAGE = 'input'
"""Name of the tensor that every network reads first."""


class Box(NamedTuple):
    """What the drawing says of one node."""

    name: str
    kind: str
    """Its first line."""
    shapes: str
    """Its second one; of the image what is done to it, if anything."""
    size: str
    kept: bool
    """Whether anything is left of it after pruning."""


def draw(member: Member, title: str) -> Element:
    """The network from the image at the top to the logits at the bottom."""
    boxes = boxes_of(member)
    inputs = {_IMAGE: ()} | {node.name: node.inputs for node in member.graph.nodes}
    layout = place(inputs)
    marks: list[Child] = [_edge(layout, *edge, {
        box.name for box in boxes if box.kept}) for edge in layout.edges]
    marks += [_box(box, layout) for box in boxes]
    depth = max(layout.levels.values())
    return svg(layout.width + 4, depth * STEP + HEIGHT + 4, element(
        'g', *marks, transform='translate(2 2)'), label=title)


def boxes_of(member: Member) -> list[Box]:
    """The image, then every node in the order of the graph."""
    graph = member.graph.counted
    before, after = graph.shapes(), member.net.tensor_shapes()
    rows = {row.name: row for row in graph_costs.layer_rows(member.graph)}
    left = {row.name: row for row in compact_costs.layer_rows(member.net)}
    raw = f'image {"x".join(map(str, graph.input_shape))}'
    done = _done_to_image(graph)
    read = _change(before[_IMAGE], after[_IMAGE])
    boxes = [Box(_IMAGE, raw, done, read if done else '', True)]
    for node in graph.nodes:
        kept = node.name in after
        kind = node.op.replace('_', ' ')
        if len(before[node.inputs[0]]) == 3 and node.kernel > 1:
            # A global pool is as large as what it reads.
            sides = (min(node.kernel, side) for side in before[node.inputs[0]][1:])
            kind += f' {"x".join(map(str, sides))}'
            kind += f', stride {node.stride}' if node.stride > 1 else ''
        kind += (', ReLU' if node.relu else '') + (
            f', max-pool {node.pool}' if node.pool > 1 else '')
        boxes.append(Box(
            node.name, kind, _change(before[node.name], after.get(node.name)),
            _bytes(rows.get(node.name), left.get(node.name)), kept))
    return boxes


def _done_to_image(graph: Graph) -> str:
    """What is done to the raw image first; '' for nothing."""
    rate = graph.downsample
    average = graph.downsample_type == 'average'
    words = [f'{rate}x{rate} {"average" if average else "down"}'] if rate > 1 else []
    return ', '.join(words + (['channel max'] if graph.squeeze_depth else []))


def _shape(shape: tuple[int, ...]) -> str:
    """Height x width x maps, or units."""
    if len(shape) == 3:
        return f'{shape[1]}x{shape[2]}x{shape[0]}'
    return str(math.prod(shape))


def _change(before: tuple[int, ...], after: tuple[int, ...] | None) -> str:
    if after is None:
        return f'{_shape(before)} [removed]'
    if math.prod(after) == math.prod(before):
        return _shape(before)
    return f'{_shape(before)} → {_shape(after)}'


def _bytes(before: LayerRow | None, after: LayerRow | None) -> str:
    """Weights and biases at one byte each."""
    if before is None or not before.weights:
        return ''
    left = 0 if after is None else after.weights + after.biases
    return f'{before.weights + before.biases} → {left} B'


def _box(box: Box, layout: Layout) -> Element:
    x, y = layout.centres[box.name], layout.levels[box.name] * STEP
    lines = [line for line in (box.kind, box.shapes, box.size) if line]
    first = y + HEIGHT / 2 - 7.5 * (len(lines) - 1) + 4
    kinds = ('image' if box.name == _IMAGE else '', '' if box.kept else 'gone')
    return element(
        'g', element('title', box.name),
        element('rect', x=x - BOX / 2, y=y, width=BOX, height=HEIGHT, rx=7),
        *(element('text', words, x=x, y=first + 15 * i, text_anchor='middle',
                  class_='kind' if i == 0 else None) for i, words in enumerate(lines)),
        class_=' '.join(('box', *kinds)).strip())


def _edge(
    layout: Layout, source: str, target: str, lanes: list[float], kept: set[str]
) -> Element:
    """A curve from the lower edge of one box to the upper edge of another."""
    x, y = layout.centres[source], layout.levels[source] * STEP + HEIGHT
    drawn, level = f'M{short(x)} {short(y)}', layout.levels[source]
    for lane in (*lanes, layout.centres[target]):
        level += 1
        top = level * STEP
        half = (y + top) / 2
        drawn += (f'C{short(x)} {short(half)} {short(lane)} {short(half)} '
                  f'{short(lane)} {short(top)}')
        x, y = lane, top + HEIGHT
        if level < layout.levels[target]:
            drawn += f'V{short(y)}'
    alive = {source, target} <= kept
    return element('path', d=drawn, class_='edge' if alive else 'edge gone')


def caption() -> Element:
    """How to read a drawing."""
    return element(
        'p', 'height x width x maps (or units) and bytes of weights and biases, before '
             '→ after pruning; dashed boxes are gone.', class_='note')


