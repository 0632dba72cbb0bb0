"""The executor of one machine: programs compile in the background, calls in threads."""

import concurrent.futures
import functools
import queue
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax

from sparse_jax import status
from sparse_jax.evaluation import device_memory
from sparse_jax.evaluation.calls import Call, Calls
from sparse_jax.evaluation.executor import Announce, Finish, Stats
from sparse_jax.evaluation.grouping import Group, Member
from sparse_jax.evaluation.machine import Machine
from sparse_jax.evaluation.programs import MOST_KEPT, Program, Programs
from sparse_jax.evaluation.recipe import Recipe, Shared, Trained
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.study.outcome import Outcome

News = int | list[Outcome] | BaseException | None
"""What a thread tells: that so many members begin to train, what came out, a fault, or
that it has ended."""


class _Results(NamedTuple):
    """What a call gives before the host has judged it."""

    group: Group
    results: list[Trained] | None
    """Of all members; None where memory did not suffice."""
    seconds: float
    """Of the call."""


class LocalExecutor:
    """Trains on the devices of this process; see `executor.Executor`.

    Whichever programs exist run next, as many calls at once as the machine has workers,
    of one group or of several, while other programs compile. A group is split into
    calls of the program's slots, and into smaller ones where a device's memory does not
    hold them.
    """

    def __init__(self, recipe: Recipe, shared: Shared, machine: Machine):
        """An `executor.ExecutorFactory`."""
        self.programs = Programs(recipe, shared, machine)

    def prefetch(self, groups: Sequence[Group]) -> None:
        """Start compiling the programs of some groups, in their order."""
        for group in groups[:MOST_KEPT]:
            self.programs.prefetch(group.skeleton, group.members[0].candidate)

    def run(
        self, groups: Sequence[Group], finish: Finish, announce: Announce
    ) -> Iterator[list[Outcome]]:
        """Train some groups; yields the outcomes of one call after another."""
        calls = Calls(groups, self.programs)
        news: queue.SimpleQueue[News] = queue.SimpleQueue()
        workers = self.programs.machine.workers
        # XLA releases the interpreter: calls overlap on a CPU's cores.
        pool = concurrent.futures.ThreadPoolExecutor(workers, 'train')
        for _ in range(workers):
            pool.submit(self._work, calls, finish, news)
        running = 0
        try:
            while workers:
                if not running and (waiting := calls.compiling()):
                    announce('compiling', waiting)
                told = news.get()
                if isinstance(told, BaseException):
                    raise told
                if told is None:
                    workers -= 1
                elif isinstance(told, int):
                    running += 1
                    announce('training', told)
                else:
                    running -= 1
                    if told:
                        yield told
        finally:
            # An interrupt does not wait for the trainings that run.
            calls.drop()
            pool.shutdown(wait=False, cancel_futures=True)

    def slots(self, skeleton: Skeleton) -> int:
        """Candidates per call of a skeleton's program, as far as it is known."""
        return self.programs.slots(skeleton)

    def stats(self) -> Stats:
        """Programs that served candidates, and the seconds of their compilation."""
        return Stats(len(self.programs.uses), self.programs.seconds())

    def close(self) -> None:
        """Programs that nothing waits for are not compiled any more."""
        self.programs.close()

    def train(
        self, program: Program, members: Sequence[Member], epochs: int
    ) -> list[Trained]:
        """One call of a program."""
        return self.programs.train(program, members, epochs)

    def can_retry(self, error: RuntimeError) -> bool:
        """Whether smaller calls may succeed where one failed."""
        return device_memory.ran_out(error)

    def _work(
        self, calls: Calls, finish: Finish, news: 'queue.SimpleQueue[News]'
    ) -> None:
        """Make one call after another; what happens goes to the reader's thread.

        Where one call is in flight at a time the outcomes of the last one are made
        beside it: a device need not wait for them, and no more than one call's results
        wait for their turn.
        """
        alone = self.programs.machine.workers == 1
        beside = concurrent.futures.ThreadPoolExecutor(1, 'finish') if alone else None
        last: concurrent.futures.Future[None] | None = None
        try:
            while (call := calls.take()) is not None:
                news.put(len(call.group.members))
                told = functools.partial(
                    self._tell, self._call(call, calls), finish, news)
                if beside is None:
                    told()
                    continue
                before, last = last, beside.submit(told)
                if before is not None:
                    before.result()
            if last is not None:
                last.result()
        except BaseException as error:
            calls.drop()
            if last is not None:
                # What has been trained before the fault is told.
                concurrent.futures.wait([last])
            news.put(error)
        finally:
            if beside is not None:
                beside.shutdown(wait=False, cancel_futures=True)
            news.put(None)

    def _call(self, call: Call, calls: Calls) -> _Results:
        """What a call gives; no members if it is to be done again in smaller ones."""
        (program, group), begin = call, time.perf_counter()
        if program is None:
            return _Results(group, None, 0.0)
        try:
            results = self.train(program, group.members, group.epochs)
        except jax.errors.JaxRuntimeError as error:
            if not self.can_retry(error):
                raise
            calls.again(call, self.programs.smaller(
                program, group.members[0].candidate))
            return _Results(group._replace(members=()), None, 0.0)
        return _Results(group, results, time.perf_counter() - begin)

    def _tell(
        self, found: _Results, finish: Finish, news: 'queue.SimpleQueue[News]'
    ) -> None:
        """Make the outcomes of a call, for the reader's thread."""
        (group, results, seconds), begin = found, time.perf_counter()
        if results is None:
            news.put([_out_of_memory(member) for member in group.members])
            return
        outcomes = [finish(group.skeleton, member, result)
                    for member, result in zip(group.members, results)]
        seconds = (seconds + time.perf_counter() - begin) / len(outcomes)
        self.programs.count(group.skeleton, len(outcomes))
        news.put([outcome._replace(train_seconds=seconds) for outcome in outcomes])


def _out_of_memory(member: Member) -> Outcome:
    return Outcome(member.trial, status.OUT_OF_MEMORY)
