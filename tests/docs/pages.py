"""Programs and commands of the pages of docs/, as they are printed."""

import pathlib
import re
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r'^```(\w+)\n(.*?)^```$', re.M | re.S)
_HEADING = re.compile(r'^##+ (.+)$', re.M)


class Block(NamedTuple):
    """A block of code of a page."""

    heading: str
    """The nearest heading above it."""
    language: str
    text: str


def blocks(page: str, *languages: str) -> list[Block]:
    """The blocks of docs/PAGE in some languages, in order."""
    text = (ROOT / 'docs' / page).read_text()
    found = []
    for match in _BLOCK.finditer(text):
        if match[1] in languages:
            above = [h[1] for h in _HEADING.finditer(text, 0, match.start())]
            found.append(Block(above[-1] if above else '', match[1], match[2]))
    return found
