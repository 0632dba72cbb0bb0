"""Competitors of the paper's tables, trained and counted on the same data.

`bonsai` and `protonn` are pure functions of a key, of data and of a tuning: static is
what decides the program, everything else is traced, so that `grids.train` trains a
whole grid in one. `sizes` counts what a classifier occupies under three rules.
"""
