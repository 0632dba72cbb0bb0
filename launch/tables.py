"""Text output: consoles that do not wrap, and the front as a table."""

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 80
"""Columns of a table where the output is no terminal."""


def console(file=None) -> Console:
    """A console that wraps no text; tables fit the terminal, or 80 columns."""
    file = file or sys.stdout
    width = None if file.isatty() else PLAIN_WIDTH
    return Console(file=file, highlight=False, width=width, soft_wrap=True)


def show(out: Console, table: Table) -> None:
    """Print a table inside the console's width."""
    # Soft wrapping is for lines of text; it would let a table grow over the edge.
    out.print(table, soft_wrap=False)


def line(out: Console, text: str) -> None:
    """Print one line of plain text, however long."""
    out.print(Text(text), soft_wrap=True)


def front_table(rows, memory: str, tests=None) -> Table:
    """The front as a table; `tests` {name: test accuracy} adds a column."""
    table = Table(title='Pareto front (bytes, one per value)')
    columns = ['trial', 'valid. %', 'size', 'memory', 'MACs', 'unpruned']
    for name in columns + (['test %'] if tests else []):
        table.add_column(name, justify='right', no_wrap=True)
    for row in rows:
        cells = [row.name, f'{100 * (1 - row.error):.2f}', row.costs.model_size,
                 getattr(row.costs, memory), row.costs.macs, row.unpruned.model_size]
        if tests:
            cells.append(f'{100 * tests[row.name]:.2f}')
        table.add_row(*map(str, cells))
    return table
