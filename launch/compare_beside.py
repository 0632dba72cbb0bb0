"""What stands beside compared studies: competitors on their images, published results.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from launch import cli

if TYPE_CHECKING:
    from rich.table import Table

    from sparse_jax.baselines.published import Published
    from sparse_jax.baselines.rows import Row
    from sparse_jax.comparison.studies import Comparison


def competitors_in(folders: Sequence[str]) -> list[str]:
    """Those of the folders that launch.baselines has written."""
    from sparse_jax.baselines import rows

    return [folder for folder in folders
            if (pathlib.Path(folder) / rows.JSON).is_file()]


def competitors_of(folders: Sequence[str], comparison: Comparison) -> list[Row]:
    """The competitors in some folders, on the data of the studies."""
    from sparse_jax.baselines import rows
    from sparse_jax.study.folder import DATA

    try:
        return [row for folder in folders
                for row in rows.of_data(folder, comparison.studies[0].inputs[DATA])]
    except rows.RowsError as error:
        cli.fail(error)


def competitors_table(found: Sequence[Row]) -> Table:
    """A line per competitor; validation alone, as for the studies."""
    from rich.table import Table

    table = Table(title='competitors on the same images')
    table.add_column('method')
    for name in ('valid. %', 'KB', '1-byte KB', 'values', 'seed'):
        table.add_column(name, justify='right')
    for row in found:
        table.add_row(
            row.method, f'{100 * row.validation:.2f}',
            *(f'{size / 1024:.2f}' for size in (row.published_bytes,
                                                row.one_byte_bytes)),
            str(row.values), str(row.seed))
    return table


def competitor_rows(found: Sequence[Row]) -> Iterable[list[Any]]:
    """The competitors as rows of a CSV file."""
    yield ['method', 'validation_accuracy', 'published_bytes', 'one_byte_bytes',
           'values', 'tried', 'seed']
    for row in found:
        yield [row.method, row.validation, row.published_bytes, row.one_byte_bytes,
               row.values, row.tried, row.seed]


def published_of(comparison: Comparison) -> list[Published]:
    """What was published for the data of the studies; none for a grouping that nobody
    published."""
    from sparse_jax.baselines import published

    given = comparison.studies[0].settings.data
    return published.of_data(given.name, given.classes, comparison.num_classes)


def published_table(found: Sequence[Published]) -> Table:
    """A line per published result."""
    from rich.table import Table

    table = Table(title='published, on test data: landmarks, not a fair race')
    table.add_column('system', overflow='fold')
    for name in ('test %', 'size (B)', 'x + y (B)', 'x + w (B)', 'no image (B)'):
        table.add_column(name, justify='right', no_wrap=True)
    for entry in found:
        table.add_row(entry.system, f'{entry.accuracy:.2f}', *(
            '' if value is None else str(value) for value in _sizes(entry)))
    return table


def published_rows(found: Sequence[Published]) -> Iterable[list[Any]]:
    """The published results as rows of a CSV file."""
    yield ['system', 'test_accuracy', 'model_size', 'working_memory',
           'working_memory_weights', 'working_memory_without_image', 'source']
    for entry in found:
        yield [entry.system, round((entry.accuracy or 0.0) / 100, 6), *(
            '' if value is None else value for value in _sizes(entry)), entry.source]


def _sizes(entry: Published) -> tuple[int | None, ...]:
    return (entry.size, entry.working_memory, entry.working_memory_weights,
            entry.working_memory_without_image)
