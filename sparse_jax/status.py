"""What became of one evaluation: failure is a value, never an exception."""

OK = 0
"""Trained, pruned and measured."""
INFEASIBLE = 1
"""The network cannot exist: a kernel or a pool is larger than its input."""
NONFINITE = 2
"""Training diverged: the loss or the weights are not finite."""
EMPTY = 3
"""Pruning removed every path from the input to the classifier."""
OVER_BUDGET = 4
"""Over a limit or a hard budget: refused before training where no pruning could meet
it, else trained, measured and stored with its figures."""
OUT_OF_MEMORY = 5
"""The device could not hold the training program."""

NAMES = ('ok', 'infeasible', 'nonfinite', 'empty', 'over-budget', 'out-of-memory')


def name(code: int) -> str:
    """The lower-case name of a status code."""
    return NAMES[int(code)]
