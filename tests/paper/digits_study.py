"""Real searches on the embedded digits, small enough for tests."""

import functools
import pathlib
import tempfile

import sparse_jax
from tests import tiny_study

_FOLDER = tempfile.TemporaryDirectory(prefix='sparse_jax_digits_')


@functools.cache
def folder(classes: str = '') -> pathlib.Path:
    """Of the study of a grouping; once per process, not to be changed."""
    config = sparse_jax.default_config()
    config.update_from_flattened_dict({
        'train.epochs': 4, 'search.algorithm': 'random', 'search.rounds': 1,
        'search.batch': 2, 'pruning.cuts': (), 'pruning.bisect': False,
        'objectives.quantized': True, 'objectives.error': 0.9,
        'objectives.model_size': 1000, 'budgets.working_memory': 2048,
        'data.max_train': 300, 'data.classes': classes})
    path = pathlib.Path(_FOLDER.name) / (classes or 'digits')
    with tiny_study.small_space():
        sparse_jax.run_search(config, path).close()
    return path
