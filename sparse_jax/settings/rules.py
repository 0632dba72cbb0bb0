"""Which values every setting of a search may have."""

import jax
import ml_collections

from sparse_jax.objectives.goals import COSTS
from sparse_jax.space.sparse_space import PRIORS

MEMORY_MODELS = {'input+output': 'working_memory',
                 'input+weights': 'working_memory_weights'}


def rules_of(config: ml_collections.ConfigDict) -> list[tuple]:
    """(name, value, whether it is fine, what is allowed) of all settings that can be
    judged by themselves."""
    return [*_data_rules(config), *_method_rules(config), *_objective_rules(config),
            *_search_rules(config), *_runtime_rules(config)]


def _at_least(value, low):
    return isinstance(value, int) and value >= low


def _data_rules(config):
    """Of data and space."""
    d, prior = config.data, config.space.prior
    return [
        ('seed', config.seed, _at_least(config.seed, 0) and config.seed < 2**32,
         '0 to 4294967295'),
        *((f'data.{name}', d[name], d[name] == -1 or _at_least(d[name], 1),
           '-1 (as the data set has it), or 1 or more')
          for name in ('validation_size', 'test_size')),
        ('data.max_train', d.max_train, _at_least(d.max_train, 0), '0 (all) or more'),
        ('data.seed', d.seed, _at_least(d.seed, 0), '0 or more'),
        ('space.prior', prior, prior in PRIORS, ', '.join(PRIORS)),
        ('space.restrict', config.space.restrict, isinstance(
            config.space.restrict, str), "text such as 'batch-norm=false', or ''"),
    ]


def _method_rules(config):
    """Of pruning and limits."""
    cuts = config.pruning.cuts
    limits = config.limits
    return [
        ('pruning.cuts', cuts, all(isinstance(c, int | float) for c in cuts),
         'a tuple of numbers, or () for none'),
        ('pruning.finetune_epochs', config.pruning.finetune_epochs,
         _at_least(config.pruning.finetune_epochs, 0), '0 (none) or more'),
        *((f'limits.{name}', limits[name], _at_least(limits[name], 0),
           '0 (no limit) or more') for name in ('max_weights', 'max_macs')),
    ]


def _objective_rules(config):
    """Of objectives and hard budgets."""
    o, budgets = config.objectives, config.budgets
    return [
        ('objectives.names', o.names, _is_objectives(o.names),
         "'error', then one or more different ones of " + ', '.join(COSTS)),
        ('objectives.memory_model', o.memory_model, o.memory_model in MEMORY_MODELS,
         ', '.join(MEMORY_MODELS)),
        ('objectives.quantized', o.quantized, isinstance(o.quantized, bool),
         'True, False'),
        *((f'objectives.{name}', o[name], o[name] > 0, 'above 0')
          for name in ('error', *COSTS)),
        *((f'budgets.{name}', budgets[name], budgets[name] >= 0,
           '0 (no budget) or more') for name in COSTS),
    ]


def _search_rules(config):
    """Of the search algorithm."""
    s = config.search
    return [
        ('search.rounds', s.rounds, _at_least(s.rounds, 1), '1 or more'),
        ('search.batch', s.batch, _at_least(s.batch, 1), '1 or more'),
        ('search.initial', s.initial, _at_least(s.initial, 0), '0 or more'),
        *((f'search.{name}', s[name], _at_least(s[name], 0), '0 (any) or more')
          for name in ('max_groups', 'initial_groups', 'new_groups')),
        ('search.rho', s.rho, 0 <= s.rho <= 1, '0 to 1'),
        ('search.stages', s.stages, _is_stages(s.stages),
         'none, or how many rounds (1 or more, increasing) come before stages 2 and 3'),
        ('search.min_overlap', s.min_overlap, 0 <= s.min_overlap <= 1, '0 to 1'),
        ('search.child_epochs', s.child_epochs, 0 < s.child_epochs <= 1,
         'above 0, up to 1'),
    ]


def _runtime_rules(config):
    """Of the devices."""
    r, devices = config.runtime, jax.local_device_count()
    return [
        ('runtime.mapping', r.mapping, r.mapping in ('auto', 'map', 'vmap'),
         'auto, map, vmap'),
        ('runtime.conv', r.conv, r.conv in ('auto', 'patches', 'native'),
         'auto, patches, native'),
        ('runtime.devices', r.devices, 0 <= r.devices <= devices,
         f'0 (all) to {devices}'),
        ('runtime.memory', r.memory, r.memory >= 0, '0 (what it reports) or more GiB'),
        ('runtime.workers', r.workers, _at_least(r.workers, 0),
         '0 (one per core) or more'),
    ]


def _is_stages(starts):
    whole = all(isinstance(r, int) and r >= 1 for r in starts)
    return whole and len(starts) <= 2 and list(starts) == sorted(set(starts))


def _is_objectives(names):
    first, *costs = names or ('',)
    return (not isinstance(names, str) and first == 'error' and bool(costs)
            and len(set(costs)) == len(costs) and set(costs) <= set(COSTS))
