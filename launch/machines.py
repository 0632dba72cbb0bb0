"""Where trainings run: in this process, in those of several hosts, or on a Ray cluster.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from absl import flags

from launch import cli, interrupts, tables

if TYPE_CHECKING:
    from sparse_jax.evaluation.cluster import ray_executor
    from sparse_jax.evaluation.executor import ExecutorFactory
    from sparse_jax.settings.groups import Settings

AUTO = 'auto'


class Ray(NamedTuple):
    """Of a launcher that uses a Ray cluster."""

    address: flags.FlagHolder
    worker: flags.FlagHolder


class Executor(NamedTuple):
    """Of a launcher that trains."""

    kind: flags.FlagHolder
    ray: Ray


class Flags(NamedTuple):
    """Of a launcher that trains on several hosts too."""

    hosts: flags.FlagHolder
    host: flags.FlagHolder
    coordinator: flags.FlagHolder
    executor: Executor


def define(values: flags.FlagValues) -> Flags:
    """Define --hosts, --executor and what belongs to them."""
    return Flags(
        flags.DEFINE_string(
            'hosts', '1', 'Processes of one search, one per host; start each with '
            '--host and the same other flags. auto: as variables of Slurm (srun), of a '
            'TPU pod, of Open MPI or RANK and WORLD_SIZE say.', flag_values=values),
        flags.DEFINE_integer(
            'host', 0, 'Number of this process; 0 runs the search, the others '
            'assist.', 0, flag_values=values),
        flags.DEFINE_string(
            'coordinator', '', 'ADDRESS:PORT of host 0, where there are several.',
            flag_values=values),
        define_executor(values))


def define_executor(values: flags.FlagValues) -> Executor:
    """Define --executor and what belongs to it."""
    return Executor(
        flags.DEFINE_enum(
            'executor', 'local', ('local', 'ray'), 'local trains in this process; ray '
            'on the workers of a Ray cluster, which may come and go.',
            flag_values=values),
        define_ray(values))


def define_ray(values: flags.FlagValues) -> Ray:
    """Define --ray_address and --ray_worker."""
    return Ray(
        flags.DEFINE_string(
            'ray_address', '', 'HOST:PORT of the cluster, auto on one of its nodes; '
            'empty for a cluster of this machine alone.', flag_values=values),
        flags.DEFINE_string(
            'ray_worker', 'auto', 'What a worker takes of a node: cpu or gpu, with :N '
            'for N cores, as in cpu:2; else all, or an equal share for every GPU.',
            flag_values=values))


def join(given: Flags) -> None:
    """Connect the processes of a search over several hosts, before devices start."""
    if given.hosts.value == AUTO:
        return _join_as_variables_say(given)
    if not (given.hosts.value.isascii() and given.hosts.value.isdigit()
            and int(given.hosts.value) > 0):
        cli.fail(f'--hosts={given.hosts.value}: not a number of hosts; allowed: a '
                 'number from 1, auto')
    count, host = int(given.hosts.value), given.host.value
    if host >= count:
        cli.fail(f'--host={host}: no such host; allowed: 0 to {count - 1}')
    if count == 1:
        return
    _check_alone(given)
    address, _, port = given.coordinator.value.rpartition(':')
    if not (address and port.isdigit()):
        cli.fail(f'--coordinator={given.coordinator.value}: not an address; allowed: '
                 'ADDRESS:PORT of host 0')
    _connect(given.coordinator.value, count, host)


def connect(given: Executor) -> None:
    """Join the Ray cluster, if one is wanted, before devices start."""
    if given.kind.value == 'local':
        return
    import jax

    # The accelerators of this machine are for its worker.
    jax.config.update('jax_platforms', 'cpu')
    connect_ray(given.ray)


def connect_ray(given: Ray) -> None:
    """Join a Ray cluster."""
    from sparse_jax.evaluation.cluster import crew

    crew.connect(given.address.value)
    # Ray prints where a process was when it is told to end.
    interrupts.take_back()


def suited(
    given: Executor, settings: Settings
) -> tuple[Settings, ExecutorFactory]:
    """The settings as the chosen devices want them, and what makes the executor.

    Called before devices start: a cluster may have to be started first.
    """
    from sparse_jax.evaluation import hosts

    if given.kind.value == 'local':
        return settings, hosts.make_executor
    from sparse_jax.evaluation.cluster import ray_executor

    options = _options(given.ray)
    connect(given)
    settings = ray_executor.suited(settings, options)
    return settings, ray_executor.factory(settings, options)


def platform_of(given: Executor) -> str | None:
    """What the workers of a cluster train on; None for the devices of this process."""
    if given.kind.value == 'local':
        return None
    from sparse_jax.evaluation.cluster import ray_executor

    return ray_executor.platform(_options(given.ray))


def _options(given: Ray) -> ray_executor.Options:
    """Which cluster, and what a worker takes of it."""
    from sparse_jax.evaluation.cluster import ray_executor

    device, cpus = worker_of(given)
    return ray_executor.Options(given.address.value, device, cpus)


def worker_of(given: Ray) -> tuple[str, int]:
    """(device, cores) of --ray_worker."""
    text = given.worker.value
    found = re.fullmatch(r'(auto|cpu|gpu)(?::([1-9][0-9]{0,4}))?', text)
    if not found:
        cli.fail(f'--ray_worker={text}: not a worker; allowed: cpu, gpu, auto, each '
                 'with :N for N cores')
    return found[1], int(found[2] or 0)


def _join_as_variables_say(given: Flags) -> None:
    from sparse_jax.evaluation import host_variables

    if given.host.present:
        cli.fail(f'--host={given.host.value} with --hosts=auto: not allowed together; '
                 'allowed: --hosts=NUMBER')
    _check_alone(given)
    try:
        found = host_variables.find(os.environ)
    except host_variables.HostsError as error:
        cli.fail(f'--hosts=auto: {error}')
    if found is None:
        cli.fail('--hosts=auto: no variable says which process this is; allowed: '
                 f'{host_variables.names()}')
    address = given.coordinator.value or found.coordinator
    tables.line(tables.console(), f'{found.source}: host {found.number} of '
                                  f'{found.processes}, coordinator {address}')
    if found.processes > 1:
        _connect(address, found.processes, found.number)


def _check_alone(given: Flags) -> None:
    if given.executor.kind.value == 'ray':
        cli.fail(f'--executor=ray with --hosts={given.hosts.value}: not allowed '
                 'together; allowed: --hosts for the processes of one search, or '
                 '--executor=ray for the workers of a cluster')


def _connect(coordinator: str, count: int, index: int) -> None:
    from sparse_jax.evaluation import hosts

    tables.line(tables.console(), f'waiting for {count} hosts')
    hosts.join(coordinator, count, index)
