"""The executor of one machine: programs compile in the background, calls in threads."""

import concurrent.futures
import time
from collections.abc import Iterator, Sequence

import jax
import numpy as np

from sparse_jax import status
from sparse_jax.evaluation import batching, device_memory
from sparse_jax.evaluation.executor import Announce, Finish, Stats
from sparse_jax.evaluation.grouping import Group, Member, part
from sparse_jax.evaluation.machine import Machine
from sparse_jax.evaluation.programs import Program, Programs
from sparse_jax.evaluation.recipe import Recipe, Shared, Trained
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.study.outcome import Outcome


class OutOfMemory(Exception):
    """A part of a group did not fit a device; carries what finished before it."""

    def __init__(self, outcomes: list[Outcome]):
        super().__init__()
        self.outcomes = outcomes


class LocalExecutor:
    """Trains on the devices of this process; see `executor.Executor`.

    Whichever program exists runs next, while the others compile. A group is split into
    calls of the program's slots, and into smaller ones where a device's memory does not
    hold them.
    """

    def __init__(self, recipe: Recipe, shared: Shared, machine: Machine):
        """An `executor.ExecutorFactory`."""
        self.programs = Programs(recipe, shared, machine)

    def prefetch(self, groups: Sequence[Group]) -> None:
        """Start compiling the programs of some groups."""
        for group in groups:
            self.programs.prefetch(group.skeleton, group.members[0].candidate)

    def run(
        self, groups: Sequence[Group], finish: Finish, announce: Announce
    ) -> Iterator[list[Outcome]]:
        """Train some groups; yields the outcomes of one after another."""
        left = list(groups)
        self.prefetch(left)
        while left:
            waiting = [not self.programs.is_ready(g.skeleton) for g in left]
            group = left.pop(int(np.argmin(waiting)))
            if all(waiting):
                announce('compiling', len(group.members))
            program = self.programs.get(group.skeleton, group.members[0].candidate)
            if program is None:
                yield [_out_of_memory(member) for member in group.members]
                continue
            announce('training', len(group.members))
            yield self._run(program, group, finish)
            self.programs.count(group.skeleton, len(group.members))

    def slots(self, skeleton: Skeleton) -> int:
        """Candidates per call of a skeleton's program, as far as it is known."""
        return self.programs.slots(skeleton)

    def stats(self) -> Stats:
        """Programs that served candidates, and the seconds of their compilation."""
        return Stats(len(self.programs.uses), self.programs.seconds())

    def close(self) -> None:
        """Nothing is held but memory."""

    def train(
        self, program: Program, members: Sequence[Member], epochs: int
    ) -> list[Trained]:
        """One call of a program."""
        return self.programs.train(program, members, epochs)

    def can_retry(self, error: RuntimeError) -> bool:
        """Whether smaller calls may succeed where one failed."""
        return device_memory.ran_out(error)

    def _run(self, program: Program, group: Group, finish: Finish) -> list[Outcome]:
        """Train one group in slices of the program's slots; fewer if they are too
        many for a device's memory."""
        begin, left = time.perf_counter(), group
        outcomes: list[Outcome] = []
        while left.members:
            try:
                outcomes += self._run_parts(program, left, finish)
                break
            except OutOfMemory as error:
                outcomes += error.outcomes
                smaller = self.programs.smaller(
                    group.skeleton, group.members[0].candidate)
                if smaller is None:
                    failed = group.members[len(outcomes):][: program.slots]
                    outcomes += [_out_of_memory(member) for member in failed]
                program = smaller or program
                left = part(group, slice(len(outcomes), None))
        seconds = (time.perf_counter() - begin) / len(group.members)
        return [outcome._replace(train_seconds=seconds) for outcome in outcomes]

    def _run_parts(
        self, program: Program, group: Group, finish: Finish
    ) -> list[Outcome]:
        def run(members: Sequence[Member]) -> list[Outcome]:
            results = self.train(program, members, group.epochs)
            return [finish(group.skeleton, member, result)
                    for member, result in zip(members, results)]

        outcomes: list[Outcome] = []
        # XLA releases the interpreter: calls of one program overlap on a CPU's cores.
        pool = concurrent.futures.ThreadPoolExecutor(self.programs.machine.workers)
        futures = [pool.submit(run, members)
                   for members in batching.parts(group, program.slots)]
        try:
            for future in futures:
                outcomes += future.result()
        except jax.errors.JaxRuntimeError as error:
            if not self.can_retry(error):
                raise
            concurrent.futures.wait(futures)
            raise OutOfMemory(outcomes) from None
        finally:
            # An interrupt does not wait for the trainings that run.
            pool.shutdown(wait=False, cancel_futures=True)
        return outcomes


def _out_of_memory(member: Member) -> Outcome:
    return Outcome(member.trial, status.OUT_OF_MEMORY)
