"""Names of classes as they may stand in C: in a comment, and as strings."""

import textwrap
from collections.abc import Sequence

_WIDTH = 88
_MOST = 100
"""Classes named in a comment; the strings are those of all."""
_PLAIN = {ord(c) for c in ' !#$%&()*+,-./:;<=>@[]^_`{|}~'} | {
    c for c in range(128) if chr(c).isalnum()}
"""Bytes that stand for themselves in a string; no quote, backslash or question mark."""


def comment(names: Sequence[str]) -> str:
    """'Classes: 0 cat, 1 dog.' as lines inside of a comment; '' without names."""
    if not names:
        return ''
    shown = [f'{i} {_harmless(name)}' for i, name in enumerate(names[:_MOST])]
    text = f'Classes: {", ".join(shown)}' + (', ...' if names[_MOST:] else '.')
    return '\n' + '\n'.join(textwrap.wrap(
        text, _WIDTH, initial_indent='   ', subsequent_indent='   '))


def macro(names: Sequence[str], name: str) -> str:
    """A definition of all names as an initialiser; it takes no room unless used."""
    if not names:
        return ''
    strings = ', '.join(f'"{_string(text)}"' for text in names)
    return f'#define {name}_CLASS_NAMES {{{strings}}}\n'


def _harmless(name: str) -> str:
    text = name.encode('ascii', 'replace').decode()
    text = ''.join(c if c.isprintable() and c != '\\' else '?' for c in text)
    # Neither an end of the comment nor what looks like a beginning.
    return text.replace('*/', '* /').replace('/*', '/ *')


def _string(name: str) -> str:
    # Three octal digits end by themselves, hexadecimal ones do not.
    return ''.join(chr(byte) if byte in _PLAIN else f'\\{byte:03o}'
                   for byte in name.encode('utf-8', 'replace'))
