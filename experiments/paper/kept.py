"""Kept winners as searches of the tables: every clone has them, without any study.

A winner is the one network that its search stands for. Its test accuracy is the one
that was measured when it was kept; `experiments.paper.check` measures it again.
"""

import ast
import functools
import itertools
import pathlib
import shlex
from typing import Any

import numpy as np

from experiments.paper import chip, published, stored
from experiments.paper.ours import Ours
from experiments.paper.searched import (
    Choice,
    Limits,
    at_most,
    fits,
    kind_of,
    limits_told,
)
from experiments.paper.stored import Winner
from sparse_jax.objectives import compact_costs
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.settings.reading import objectives, own_code
from sparse_jax.settings.tree import from_tree

_CONFIG = '--config.'
_SEARCHED = ('python -m launch.search --workdir=DIR',
             'python -m launch.train --workdir=DIR --network=FILE')
"""How commands of `ours.command` begin; others are of networks made by hand."""


class Kept:
    """The search that a winner is of; it has this one network."""

    def __init__(self, name: str, winner: Winner) -> None:
        """A winner as it was read.

        Args:
          name: of its files.
          winner: one that a search found.
        """
        self.name = name
        self.winner = winner
        self.set: str = winner.claims['set']

    @functools.cached_property
    def settings(self) -> Settings:
        """Of its command."""
        return settings_of(self.winner.claims['command'])

    @property
    def study(self) -> str:
        """What tells its study from others; '' of one that was kept before this was."""
        return self.winner.claims.get('study') or ''

    @property
    def seed(self) -> int:
        """Of the search."""
        return self.settings.seed

    @property
    def is_random(self) -> bool:
        """Whether it is a competitor: random search over the same networks."""
        return self.settings.search.algorithm == 'random'

    @property
    def kind(self) -> str:
        """What repetitions with other seeds have in common."""
        teacher = self.winner.claims.get('teacher')
        return kind_of(self.settings,
                       self.settings.data.soft_labels if teacher is None else teacher)

    @functools.cached_property
    def costs(self) -> Totals:
        """As the network is built, also what was not counted when it was kept.

        Raises:
          ValueError: it claims others.
        """
        counted = compact_costs.costs(self.winner.net)
        claimed = self.winner.own
        if claimed != counted and claimed != counted._replace(
                working_memory_without_image=0):
            raise ValueError(f'own={claimed}: counted are {counted}')
        return counted

    def aims_at(self, limits: Limits) -> bool:
        """Whether the search was limited at least as much in all these costs."""
        classes = int(self.set.rsplit('-', 1)[1])
        return at_most(limits_told(objectives(self.settings, classes)), limits)

    def own(self) -> Choice:
        """Its network."""
        claims = self.winner.claims
        return Choice(claims['trial'], claims['validation'], self.costs)

    def within(self, limits: Limits) -> Choice | None:
        """Its network, if it is within all limits."""
        return self.own() if fits(self.costs, limits) else None

    def row(self, *, cores: int) -> Ours:
        """Every figure of the network; its flash is predicted.

        Args:
          cores: that the search had.
        """
        kept, claims = self.winner, self.winner.claims
        seconds = claims.get('seconds')
        images = np.zeros((1, *kept.net.input_shape))
        return Ours(
            self.name, self.set, kept.data.grouping, claims['trial'],
            claims['validation'], claims['test'], self.costs, kept.costs,
            chip.costs(kept.net, kept.ranges, images, links=False),
            None if seconds is None else cores * seconds / 3600,
            claims.get('candidates'), self.seed, claims.get('date', ''),
            claims['command'], self.is_random)


def read(folder: pathlib.Path = stored.FOLDER) -> list[Kept]:
    """The searches whose networks are kept, in the order of their names.

    Networks that were made by hand are none, nor are those of data that the paper's
    tables do not have.

    Raises:
      WinnerError: a winner cannot be read, its command is none of a search or names
        code of its own, it claims other costs than its network has, or two are of one
        study.
    """
    found = []
    for name in stored.names(folder):
        winner = stored.read(name, folder)
        if winner.claims['set'] not in published.sets() or not (
                winner.claims['command'].startswith(_SEARCHED)):
            continue
        one = Kept(name, winner)
        try:
            if code := own_code(one.settings):
                raise ValueError(f'its command names code of its own, {code}')
            _ = one.kind, one.costs, one.aims_at({})
        except (ConfigError, AttributeError, KeyError, ValueError, TypeError,
                RecursionError, MemoryError) as error:
            raise stored.WinnerError(f'{folder / name}: no search: '
                                     f'{" ".join(str(error).split())}') from None
        found.append(one)
    for one, other in itertools.combinations(found, 2):
        if one.study and one.study == other.study:
            raise stored.WinnerError(f'{folder}: {one.name} and {other.name} are of '
                                     'one study; allowed: one of each')
    return found


def settings_of(command: str) -> Settings:
    """The settings of a command that `ours.command` made; places are left open.

    Raises:
      ConfigError, ValueError: it names none of this version.
    """
    tree: dict[str, Any] = {}
    for word in shlex.split(command):
        if not word.startswith(_CONFIG):
            continue
        path, text = word.removeprefix(_CONFIG).split('=', 1)
        *groups, name = path.split('.')
        branch = functools.reduce(lambda at, group: at.setdefault(group, {}),
                                  groups, tree)
        branch[name] = _value(text)
    return from_tree(tree)


def _value(text: str) -> Any:
    """What was written by `repr`, or text that was written as it is."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
