"""What the results of a process depend on, beside settings, data and the seed."""

import hashlib
import pathlib
import warnings

import jax
from jaxlib import version

from sparse_jax import host_random
from sparse_jax.native import direct
from sparse_jax.ops import lowering
from sparse_jax.study.record import StudyWarning

_ROOT = pathlib.Path(__file__).parents[2]


def identity(conv: str) -> dict[str, str]:
    """{what results depend on: its value in this process}.

    conv: the convolutions of trainings, see `ops.lowering`.
    """
    found = {'jax': jax.__version__, 'jaxlib': version.__version__,
             'sparse_jax': source_digest(), 'random numbers': host_random.digest()}
    if lowering.kernels(conv):
        found['direct convolution'] = (
            lowering.kernels(conv) if direct.available() else 'none')
    return found


def unlike(here: dict[str, str], there: dict[str, str]) -> str | None:
    """What differs, as 'NAME VALUE (here VALUE)'; None for processes that are alike."""
    for name, value in here.items():
        if there.get(name) != value:
            return f'{name} {there.get(name)} (here {value})'
    return None


def note_vectors(host: str, vectors: str, known: list[str]) -> None:
    """Warn, once per search, that workers of different processors train.

    Args:
      host: of a worker.
      vectors: of its processor; '' for one that trains elsewhere or does not tell.
      known: those of earlier workers; added to.
    """
    if not vectors or vectors in known:
        return
    known.append(vectors)
    if len(known) == 2:
        warnings.warn(
            f'the worker on {host} has {vectors}, earlier ones {known[0]}: trainings '
            'round differently on the two, so that the same search again may give '
            'another study', StudyWarning, stacklevel=2)


def source_digest() -> str:
    """Eight hex digits of all Python sources of this package."""
    found = hashlib.sha256()
    for path in sorted(_ROOT.rglob('*.py')):
        name = path.relative_to(_ROOT).as_posix()
        found.update(name.encode() + b'\0' + path.read_bytes() + b'\0')
    return found.hexdigest()[:8]
