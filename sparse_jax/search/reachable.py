"""Whether a search can find anything: what is refused, or noted, before it starts."""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np

from sparse_jax import host_random
from sparse_jax.evaluation.estimates import Estimate
from sparse_jax.objectives.goals import Objectives, before_pruning, bounds_text
from sparse_jax.search import starts
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.tree import to_tree
from sparse_jax.space import encoding, filling
from sparse_jax.space.architecture import Graph
from sparse_jax.space.dimensions import Role
from sparse_jax.space.sparse_space import Space

SCREENED = 256
"""Random points of which one at least must be able to meet the hard budgets."""
FIRST = 8
"""So many are drawn first: mostly one of them is."""
ENOUGH = 3
"""Of them, as many are within what is asked at a size that is proposed."""
SLACK = 2.0
"""A hard budget is refused where the least that is seen is more than so many times
that: of six draws of some 1,000 structures each the least MACs differ by up to 1.6
times, the least model size by 1.4."""
SIDES = (128, 96, 64, 48, 32, 24, 16, 12, 8)
"""Longer sides that images are tried at where theirs is too long."""


def check_restricted(settings: Settings, space: Space) -> None:
    """Refuse restrictions that leave nothing to search.

    Raises:
      ConfigError: one line.
    """
    refuse = lambda reason: ConfigError(
        f'config.space.restrict: {settings.space.restrict!r} is not allowed {reason}')
    if not encoding.fits(space):
        raise refuse(f'here: no network fits {space.input_shape} images; allowed: '
                     'smaller kernels, fewer layers or pools')
    if settings.search.stages and all(
            row.levels == 1 for row in space.dimensions
            if row.role is Role.PRUNING):
        raise refuse('with config.search.stages: stage 2 varies pruning parameters '
                     'alone; allowed: some of them free, or no stages')


def check_budgets(
    settings: Settings, aims: Objectives, space: Space,
    sample: Callable[[jax.Array, int], np.ndarray], refuses: Callable[[Graph], bool],
) -> None:
    """Refuse limits and budgets that no network meets, rather than search for one.

    Args:
      settings: for their limits.
      aims: for its hard budgets.
      space: the table.
      sample: (key, N) -> [N, D] random points of the search; few are drawn where one
        of the first is admitted, as filled structures take long to find.
      refuses: whether an exact graph is refused before training.

    Raises:
      ConfigError: one line, with a size of images at which networks meet them, if there
        is one.
    """
    admits = lambda graph: not refuses(graph)
    for count in (FIRST, SCREENED):
        rows = sample(host_random.root_key(0), count)
        if any(map(admits, encoding.graphs(space, rows))):
            return
    limits = to_tree(settings.limits)
    given = [f'limits.{name} {most}' for name, most in limits.items() if most]
    given += [f'budgets.{name} {most:g}' for name, most in aims.budgets]
    size = size_for(space, admits)
    smaller = f', or smaller images: set --config.data.image_size={size}' * bool(size)
    raise ConfigError(
        f'config: {", ".join(given)}: not allowed together with this space; allowed: '
        f'limits that one of {SCREENED} random networks is within before pruning, and '
        f'budgets that it might meet after it{smaller}')


def check_unpruned(aims: Objectives, space: Space, estimate: Estimate) -> None:
    """Refuse hard budgets that are far out of reach where nothing prunes.

    Not every structure is looked at: what is a little below the least that is seen
    may be met by another one, and is not refused.

    Args:
      aims: for its hard budgets.
      space: the table; its structures are looked at as small as they can be.
      estimate: costs on the board of networks that nothing prunes.

    Raises:
      ConfigError: one line, with the least that is seen of the budget that is out of
        reach, or with all budgets where only their combination is.
    """
    # What is counted is cheaper to know than what is estimated.
    budgets = sorted(((aims.goal(name), most) for name, most in aims.budgets),
                     key=lambda pair: pair[0].on_board)
    if not budgets:
        return
    cost = lambda graph, goal: starts.unpruned_cost(graph, goal, aims, estimate)
    seen: list[Graph] = []
    for graph in filling.smallest(space):
        costs = ((cost(graph, goal), most) for goal, most in budgets)
        if all(known is None or known <= SLACK * most for known, most in costs):
            return
        seen.append(graph)
    if not seen:
        # Networks are too rare among draws to be judged by them.
        return
    for goal, most in budgets:
        known = [cost(graph, goal) for graph in seen]
        least = min((value for value in known if value is not None), default=0.0)
        if least > SLACK * most:
            raise ConfigError(
                f'config.budgets.{goal.name}: {most:g} is not allowed here; allowed: '
                f'more; the smallest of {len(seen):,} networks takes '
                f'{f"{least:g} {goal.unit}".rstrip()}, and nothing is pruned')
    given = ', '.join(f'budgets.{goal.name} {most:g}' for goal, most in budgets)
    raise ConfigError(
        f'config: {given}: not allowed together here; allowed: budgets of which one of '
        f'{len(seen):,} networks takes at most {SLACK:g} times as much, as nothing is '
        'pruned')


def size_note(space: Space, aims: Objectives) -> str:
    """A line that says which size of images would do where theirs is too large for the
    soft bounds of counted costs; '' if one of the random networks is within them before
    pruning, or at no size is."""
    bounds = [(goal, most) for goal, most in zip(aims.costs, aims.bounds[1:])]

    def within(graph: Graph) -> bool:
        costs = [(before_pruning(graph, goal, aims), most) for goal, most in bounds]
        return all(cost is None or cost <= most for cost, most in costs)

    size = '' if _count(space, within) else size_for(space, within)
    if not size:
        return ''
    height, width, _ = space.input_shape
    return (f'before pruning none of {SCREENED} random networks for images of '
            f'{height}x{width} pixels is within {bounds_text(aims)}; smaller images '
            f'allow it: set --config.data.image_size={size}')


def size_for(space: Space, admits: Callable[[Graph], bool]) -> str:
    """The largest size of images, in the same proportions, for which `ENOUGH` of the
    random networks are admitted; as text for a flag, '' if there is none."""
    height, width, channels = space.input_shape
    longer = max(height, width)
    for side in SIDES:
        size = [max(2, round(n * side / longer)) for n in (height, width)]
        if side >= longer:
            continue
        smaller = dataclasses.replace(space, input_shape=(*size, channels))
        if encoding.fits(smaller) and _count(smaller, admits) >= ENOUGH:
            return str(side) if height == width else '{},{}'.format(*size)
    return ''


def _count(space: Space, admits: Callable[[Graph], bool]) -> int:
    """How many of the random networks of a space are admitted."""
    rows = encoding.sample(host_random.root_key(0), space, SCREENED)
    return sum(map(admits, encoding.graphs(space, rows)))
