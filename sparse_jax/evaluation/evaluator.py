"""From points to outcomes: the composition root of one evaluation."""

import dataclasses
from collections.abc import Callable, Iterator

import jax
import numpy as np

from sparse_jax import status
from sparse_jax.evaluation import grouping
from sparse_jax.evaluation.chip import Judge
from sparse_jax.evaluation.executor import Announce, Executor
from sparse_jax.evaluation.grouping import Member, Parents
from sparse_jax.evaluation.outcomes import outcome_of
from sparse_jax.evaluation.recipe import Recipe, Trained
from sparse_jax.model.skeleton import Skeleton, TierPolicy
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.space.sparse_space import Space
from sparse_jax.study.outcome import Outcome, Trial


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluator:
    """Screens trials, groups them by program, lets an executor train them and judges
    what comes out; every outcome depends on its trial alone.

    Attributes:
      space: that trials are points of.
      policy: how their sizes are padded.
      recipe: what a training means.
      executor: where trainings run.
      root_key: with the number of a trial, all of its randomness.
      refuses: which feasible exact graphs are not worth training.
      judge: what becomes of an outcome, measured in int8 or over a budget.
    """

    space: Space
    policy: TierPolicy
    recipe: Recipe
    executor: Executor
    root_key: jax.Array
    refuses: Callable[[Graph], bool] = lambda graph: False
    judge: Judge = lambda graph, outcome: outcome

    def refuse(self, rows: np.ndarray) -> np.ndarray:
        """[N, D] -> [N] bool: infeasible or not worth training."""
        graphs = encoding.graphs(self.space, rows)
        return np.array([grouping.screen(graph, self.refuses) != status.OK
                         for graph in graphs], bool)

    def padding(self, trials: list[Trial]) -> dict[str, float]:
        """What compiled programs cost beside the networks, see `grouping.padding`."""
        return grouping.padding(self._group(trials).groups, self.executor.slots)

    def prefetch(self, trials: list[Trial]) -> None:
        """Begin to compile what `evaluate` will be asked to train, behind what has been
        asked for; from any thread."""
        self.executor.prefetch(grouping.longest_first(self._group(trials).groups))

    def evaluate(
        self, trials: list[Trial], parents: Parents = lambda number: None,
        announce: Announce = lambda phase, members: None,
    ) -> Iterator[list[Outcome]]:
        """Train some trials.

        Args:
          trials: their numbers are all that tells their random numbers apart.
          parents: what heirs start from.
          announce: called when a phase begins.

        Yields:
          Outcomes as they come, refused trials first; every trial once.
        """
        refused, groups = self._group(trials, parents)
        if refused:
            yield refused
        groups = grouping.longest_first(groups)
        self.executor.prefetch(groups)
        yield from self.executor.run(groups, self.finish, announce)

    def finish(self, skeleton: Skeleton, member: Member, result: Trained) -> Outcome:
        """The judged outcome of a training; an `executor.Finish`."""
        outcome = outcome_of(skeleton, member, result, cuts=self.recipe.cuts)
        if outcome.status == status.NONFINITE:
            return outcome
        return self.judge(member.graph, outcome)

    def _group(
        self, trials: list[Trial], parents: Parents = lambda number: None
    ) -> grouping.Grouped:
        return grouping.group_trials(
            trials, self.space, self.policy, root_key=self.root_key,
            refuses=self.refuses, parents=parents)
