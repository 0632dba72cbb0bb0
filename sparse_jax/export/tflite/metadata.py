"""Class names inside a .tflite file, by the convention of TFLite's metadata.

An entry `TFLITE_METADATA` of the model names a file of labels for its output, and the
file itself is a zip archive behind the model: readers of metadata find the classes, and
unzip lists them. The tables are those of metadata_schema.fbs, 1.0.0, by their slots.
Nothing that computes is touched.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from sparse_jax.export import labels
from sparse_jax.export.errors import need

ENTRY = 'TFLITE_METADATA'
"""Name of the model's entry."""
_IDENTIFIER = b'M001'
_PARSER = '1.0.0'
_AXIS_LABELS = 2
"""The type of a file with a name for every value of an output."""


def describe(*, each_value: bool, border: int = 0) -> bytes:
    """The metadata of a network with class names.

    Args:
      each_value: whether the output has a value for each class; of two classes there
        may be one value.
      border: which that value exceeds for class 1.

    Returns:
      What the buffer of the entry holds.
    """
    b = need('flatbuffers').Builder(512)
    told = ('a logit for each class' if each_value else
            f'one logit: class 1 above {border}, else class 0')
    # A file without a type is for people: one value has no axis with two names.
    file = _table(b, 5, {0: b.CreateString(labels.FILE), 1: b.CreateString(
        'names of the classes, one on each line')},
        {2: _AXIS_LABELS if each_value else 0})
    image = _table(b, 7, {0: b.CreateString('image'), 1: b.CreateString(
        'codes of the pixels, less 128')})
    logits = _table(b, 7, {0: b.CreateString('logits'), 1: b.CreateString(told),
                           6: _vector(b, [file])})
    graph = _table(b, 5, {2: _vector(b, [image]), 3: _vector(b, [logits])})
    root = _table(b, 8, {0: b.CreateString('sparse_jax'), 3: _vector(b, [graph]),
                         7: b.CreateString(_PARSER)})
    b.Finish(root, file_identifier=_IDENTIFIER)
    return bytes(b.Output())


def pack(model: bytes, names: Sequence[str]) -> bytes:
    """A model with its file of labels behind it.

    Args:
      model: a .tflite file, whose entry `describe` has made.
      names: of all classes.
    """
    whole = io.BytesIO(model)
    with zipfile.ZipFile(whole, 'a', zipfile.ZIP_STORED) as archive:
        # Without the time of now: equal networks are equal files.
        archive.writestr(zipfile.ZipInfo(labels.FILE), labels.text(names))
    return whole.getvalue()


def _table(
    b: Any, slots: int, offsets: Mapping[int, int],
    small: Mapping[int, int] | None = None,
) -> int:
    """A table of so many slots; `offsets` of what was made before, `small` bytes."""
    b.StartObject(slots)
    for slot, offset in offsets.items():
        b.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, value in (small or {}).items():
        b.PrependInt8Slot(slot, value, 0)
    return b.EndObject()


def _vector(b: Any, tables: Sequence[int]) -> int:
    b.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        b.PrependUOffsetTRelative(table)
    return b.EndVector()
