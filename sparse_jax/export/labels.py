"""The file of class names that goes with an export, and inside of a .tflite file."""

from collections.abc import Sequence

FILE = 'labels.txt'


def text(names: Sequence[str]) -> str:
    """One name on each line; whatever breaks lines in a name becomes a space."""
    return ''.join(' '.join(name.split()) + '\n' for name in names)
