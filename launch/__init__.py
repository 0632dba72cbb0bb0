"""The command line: python -m launch.search, .report, .describe and others."""

import contextlib
import os
import sys

# Python looks for modules in the current folder first. The folder of a study may come
# from somebody else: nothing in it is a module.
# A folder that was deleted has none.
with contextlib.suppress(OSError):
    if sys.path[:1] in ([os.getcwd()], ['']) and os.path.exists('study.sqlite'):
        del sys.path[0]

# As Python has it while it looks for the module that -m names: before that module
# imports JAX, which takes seconds.
if sys.argv[:1] == ['-m']:
    from launch import interrupts

    interrupts.install()
