"""Programs and commands of the pages of docs/, as they are printed."""

import pathlib
import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r'^```(\w+)\n(.*?)^```$', re.M | re.S)
_ANY_BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', re.M | re.S)
_INDENTED = re.compile(r'(?:^    +\S.*\n)+', re.M)
_INLINE = re.compile(r'(?<!`)`([^`]+)`(?!`)')
_SHELL = ('', 'bash', 'sh')
_ENDS = ('|', '>', '&&', ';', '&')
PROGRAMS = ('pip', 'make', 'sparse-jax', 'pytest', 'sbatch', 'srun', 'gcloud', 'ray',
            'parallel', 'xargs', 'tensorboard', 'optuna-dashboard', 'unzip')
"""Beside `python -m`, what a command of a page may begin with."""
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


class Command(NamedTuple):
    """A command of a page."""

    page: str
    program: str
    """'launch.search', or what it begins with."""
    words: tuple[str, ...]
    """What follows."""

    @property
    def flags(self) -> set[str]:
        """Names of its flags, settings left out."""
        return {word.partition('=')[0] for word in self.words
                if word.startswith('--') and not word.startswith('--config.')}


def command_pages() -> list[pathlib.Path]:
    """Pages whose commands are for people; those of wrong ones are left out."""
    root = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md']
    return sorted(page for page in [*root, *(ROOT / 'docs').glob('*.md')]
                  if page.name not in ('bad_inputs.md', 'commands.md'))


def commands(page: pathlib.Path) -> Iterator[Command]:
    """All commands of a page: in blocks, and between backticks."""
    for line in _lines(page.read_text()):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # An apostrophe of prose.
            continue
        for part in _parts(words):
            if part[:2] == ['python', '-m'] and len(part) > 2:
                yield Command(page.name, part[2], tuple(part[3:]))
            elif part and part[0] in PROGRAMS:
                yield Command(page.name, part[0], tuple(part[1:]))


def _lines(text: str) -> Iterator[str]:
    """What may be a command, continued lines joined."""
    found = [match[2] for match in _ANY_BLOCK.finditer(text) if match[1] in _SHELL]
    prose = _ANY_BLOCK.sub('', text)
    found += _INDENTED.findall(prose)
    for block in found:
        yield from re.sub(r'\\\n\s*', ' ', block).splitlines()
    for words in _INLINE.findall(_INDENTED.sub('', prose)):
        if ' ' in words:
            yield ' '.join(words.split())


def _parts(words: list[str]) -> Iterator[list[str]]:
    """A line cut where a shell begins another command."""
    part: list[str] = []
    for word in words:
        if word in _ENDS:
            yield part
            part = []
        else:
            part.append(word)
    yield part
