"""The processor of this machine, as far as results depend on it."""

import pathlib

WIDEST = {'avx512f': 'AVX-512', 'avx2': 'AVX2', 'asimd': 'NEON'}
"""{word of Linux's /proc/cpuinfo: name}, the widest first."""


def vectors(cpuinfo: str = '/proc/cpuinfo') -> str:
    """Its widest vector instructions; '' where Linux does not tell.

    The compiler and the kernels use what there is. Vectors of another width add up sums
    in another order, and end rows at other places, so that results round differently.
    """
    try:
        words = set(pathlib.Path(cpuinfo).read_text(errors='replace').split())
    except OSError:
        return ''
    return next((name for word, name in WIDEST.items() if word in words), '')
