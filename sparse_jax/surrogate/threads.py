"""BLAS on one thread for the many small factorisations of a fit.

JAX on a CPU factorises through SciPy's OpenBLAS, whose threads wait for one another
by spinning. On matrices of a few hundred rows that gains little, and beside any
other busy process it was measured to cost a factor of 10 to 20.
"""

import contextlib
import functools
from typing import Any


@functools.cache
def _controller() -> Any:
    try:
        import threadpoolctl
    except ModuleNotFoundError:  # comes with scikit-learn; only speed depends on it
        return None
    return threadpoolctl.ThreadpoolController()


def one_blas_thread() -> contextlib.AbstractContextManager:
    """A context in which BLAS uses one thread."""
    controller = _controller()
    if controller is None:
        return contextlib.nullcontext()
    return controller.limit(limits=1, user_api='blas')
