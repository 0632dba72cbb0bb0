"""The executor of a Ray cluster: this process decides, workers train.

    options = ray_executor.Options('auto')
    settings = ray_executor.suited(settings, options)
    study = sparse_jax.run_search(
        settings, 'runs/mine', make_executor=ray_executor.factory(settings, options),
        platform=ray_executor.platform(options))

A worker owns a device and a cache of programs, gets groups of one program as host
data and sends padded host results back. Outcomes are made here, and the study is
written here alone. Workers may join and leave at any time; the group of a lost one is
trained by another. What a training gives depends on its member alone, so that a search
on machines of one kind gives the study of one machine to the byte.
"""

import concurrent.futures
import dataclasses
import functools
import os
import time
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from sparse_jax import status
from sparse_jax.evaluation.cluster import places
from sparse_jax.evaluation.cluster.crew import (
    LOOK,
    ClusterError,
    Crew,
    Hand,
    connect,
)
from sparse_jax.evaluation.cluster.identity import identity
from sparse_jax.evaluation.cluster.parts import Part, Queue
from sparse_jax.evaluation.cluster.worker import (
    CACHE,
    NUMBERS,
    Blueprint,
    Done,
    Result,
)
from sparse_jax.evaluation.executor import Announce, ExecutorFactory, Finish, Stats
from sparse_jax.evaluation.grouping import Group, Member
from sparse_jax.evaluation.machine import Machine
from sparse_jax.evaluation.recipe import Recipe, Shared
from sparse_jax.model.skeleton import Skeleton
from sparse_jax.ops.lowering import default_lowering
from sparse_jax.settings.errors import ConfigError
from sparse_jax.settings.groups import Settings
from sparse_jax.study.outcome import Outcome

MOST_LOST = 5
"""Workers that may end, their nodes living on, with one member before the search
does."""


class Options(NamedTuple):
    """Which cluster, and what a worker takes of it."""

    address: str = ''
    """HOST:PORT, 'auto' on one of its nodes, '' for this machine alone."""
    device: str = 'auto'
    """What a worker trains on: 'cpu', 'gpu', or 'auto'."""
    cpus: int = 0
    """Cores of a worker; 0 for all of its node, divided among the node's GPUs."""


def suited(settings: Settings, options: Options) -> Settings:
    """The settings with the forms of convolutions and batches that suit the workers.

    Connects to the cluster: before devices start, see `crew.connect`.

    Raises:
      ClusterError: the cluster cannot be used.
    """
    if platform(options) == 'cpu':
        return settings
    runtime, best = settings.runtime, default_lowering('gpu')
    return dataclasses.replace(settings, runtime=dataclasses.replace(
        runtime, conv=best.conv if runtime.conv == 'auto' else runtime.conv,
        mapping=best.mapping if runtime.mapping == 'auto' else runtime.mapping))


def platform(options: Options) -> str:
    """'cpu' or 'gpu': what the workers train on. Connects to the cluster.

    Raises:
      ClusterError: the cluster cannot be used.
    """
    ray, _ = connect(options.address)
    return places.device_of(ray.nodes(), options.device)


def factory(settings: Settings, options: Options) -> ExecutorFactory:
    """What makes the executor of a cluster; give it to `search.setup.build`.

    settings: of the same search.

    Raises:
      ConfigError: workers have one recipe, the search two.
    """
    if settings.pruning.at_end:
        raise ConfigError('config.pruning.at_end: True is not allowed on a cluster; '
                          'allowed: False')
    return functools.partial(RayExecutor, settings=settings, options=options)


class RayExecutor:
    """Trains on the workers of a cluster; see `executor.Executor`."""

    def __init__(self, recipe: Recipe, shared: Shared, machine: Machine, *,
                 settings: Settings, options: Options):
        """
        Raises:
          ClusterError: the cluster cannot be used.
        """
        host = lambda tree: jax.tree.map(np.asarray, tree)
        fields = recipe._asdict()
        del fields['method']
        self._at_once = machine.slots // machine.mesh.devices.size
        self._crew = Crew(
            options.address, options.device, options.cpus,
            Blueprint(
                fields, settings, host(shared.training), host(shared.validation),
                np.asarray(jax.random.key_data(shared.order_key)), machine.lowering,
                {name: getattr(jax.config, name) for name in (*NUMBERS, *CACHE)},
                self._at_once),
            identity(machine.lowering.conv))
        self._flying: dict[concurrent.futures.Future[Done], tuple[Hand, Part]] = {}
        self._slots: dict[Skeleton, int] = {}
        self._seconds: dict[Hand, float] = {}

    def prefetch(self, groups: Sequence[Group]) -> None:
        """Workers compile what they will train; nothing is known to wait for here."""

    def run(
        self, groups: Sequence[Group], finish: Finish, announce: Announce
    ) -> Iterator[list[Outcome]]:
        """Train some groups; yields the outcomes of parts of them."""
        queue = self._queue(groups)
        # Measuring in int8 takes as long as training; it runs beside this loop.
        pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count(), 'finish')
        making: set[concurrent.futures.Future[list[Outcome]]] = set()
        try:
            while queue or self._flying or making:
                self._crew.look()
                self._hand_out(queue, announce)
                _wait({*self._flying, *making, *self._crew.starting()})
                for part, done in self._landed(queue):
                    making.add(pool.submit(_outcomes, part.group, done, finish))
                for made in [future for future in making if future.done()]:
                    making.remove(made)
                    yield made.result()
        finally:
            # An interrupt does not wait for what runs.
            pool.shutdown(wait=False, cancel_futures=True)
            for hand, _ in self._flying.values():
                self._crew.stop(hand)
            self._flying = {}

    def slots(self, skeleton: Skeleton) -> int:
        """Candidates per call of a skeleton's program, as far as it is known."""
        return self._slots.get(skeleton, self._at_once)

    def stats(self) -> Stats:
        """Programs that served candidates, and the compile seconds of all workers."""
        return Stats(len(self._slots), sum(self._seconds.values()))

    def close(self) -> None:
        """End the workers and leave the cluster."""
        self._crew.close()

    def _queue(self, groups: Sequence[Group]) -> Queue:
        """The parts of some groups, by what the workers are that there are."""
        hands = self._crew.hands
        known = [hand.facts.at_once for hand in hands if hand.facts]
        return Queue(groups, len(hands), min(known, default=self._at_once))

    def _hand_out(self, queue: Queue, announce: Announce) -> None:
        """A part for every idle worker."""
        for hand in self._crew.idle():
            held = set(hand.holds)
            part = queue.take(held)
            if part is None:
                return
            group = part.group
            announce('training' if group.skeleton in held else 'compiling',
                     len(group.members))
            ahead = queue.ahead(held | {group.skeleton})
            self._flying[self._crew.send(hand, group, ahead)] = hand, part

    def _landed(self, queue: Queue) -> Iterator[tuple[Part, Done]]:
        """Parts that have been trained; those of lost workers wait again."""
        for future in [future for future in self._flying if future.done()]:
            hand, part = self._flying.pop(future)
            done = self._crew.receive(hand, future)
            if isinstance(done, Done):
                self._slots[part.group.skeleton] = done.slots
                self._seconds[hand] = done.compile_seconds
                yield part, done
                continue
            lost = part.lost + done.alone
            if lost < MOST_LOST:
                queue.give_back(part._replace(lost=lost))
            else:
                numbers = ', '.join(str(m.trial.number) for m in part.group.members)
                raise ClusterError(
                    f'{MOST_LOST} workers were lost while they trained candidate '
                    f'{numbers}; the same command tries again')


def _wait(futures: Collection[concurrent.futures.Future]) -> None:
    """Until one of them is done, or it is time to look at the cluster again."""
    if futures:
        concurrent.futures.wait(futures, LOOK, concurrent.futures.FIRST_COMPLETED)
    else:
        time.sleep(LOOK)


def _outcomes(group: Group, done: Done, finish: Finish) -> list[Outcome]:
    """The outcomes of a group, in the order of its results."""
    members = {member.trial.number: member for member in group.members}
    return [_outcome(group.skeleton, members[result.number], result, finish)
            for result in done.results]


def _outcome(
    skeleton: Skeleton, member: Member, result: Result, finish: Finish
) -> Outcome:
    if result.trained is None:
        outcome = Outcome(member.trial, status.OUT_OF_MEMORY)
    else:
        outcome = finish(skeleton, member, result.trained)
    seconds = result.seconds + outcome.measure_seconds
    return outcome._replace(train_seconds=seconds)
