"""What the environment changes in JAX, and the program cannot run under.

Variables such as JAX_DEBUG_NANS are set for other programs and forgotten. Here a
network that diverges is a result, programs are compiled, and numbers are float32.
"""

import io
import os
import sys

NEEDED = {
    'jax_debug_nans': (False, 'a network that diverges is a result here'),
    'jax_debug_infs': (False, 'a network that diverges is a result here'),
    'jax_disable_jit': (False, 'networks are compiled'),
    'jax_enable_x64': (False, 'networks are float32'),
    'jax_numpy_dtype_promotion': ('standard', 'types are promoted as usual'),
    'jax_numpy_rank_promotion': ('allow', 'shapes are promoted as usual'),
    'jax_check_tracer_leaks': (False, 'it makes compiling many times slower'),
}
"""{option of JAX: (its value here, why)}."""


def settle() -> None:
    """Give the options of `NEEDED` their values; one line on stderr for each change."""
    import jax

    for name, (value, why) in NEEDED.items():
        found = getattr(jax.config, name)
        if found != value:
            jax.config.update(name, value)
            print(f'note: {name.upper()}={found} is not used: {why}', file=sys.stderr)


def set_output() -> None:
    """Let text leave the program whatever the encoding of the terminal or the log."""
    # Closed ones, as of `>&-`, are None.
    sys.stdout = sys.stdout or open(os.devnull, 'w')
    sys.stderr = sys.stderr or open(os.devnull, 'w')
    for stream in (sys.stdout, sys.stderr):
        # A stream that stands in for one of these need not have an encoding.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == 'strict':
            stream.reconfigure(errors='backslashreplace')


def missing_device() -> str | None:
    """What to say if no device can be started; None if devices are there."""
    import jax

    try:
        jax.local_devices()
    # What a backend raises that is not there depends on the backend.
    except Exception as error:
        asked = os.environ.get('JAX_PLATFORMS', '')
        text = ' '.join(str(error).split())[:200] or 'no such device here'
        return (f'JAX_PLATFORMS={asked}: {text}; allowed: cpu, another platform of '
                'this machine, or nothing for the best of them')
    return None
