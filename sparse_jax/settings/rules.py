"""Which values every setting of a search may have."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sparse_jax.data.channels import CHANNELS
from sparse_jax.data.dataset import writable
from sparse_jax.data.spec import IMAGE_SIZES, SPLITS, is_image_size
from sparse_jax.differentiable.template import SYNTAX, WIDTHS, parse
from sparse_jax.objectives.goal import COSTS, ERROR
from sparse_jax.objectives.structure import TRENDS
from sparse_jax.ops.lowering import FORMS
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import (
    MEMORY_MODELS,
    Budgets,
    Objectives,
    Settings,
)
from sparse_jax.settings.tree import to_tree
from sparse_jax.space.filling import DESIGNS
from sparse_jax.space.sparse_space import PRIORS, ROWS

KINDS = {int: 'a whole number', float: 'a number', str: 'text', bool: 'true or false',
         tuple: "a tuple, as in '(1, 2)'"}
"""What the type of a setting is called."""

_ACCEPTED = {float: (int, float), tuple: (tuple, list)}
"""Types that pass for another."""

_MOST = {'train.epochs': 10**6, 'pruning.finetune_epochs': 10**6,
         'search.rounds': 10**6, 'search.max_minutes': 10**7,
         'search.patience': 10**6, 'search.finals': 10**4,
         'search.final_starts': 10**4, 'search.final_epochs': 10**6,
         'search.batch': 10**4, 'search.initial': 10**6,
         'pruning.cuts': 1000, 'runtime.memory': 10**6, 'runtime.workers': 10**4,
         'runtime.slots': 10**4}
"""Far beyond what anybody would run, and short of what overflows on the way."""
_MOST_OF_ANY = 10**15


class Rule(NamedTuple):
    """One setting, judged by itself."""

    name: str
    value: Any
    fine: bool
    allowed: str


def check_kinds(tree: Mapping[str, Any]) -> None:
    """Refuse values of another type than the default's, and numbers without end.

    Args:
      tree: {'search': {'rounds': 4, ...}, ...}, with known names only.

    Raises:
      ConfigError: one line with the name, the value and what is allowed.
    """
    defaults = _leaves(to_tree(Settings()))
    amounts = {*(f'objectives.{name}' for name in Objectives().bounds),
               *(f'budgets.{name}' for name in Budgets().most)}
    for name, value in _leaves(tree).items():
        kind = float if name in amounts else type(defaults[name])
        fine = isinstance(value, _ACCEPTED.get(kind, kind))
        if not fine or isinstance(value, bool) and kind is not bool:
            raise _refusal(name, value, KINDS[kind])
        numbers = [v for v in _numbers(value) if isinstance(v, int | float)]
        if not all(isinstance(v, int) or math.isfinite(v) for v in numbers):
            raise _refusal(name, value, 'finite numbers')
        most = _MOST.get(name, _MOST_OF_ANY)
        if any(abs(v) > most for v in numbers):
            raise _refusal(name, value, f'up to {most:,}')


def check_values(settings: Settings) -> None:
    """Refuse values that no search can run with, each judged by itself.

    Raises:
      ConfigError: one line with the name, the value and what is allowed.
    """
    for rule in rules_of(settings):
        if not rule.fine:
            raise _refusal(rule.name, rule.value, rule.allowed)


def rules_of(settings: Settings) -> list[Rule]:
    """The rules of all settings that can be judged by themselves."""
    return [*_data_rules(settings), *_method_rules(settings),
            *_objective_rules(settings), *_search_rules(settings),
            *_gradient_rules(settings),
            *_runtime_rules(settings)]


def _refusal(name: str, value: Any, allowed: str) -> ConfigError:
    text = repr(value)
    text = text if len(text) <= 100 else f'{text[:90]}...'
    return ConfigError(f'config.{name}: {text} is not allowed; allowed: {allowed}')


def _leaves(tree: Mapping[str, Any]) -> dict[str, Any]:
    """{'search.rounds': 4, ...}, the values as they are."""
    found = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= {f'{name}.{k}': v for k, v in _leaves(value).items()}
        else:
            found[name] = value
    return found


def _numbers(value: Any) -> Iterator[Any]:
    """The value, or all that a nested tuple has."""
    if isinstance(value, tuple | list):
        for part in value:
            yield from _numbers(part)
    else:
        yield value


def _at_least(value: Any, low: int) -> bool:
    return isinstance(value, int) and value >= low


def _data_rules(settings: Settings) -> list[Rule]:
    """Of data and space."""
    d, prior, rows = settings.data, settings.space.prior, settings.space.rows
    sizes = {'validation_size': d.validation_size, 'test_size': d.test_size}
    return [
        Rule('seed', settings.seed,
             _at_least(settings.seed, 0) and settings.seed < 2**32, '0 to 4294967295'),
        *(Rule(f'data.{name}', size, size == -1 or _at_least(size, 1),
               '-1 (as the data set has it), or 1 or more')
          for name, size in sizes.items()),
        Rule('data.name', d.name, _is_text(d.name), 'text'),
        Rule('data.split', d.split, d.split in SPLITS, ', '.join(SPLITS)),
        Rule('data.max_train', d.max_train, _at_least(d.max_train, 0),
             '0 (all) or more'),
        Rule('data.channels', d.channels, d.channels in CHANNELS,
             '0 (as they are), 1 (grey), 3 (colour)'),
        Rule('data.image_size', d.image_size, is_image_size(d.image_size), IMAGE_SIZES),
        Rule('data.class_names', d.class_names, _are_names(d.class_names),
             "() (as the data have them), or a name for each class, as in "
             "('cat', 'dog')"),
        Rule('data.seed', d.seed, _at_least(d.seed, 0), '0 or more'),
        Rule('space.prior', prior, prior in PRIORS, ', '.join(PRIORS)),
        Rule('space.rows', rows, rows in ROWS, ', '.join(ROWS)),
    ]


def _are_names(names: Sequence[Any]) -> bool:
    """Whether these are texts that tell classes apart; none at all are fine."""
    return (all(isinstance(name, str) and name.strip() and _is_text(name)
                for name in names) and len(set(names)) == len(names) != 1)


def _is_text(text: str) -> bool:
    """Whether a file can hold it in UTF-8, unlike bytes that are no text in the name of
    another file."""
    return text == writable(text)


def _method_rules(settings: Settings) -> list[Rule]:
    """Of pruning and limits."""
    p, limits = settings.pruning, settings.limits
    return [
        Rule('pruning.cuts', p.cuts, all(isinstance(c, int | float) for c in p.cuts),
             'a tuple of numbers, or () for none'),
        Rule('pruning.finetune_epochs', p.finetune_epochs,
             _at_least(p.finetune_epochs, 0), '0 (none) or more'),
        *(Rule(f'limits.{name}', most, _at_least(most, 0), '0 (no limit) or more')
          for name, most in to_tree(limits).items()),
    ]


def _objective_rules(settings: Settings) -> list[Rule]:
    """Of objectives and hard budgets."""
    o, budgets = settings.objectives, settings.budgets.most
    return [
        Rule('objectives.names', o.names, _is_objectives(o.names),
             "'error', then one or more different ones of " + ', '.join(COSTS)
             + ', or MODULE:FACTORY'),
        Rule('objectives.memory_model', o.memory_model,
             o.memory_model in MEMORY_MODELS, ', '.join(MEMORY_MODELS)),
        *(Rule(f'objectives.{name}', bound, bound > 0, 'above 0')
          for name, bound in o.bounds.items()),
        *(Rule(f'budgets.{name}', most, most >= 0, '0 (no budget) or more')
          for name, most in budgets.items()),
    ]


def _search_rules(settings: Settings) -> list[Rule]:
    """Of the search algorithm."""
    s, hard = settings.search, settings.budgets.most.values()
    groups = {'max_groups': s.max_groups, 'initial_groups': s.initial_groups,
              'new_groups': s.new_groups}
    return [
        Rule('search.rounds', s.rounds, _at_least(s.rounds, 1), '1 or more'),
        Rule('search.max_minutes', s.max_minutes, s.max_minutes >= 0,
             '0 (no clock) or more'),
        Rule('search.final_share', s.final_share, 0 <= s.final_share < 1,
             '0 (no end) or more, below 1'),
        Rule('search.finals', s.finals, _at_least(s.finals, 1), '1 or more'),
        Rule('search.final_starts', s.final_starts, _at_least(s.final_starts, 1),
             '1 or more'),
        Rule('search.final_epochs', s.final_epochs, _at_least(s.final_epochs, 0),
             '0 (twice train.epochs) or more'),
        Rule('search.patience', s.patience, _at_least(s.patience, 0),
             '0 (any) or more'),
        Rule('search.batch', s.batch, _at_least(s.batch, 1), '1 or more'),
        Rule('search.initial', s.initial, _at_least(s.initial, 0), '0 or more'),
        *(Rule(f'search.{name}', most, _at_least(most, 0), '0 (any) or more')
          for name, most in groups.items()),
        Rule('search.focus', s.focus,
             s.focus == 'front' or s.focus == 'error' and any(hard), 'front; error, '
             'where config.budgets has one'),
        Rule('search.initial_design', s.initial_design, s.initial_design in DESIGNS,
             ', '.join(DESIGNS)),
        Rule('search.trend', s.trend, s.trend in TRENDS, ', '.join(TRENDS)),
        Rule('search.rho', s.rho, 0 <= s.rho <= 1, '0 to 1'),
        Rule('search.model_rows', s.model_rows,
             s.model_rows == 0 or _at_least(s.model_rows, 16), '0 (all) or 16 or more'),
        Rule('search.lag', s.lag, s.lag in (0, 1), '0, 1'),
        Rule('search.stages', s.stages, _is_stages(s.stages),
             'none, or how many rounds (1 or more, increasing) come before stages 2 '
             'and 3'),
        Rule('search.min_overlap', s.min_overlap, 0 <= s.min_overlap <= 1, '0 to 1'),
        Rule('search.child_epochs', s.child_epochs, 0 < s.child_epochs <= 1,
             'above 0, up to 1'),
        Rule('search.rungs', s.rungs, _is_shares(s.rungs),
             'none, or at most 10 rising shares above 0, up to 1'),
        Rule('search.promote', s.promote, 0 < s.promote <= 1, 'above 0, up to 1'),
    ]


def _runtime_rules(settings: Settings) -> list[Rule]:
    """Of the machine, as far as they do not depend on it."""
    r = settings.runtime
    return [
        Rule('runtime.mapping', r.mapping, r.mapping in ('auto', 'map', 'vmap'),
             'auto, map, vmap'),
        Rule('runtime.conv', r.conv, r.conv in ('auto', *FORMS),
             f'auto, {", ".join(FORMS)}'),
        Rule('runtime.conv', r.conv,
             r.conv != 'native' or settings.train.precision == 'float32',
             'auto, direct-norm, direct, patches, grouped with train.precision '
             'bfloat16'),
        Rule('runtime.devices', r.devices, _at_least(r.devices, 0), '0 (all) or more'),
        Rule('runtime.memory', r.memory, r.memory >= 0,
             '0 (what it reports) or more GiB'),
        Rule('runtime.workers', r.workers, _at_least(r.workers, 0),
             '0 (one per core) or more'),
        Rule('runtime.slots', r.slots, _at_least(r.slots, 0),
             '0 (a batch over search.max_groups) or more'),
        Rule('runtime.weights', r.weights, r.weights in ('needed', 'all'),
             'needed, all'),
    ]


def _gradient_rules(settings: Settings) -> list[Rule]:
    """Of the search by gradient."""
    d = settings.differentiable
    counts = {'budgets': d.budgets, 'seeds': d.seeds, 'steps': d.steps,
              'batch_size': d.batch_size}
    return [
        Rule('differentiable.templates', d.templates, _is_templates(d.templates),
             f'a tuple of one or more texts: {SYNTAX}'),
        *(Rule(f'differentiable.{name}', count, _at_least(count, 1), '1 or more')
          for name, count in counts.items()),
        Rule('differentiable.widest', d.widest,
             _at_least(d.widest, 1) and d.widest <= WIDTHS[-1], f'1 to {WIDTHS[-1]}'),
    ]


def _is_templates(texts: tuple[Any, ...]) -> bool:
    try:
        return bool([parse(text) for text in texts])
    except (ValueError, AttributeError, TypeError):
        return False


def _is_stages(starts: Sequence[Any]) -> bool:
    whole = all(isinstance(r, int) and r >= 1 for r in starts)
    return whole and len(starts) <= 2 and list(starts) == sorted(set(starts))


def _is_shares(shares: Sequence[Any]) -> bool:
    numbers = all(isinstance(share, int | float) and 0 < share <= 1 for share in shares)
    return numbers and len(shares) <= 10 and list(shares) == sorted(set(shares))


def _is_objectives(names: Sequence[Any]) -> bool:
    first, *costs = names or ('',)
    if not all(isinstance(name, str) for name in costs):
        return False
    return (first == ERROR and bool(costs) and len(set(costs)) == len(costs)
            and all(name in COSTS or ':' in str(name) for name in costs))
