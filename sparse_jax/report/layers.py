"""Memory and weights of every layer as bars, before and after pruning."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sparse_jax.objectives import compact_costs, graph_costs
from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import LayerRow
from sparse_jax.report.elements import Child, Element, element, short, svg, text
from sparse_jax.study.front import Member

_Total = Callable[[LayerRow], int]
_Parts = Callable[[LayerRow], tuple[int, ...]]
_NAMES, _BAR, _ROW, _TOP, _WIDTH = 150.0, 14.0, 26.0, 46.0, 440.0
_VALUES = 78.0
"""Pixels right of the longest bar, for its figure."""
_MODELS: dict[str, tuple[str, str, _Total, _Parts]] = {
    'working_memory': (
        'input', 'output', lambda row: row.input_output,
        lambda row: (row.inputs, row.outputs)),
    'working_memory_weights': (
        'input', 'weights', lambda row: row.input_weights,
        lambda row: (row.inputs, row.weights)),
    'working_memory_without_image': (
        'held', 'output', lambda row: row.alive,
        lambda row: (row.alive - row.outputs, row.outputs))}
"""{field of `Totals`: names of the two parts of a bar, its length, the parts}."""


class Bar(NamedTuple):
    """One layer's bytes."""

    name: str
    before: int
    parts: tuple[int, ...]
    """After pruning; () if the layer is gone."""


def memory_bars(member: Member, objectives: Objectives) -> Element:
    """Working memory of every layer under the study's memory model."""
    first, second, total, parts = _MODELS[objectives.memory]
    bars = _bars(member, total, parts)
    bound = dict(zip(objectives.names, objectives.bounds)).get('working_memory')
    bound = dict(objectives.budgets).get('working_memory', bound)
    return draw(f'Working memory per layer (B), {first} + {second}', bars, bound,
                (first, second))


def size_bars(member: Member) -> Element:
    """Weights and biases of every layer."""
    total = lambda row: row.weights + row.biases
    parts = lambda row: (row.weights, row.biases)
    return draw('Model size per layer (B)', _bars(member, total, parts), None,
                ('weights', 'biases'))


def _bars(
    member: Member, total: _Total, parts: _Parts,
) -> list[Bar]:
    left: Mapping[str, LayerRow] = {
        row.name: row for row in compact_costs.layer_rows(member.net)}
    return [Bar(row.name, total(row),
                parts(left[row.name]) if row.name in left else ())
            for row in graph_costs.layer_rows(member.graph)]


def draw(
    title: str, bars: list[Bar], bound: float | None, parts: tuple[str, str]
) -> Element:
    """Bars: outlined before pruning, filled after it.

    Args:
      title: above them.
      bars: from top to bottom.
      bound: a limit to mark; None for none, and not drawn far beyond the bars.
      parts: what the two colours of a bar are.
    """
    most = max([bar.before for bar in bars] + [1])
    if bound is not None and bound <= 2 * most:
        most = max(most, bound)
    room = _WIDTH - _NAMES - _VALUES
    height = _TOP + _ROW * len(bars) + 6
    marks: list[Child] = [
        text(0, 14, title, class_='title'),
        *_keys(parts)]
    for i, bar in enumerate(bars):
        marks += _one(bar, _TOP + _ROW * i, room / most)
    if bound is not None and bound <= most:
        at = _NAMES + bound * room / most
        marks.append(element(
            'path', element('title', f'limit {bound:g} B'), class_='limit hard',
            d=f'M{short(at)} {short(_TOP - 6)}V{short(height)}'))
    return svg(_WIDTH, height, *marks, label=title)


def _one(bar: Bar, y: float, scale: float) -> list[Child]:
    marks: list[Child] = [
        text(_NAMES - 8, y + 11, _short_name(bar.name), text_anchor='end'),
        element('rect', x=_NAMES, y=y, width=max(bar.before * scale, 1.0),
                height=_BAR, class_='before')]
    at = _NAMES
    for kind, size in zip(('first', 'second'), bar.parts):
        if size:
            marks.append(element('rect', x=at, y=y, width=size * scale, height=_BAR,
                                 class_=kind))
        at += size * scale
    words = f'{bar.before} → {sum(bar.parts)}'
    marks.append(text(_NAMES + bar.before * scale + 5, y + 11, words, class_='value'))
    return marks


def _keys(parts: tuple[str, str]) -> list[Child]:
    marks: list[Child] = []
    for x, kind, words in zip((0.0, 90.0, 180.0), ('first', 'second', 'before'),
                              (*parts, 'before pruning')):
        marks += [element('rect', x=x, y=23, width=10, height=10, class_=kind),
                  text(x + 15, 32, words)]
    return marks


def _short_name(name: str) -> str:
    """What fits beside the bars."""
    name = name.replace('block-', 'b').replace('-layer-', ' l').replace(
        '-depthwise', ' dw')
    return name if len(name) <= 24 else f'{name[:23]}…'
