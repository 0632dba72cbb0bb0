"""Sparse architecture search for microcontroller CNNs, as pure JAX functions.

The names below are all that most users need; docs/library.md has a tour. They are
imported when they are first used: importing the package starts no device. What lies
in its folders can be imported too: `sparse_jax.space`, `.model`, `.pruning`,
`.training`, `.objectives` are the network and its training; `.surrogate`,
`.acquisition` and `.search` the optimiser; `.quantize` and `.export` lead to the chip.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparse_jax.data import DataError, Dataset, DataSpec, dataset
    from sparse_jax.data import load as load_data
    from sparse_jax.evaluation.exporting import export_trial
    from sparse_jax.evaluation.measure import measure
    from sparse_jax.export import ExportError, verify
    from sparse_jax.model.skeleton import TierPolicy, split, stack
    from sparse_jax.objectives.goal import Goal
    from sparse_jax.pruning import PruningMethod
    from sparse_jax.search.runs import run_search
    from sparse_jax.search.siblings import siblings
    from sparse_jax.settings.errors import ConfigError
    from sparse_jax.settings.groups import Settings
    from sparse_jax.settings.tree import default_config
    from sparse_jax.space.encoding import sample
    from sparse_jax.space.sparse_space import sparse_space
    from sparse_jax.study.opened import OpenStudy, open_study
    from sparse_jax.study.records import StudyError
    from sparse_jax.training import (
        Procedure,
        TrainConfig,
        initialise,
        prune,
        train,
        train_data,
        validation_loss,
    )
    from sparse_jax.types import SearchAlgorithm

__version__ = '0.1.0'

_HOMES = {
    'data': ('DataError', 'DataSpec', 'Dataset', 'dataset', 'load_data'),
    'evaluation.exporting': ('export_trial',),
    'evaluation.measure': ('measure',),
    'export': ('ExportError', 'verify'),
    'model.skeleton': ('TierPolicy', 'split', 'stack'),
    'objectives.goal': ('Goal',),
    'pruning': ('PruningMethod',),
    'search.runs': ('run_search',),
    'search.siblings': ('siblings',),
    'settings.errors': ('ConfigError',),
    'settings.groups': ('Settings',),
    'settings.tree': ('default_config',),
    'space.encoding': ('sample',),
    'space.sparse_space': ('sparse_space',),
    'study.opened': ('OpenStudy', 'open_study'),
    'study.records': ('StudyError',),
    'training': ('Procedure', 'TrainConfig', 'initialise', 'prune', 'train',
                 'train_data', 'validation_loss'),
    'types': ('SearchAlgorithm',),
}
_NAMED = {'load_data': 'load'}
"""Names that their module has under another one."""

__all__ = [
    'ConfigError', 'DataError', 'DataSpec', 'Dataset', 'ExportError', 'Goal',
    'OpenStudy', 'Procedure', 'PruningMethod', 'SearchAlgorithm', 'Settings',
    'StudyError', 'TierPolicy', 'TrainConfig', 'dataset', 'default_config',
    'export_trial', 'initialise', 'load_data', 'measure', 'open_study', 'prune',
    'run_search', 'sample', 'siblings', 'sparse_space', 'split', 'stack', 'train',
    'train_data', 'validation_loss', 'verify',
]


def __getattr__(name: str) -> Any:
    """A public name or a folder, imported when it is first asked for."""
    for module, names in _HOMES.items():
        if name in names:
            home = importlib.import_module(f'sparse_jax.{module}')
            globals()[name] = found = getattr(home, _NAMED.get(name, name))
            return found
    if not name.startswith('_') and importlib.util.find_spec(f'{__name__}.{name}'):
        return importlib.import_module(f'{__name__}.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
