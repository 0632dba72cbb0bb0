"""The file of class names that goes with an export, and inside of a .tflite file."""

from collections.abc import Sequence

FILE = 'labels.txt'


def text(names: Sequence[str]) -> str:
    """One name on each line; in a name whatever breaks lines becomes a space, and what
    is no text a question mark."""
    lines = ''.join(' '.join(name.split()) + '\n' for name in names)
    return lines.encode(errors='replace').decode()
