"""Benchmarks: `python -m benchmarks.run`, or one of the modules alone."""
