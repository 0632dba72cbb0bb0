"""The command line: python -m launch.search, .report, .describe and others."""

import sys

# As Python has it while it looks for the module that -m names: before that module
# imports JAX, which takes seconds.
if sys.argv[:1] == ['-m']:
    from launch import interrupts

    interrupts.install()
