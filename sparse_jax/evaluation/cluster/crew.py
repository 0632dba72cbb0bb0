"""The workers of a Ray cluster: found, started, lost and replaced.

Nothing else imports Ray. What is sent is data of this search and Ray's own pickles,
between processes that trust each other; nothing of a workdir is read that way.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import logging
import os
import socket
import time
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from sparse_jax.evaluation.cluster import places
from sparse_jax.evaluation.cluster.identity import note_vectors, unlike
from sparse_jax.evaluation.cluster.places import Place
from sparse_jax.evaluation.cluster.worker import (
    Blueprint,
    Done,
    Facts,
    Surroundings,
    Worker,
)
from sparse_jax.study.record import StudyWarning

if TYPE_CHECKING:
    from sparse_jax.evaluation.grouping import Group
    from sparse_jax.model.skeleton import Skeleton

EXTRA = "pip install 'sparse_jax[ray]'"
LOOK = 2.0
"""Seconds between two looks at the nodes of the cluster."""
ANSWER = 10.0
"""Seconds to wait for a cluster to answer."""
FAILURES = 3
"""Workers that a node may lose, none of which has trained anything, before it is left
alone."""


class ClusterError(RuntimeError):
    """The cluster cannot be used; the message is one line."""


@dataclasses.dataclass(eq=False)
class Hand:
    """A worker, as the decider sees it."""

    place: Place
    index: int
    """Among the workers of its node."""
    actor: Any
    starting: concurrent.futures.Future[Facts]
    facts: Facts | None = None
    """None until it has started."""
    holds: set[Skeleton] = dataclasses.field(default_factory=set)
    """Whose programs it has."""
    busy: bool = False
    served: bool = False
    """Whether it has trained anything."""


class Lost(NamedTuple):
    """A worker ended while it trained."""

    alone: bool
    """Its node lives: what it trained may be the reason."""


class Crew:
    """Keeps a worker on every device that the cluster has, as nodes come and go."""

    def __init__(self, address: str, device: str, cpus: int, plan: Blueprint,
                 identity: dict[str, str]):
        """
        Args:
          address: of the cluster, HOST:PORT; 'auto' for the one that this machine is
            part of, '' to start one of this machine alone.
          device, cpus: what a worker takes, see `places`.
          plan: sent to every worker, once per node.
          identity: of this process; workers that differ are not used.

        Raises:
          ClusterError: no such cluster, or no node that holds a worker.
        """
        self._ray, self._joined = connect(address)
        self._device = places.device_of(self._ray.nodes(), device)
        self._cpus, self._identity = cpus, identity
        self._plan = self._ray.put(plan)
        self._failures: collections.Counter[str] = collections.Counter()
        self._left_alone = ''
        self._vectors: list[str] = []
        self._next_look = 0.0
        self.hands: list[Hand] = []
        if not self._places():
            self.close()
            raise ClusterError(no_room(self._device, cpus))
        self.look()

    def look(self) -> None:
        """Take note of nodes that came or went and of workers that have started.

        Raises:
          ClusterError: every node has been left alone, for a reason that is named.
        """
        for hand in [h for h in self.hands if not h.facts and h.starting.done()]:
            self._started(hand)
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK
        self._forget_dead_nodes()
        found = self._places()
        usable = [p for p in found if self._failures[p.node] < FAILURES]
        if found and not usable and not self.hands:
            raise ClusterError(self._left_alone)
        for place in usable:
            taken = {h.index for h in self.hands if h.place.node == place.node}
            for index in sorted(set(range(place.workers)) - taken):
                self.hands.append(self._start(place, index))

    def idle(self) -> list[Hand]:
        """Workers that wait for a part."""
        return [hand for hand in self.hands if hand.facts and not hand.busy]

    def starting(self) -> list[concurrent.futures.Future[Facts]]:
        """What ends when a worker has started."""
        return [hand.starting for hand in self.hands if not hand.facts]

    def send(
        self, hand: Hand, group: Group, ahead: Group | None
    ) -> concurrent.futures.Future[Done]:
        """Let an idle worker train a group."""
        hand.busy = True
        hand.holds |= {group.skeleton} | ({ahead.skeleton} if ahead else set())
        return hand.actor.train.remote(group, ahead).future()

    def receive(
        self, hand: Hand, future: concurrent.futures.Future[Done]
    ) -> Done | Lost:
        """What a worker made of its group; one that was lost is no worker any more.

        Raises:
          Exception: a fault of the program.
        """
        errors = self._ray.exceptions
        try:
            done = future.result()
        except errors.RayTaskError:
            raise
        except errors.RayError as error:
            self._drop(hand, error)
            alone = isinstance(error, errors.ActorDiedError)
            return Lost(alone and hand.place.node in self._alive())
        hand.busy, hand.served = False, True
        # A node that was given up stays so, whatever its other workers do.
        if self._failures[hand.place.node] < FAILURES:
            self._failures[hand.place.node] = 0
        return done

    def stop(self, hand: Hand) -> None:
        """End a worker whatever it does; another one takes its place."""
        self._remove(hand)
        self._next_look = 0.0

    def close(self) -> None:
        """End the workers and leave the cluster."""
        for hand in self.hands:
            self._ray.kill(hand.actor)
        self.hands = []
        if self._joined:
            self._ray.shutdown()

    def _alive(self) -> set[str]:
        return {node['NodeID'] for node in self._ray.nodes() if node['Alive']}

    def _forget_dead_nodes(self) -> None:
        """Give no part to workers that left with their node; the busy ones say so."""
        alive = self._alive()
        for hand in [h for h in self.hands if not h.busy]:
            if hand.place.node not in alive:
                self._remove(hand)

    def _places(self) -> list[Place]:
        return places.places(self._ray.nodes(), self._device, self._cpus)

    def _start(self, place: Place, index: int) -> Hand:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        actor = self._ray.remote(Worker).options(
            num_cpus=place.cpus, num_gpus=place.gpus, max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(place.node, soft=False),
        ).remote()
        shared = place.workers > 1 and not place.gpus
        actor.begin.remote(Surroundings(
            self._device, place.cpus if shared else 0, index))
        return Hand(place, index, actor, actor.prepare.remote(self._plan).future())

    def _started(self, hand: Hand) -> None:
        try:
            facts = hand.starting.result()
        except self._ray.exceptions.RayTaskError as error:
            text = str(error.cause).split('\n')[0]
            return self._leave_alone(hand, f'cannot start: {text:.200}')
        except self._ray.exceptions.RayError as error:
            return self._drop(hand, error)
        other = unlike(self._identity, facts.identity)
        if facts.platform != self._device:
            other = f'platform {facts.platform} (wanted {self._device})'
        if other:
            return self._leave_alone(hand, f'has another {other}')
        hand.facts = facts
        note_vectors(hand.place.host, facts.vectors, self._vectors)

    def _leave_alone(self, hand: Hand, why: str) -> None:
        """Use no worker of a node any more."""
        self._remove(hand)
        self._left_alone = f'the worker on {hand.place.host} {why}'
        if self._failures[hand.place.node] < FAILURES:
            warnings.warn(f'{self._left_alone}; it is not used', StudyWarning,
                          stacklevel=2)
        self._failures[hand.place.node] = FAILURES

    def _drop(self, hand: Hand, error: Exception) -> None:
        """Forget a worker that was lost; its place is filled at the next look."""
        self._remove(hand)
        self._next_look = 0.0
        if hand.served:
            return
        self._failures[hand.place.node] += 1
        text = ' '.join(str(error).split())
        self._left_alone = (f'workers on {hand.place.host} end before they have '
                            f'trained anything: {text:.200}')

    def _remove(self, hand: Hand) -> None:
        self.hands.remove(hand)
        # It may be there still, out of reach or of another version.
        self._ray.kill(hand.actor)


def connect(address: str) -> tuple[Any, bool]:
    """The module `ray`, connected, and whether this made the connection.

    Called before devices start: a cluster of this machine is processes that are forked.

    Raises:
      ClusterError: there is no such cluster, or no Ray.
    """
    place = _place(address)
    # It reports to its makers unless told otherwise.
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    os.environ.setdefault('RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO', '0')
    try:
        import ray
    except ImportError:
        raise ClusterError(f'Ray is not installed; {EXTRA}') from None
    if ray.is_initialized():
        return ray, False
    if place is not None:
        _check_answer(address, place)
    try:
        if address:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            ray.init(address='local', include_dashboard=False, log_to_driver=False,
                     logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        text = ' '.join(str(error).split())
        raise ClusterError(f'no Ray cluster at {address or "this machine"!r}: '
                           f'{text:.200}') from None
    return ray, True


def no_room(device: str, cpus: int) -> str:
    """What to say where no node holds a worker."""
    wanted = f'{cpus or "any"} CPU cores' + ' and a GPU' * (device == 'gpu')
    return (f'no node of the Ray cluster has {wanted}; allowed: a cluster with a node '
            'for one worker at least')


def _place(address: str) -> tuple[str, int] | None:
    """Host and port; None for a cluster that this machine is part of."""
    if address in ('', 'auto'):
        return None
    host, _, port = address.rpartition(':')
    if '/' in host or not host or not port.isdigit():
        raise ClusterError(f'{address!r} is no address of a Ray cluster; allowed: '
                           "HOST:PORT, 'auto' on one of its nodes, or nothing for this "
                           'machine alone')
    return host, int(port)


def _check_answer(address: str, place: tuple[str, int]) -> None:
    """Refuse where nobody answers; Ray itself would ask for minutes."""
    try:
        socket.create_connection(place, ANSWER).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f'no Ray cluster at {address!r}: {error}') from None
