"""From points to outcomes: programs, executors and what they measure."""
