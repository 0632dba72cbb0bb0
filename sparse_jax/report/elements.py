"""Elements of HTML and SVG, built as trees: all text of a study is escaped on the way
out, whatever it holds."""

import re
from xml.etree import ElementTree

from sparse_jax.types import Array

Element = ElementTree.Element
Child = Element | str | None
"""What an element may hold; None is left out."""
_CONTROL = re.compile('[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
"""Characters that neither XML nor HTML may hold."""


def clean(text: str) -> str:
    """The text without characters that a document may not hold."""
    return _CONTROL.sub('\ufffd', text)


def element(tag: str, *children: Child, **attributes: object) -> Element:
    """An element with attributes and children.

    Args:
      tag: its name.
      children: elements and text, in their order; None is left out.
      attributes: `_` stands for `-`, a last one is dropped (`class_`); numbers are
        rounded to a tenth; None and False leave the attribute out, True gives it its
        own name.

    Example:
      >>> as_html(element('b', 'a < b', class_='x'))
      '<b class="x">a &lt; b</b>'
    """
    found = Element(tag)
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        key = name.removesuffix('_').replace('_', '-')
        found.set(key, key if value is True else attribute(value))
    return extend(found, *children)


def extend(parent: Element, *children: Child) -> Element:
    """Add children to an element; the element."""
    for child in children:
        if child is None:
            continue
        if not isinstance(child, str):
            parent.append(child)
        elif len(parent):
            parent[-1].tail = (parent[-1].tail or '') + clean(child)
        else:
            parent.text = (parent.text or '') + clean(child)
    return parent


def attribute(value: object) -> str:
    """The text of an attribute: numbers to a tenth, without a trailing zero."""
    if isinstance(value, str):
        return clean(value)
    return short(float(value))  # pyright: ignore[reportArgumentType]


def short(value: float) -> str:
    """A coordinate in a picture: '12', '12.3'."""
    return f'{value:.1f}'.removesuffix('.0')


def as_html(root: Element) -> str:
    """The text of an element of HTML, with everything in it."""
    return ElementTree.tostring(root, encoding='unicode', method='html')


def svg(width: float, height: float, *children: Child, label: str) -> Element:
    """A picture of this size in pixels, which the page may shrink, never enlarge.

    label: what it shows, for those who cannot see it.
    """
    return element(
        'svg', *children, viewBox=f'0 0 {short(width)} {short(height)}', role='img',
        aria_label=label, style=f'max-width:{short(width)}px', width='100%')


def text(x: float, y: float, words: str, **attributes: object) -> Element:
    """Words in a picture, from their baseline's start."""
    return element('text', words, x=x, y=y, **attributes)


def sentence(words: str) -> str:
    """With a capital letter first; abbreviations stay as they are."""
    return words[:1].upper() + words[1:]


def path(x: Array, y: Array) -> str:
    """The description of a line through points [N], [N]."""
    return 'M' + 'L'.join(f'{short(a)} {short(b)}' for a, b in zip(x, y))


def table(
    head: list[Child], rows: list[list[Child]], *, numeric: bool = True,
    sortable: bool = False,
) -> Element:
    """A table in a box that scrolls sideways where room is short.

    Args:
      head: one heading per column.
      rows: cells; elements 'td' and 'th' are taken as they are.
      numeric: whether all columns but the first hold numbers.
      sortable: whether a click on a heading sorts by it.
    """
    ready = lambda cell: (
        isinstance(cell, Element) and cell.tag in ('td', 'th'))
    body = [element('tr', *(
        cell if ready(cell) else element('td', cell) for cell in row)) for row in rows]
    kinds = ' '.join(filter(None, ('numeric' if numeric else '',
                                   'sortable' if sortable else '')))
    return element('div', element(
        'table', element('thead', element('tr', *(
            name if ready(name) else element('th', name, scope='col')
            for name in head))),
        element('tbody', *body), class_=kinds or None), class_='scroll')
