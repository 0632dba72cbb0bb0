"""Which process of how many this is, as the environment says.

Launchers of processes leave it in variables: Slurm's srun, the pods of TPUs, Open MPI's
mpirun, torchrun and its like. The first of `FORMS` whose variables are there counts.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

Environment = Mapping[str, str]

TPU_PORT = 8476
LAST_PORT, PORTS = 65535, 2**12
"""Ports of jobs, as `jax.distributed` chooses them for Slurm."""


class HostsError(RuntimeError):
    """The hosts cannot work together; the message is one line."""


class Hosts(NamedTuple):
    """The processes of one search."""

    coordinator: str
    """ADDRESS:PORT of process 0."""
    processes: int
    number: int
    """Of this one, from 0."""
    source: str
    """Whose variables said so, for the reader."""


class Form(NamedTuple):
    """Variables of one kind of launcher."""

    title: str
    needed: tuple[str, ...]
    """Where the first of them is, all must be."""
    read: Callable[[Environment], tuple[str, int, int]]
    """-> (coordinator, count, index)."""
    hint: str = ''
    """How to get what is missing."""


def find(environment: Environment) -> Hosts | None:
    """The processes of this search, None where nothing says anything.

    Raises:
      HostsError: variables are missing, or are no numbers or names.
    """
    for form in FORMS:
        if not environment.get(form.needed[0]):
            continue
        missing = [name for name in form.needed if not environment.get(name)]
        if missing:
            hint = f'; {form.hint}' if form.hint else ''
            raise HostsError(f'{form.title}: {form.needed[0]} is set and '
                             f'{", ".join(missing)} not{hint}')
        coordinator, count, index = form.read(environment)
        if not 0 <= index < count:
            raise HostsError(f'{form.title}: process {index} of {count}; allowed: 0 to '
                             f'{count - 1}')
        return Hosts(coordinator, count, index, form.title)
    return None


def first_node(nodes: str) -> str:
    """The first name of a list of Slurm's: 'gpu[07-09,12],big1' -> 'gpu07'."""
    head, bracket, rest = nodes.partition('[')
    if ',' in head or not bracket:
        return head.partition(',')[0]
    inside, _, behind = rest.partition(']')
    first = inside.partition(',')[0].partition('-')[0]
    return head + first + behind.partition(',')[0]


def _number(environment: Environment, name: str, least: int = 0) -> int:
    text = environment[name]
    # int() takes signs, spaces and underscores.
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise HostsError(f'{name}={text!r:.60} is not allowed; allowed: a number from '
                         f'{least}')
    return int(text)


def _jax(environment: Environment) -> tuple[str, int, int]:
    return (_address(environment, 'JAX_COORDINATOR_ADDRESS'),
            _number(environment, 'JAX_NUM_PROCESSES', 1),
            _number(environment, 'JAX_PROCESS_ID'))


def _address(environment: Environment, name: str) -> str:
    address, _, port = environment[name].rpartition(':')
    if not address or not port.isdigit():
        raise HostsError(f'{name}={environment[name]!r:.60} is not allowed; allowed: '
                         'ADDRESS:PORT of process 0')
    return environment[name]


def _common(environment: Environment) -> tuple[str, int, int]:
    port = _number(environment, 'MASTER_PORT', 1)
    return (f'{environment["MASTER_ADDR"]}:{port}',
            _number(environment, 'WORLD_SIZE', 1), _number(environment, 'RANK'))


def _slurm(environment: Environment) -> tuple[str, int, int]:
    # Two jobs on one node need two ports.
    port = LAST_PORT - PORTS + 1 + _number(environment, 'SLURM_JOB_ID') % PORTS
    count = ('SLURM_STEP_NUM_TASKS' if environment.get('SLURM_STEP_NUM_TASKS')
             else 'SLURM_NTASKS')
    return (f'{first_node(environment["SLURM_STEP_NODELIST"])}:{port}',
            _number(environment, count, 1), _number(environment, 'SLURM_PROCID'))


def _tpu(environment: Environment) -> tuple[str, int, int]:
    hosts = [name.strip() for name in environment['TPU_WORKER_HOSTNAMES'].split(',')]
    if not all(hosts):
        raise HostsError(f'TPU_WORKER_HOSTNAMES={",".join(hosts)!r:.60} is not '
                         'allowed; allowed: names with commas')
    return f'{hosts[0]}:{TPU_PORT}', len(hosts), _number(environment, 'TPU_WORKER_ID')


def _mpi(environment: Environment) -> tuple[str, int, int]:
    port = _number(environment, 'MASTER_PORT', 1)
    return (f'{environment["MASTER_ADDR"]}:{port}',
            _number(environment, 'OMPI_COMM_WORLD_SIZE', 1),
            _number(environment, 'OMPI_COMM_WORLD_RANK'))


FORMS = (
    Form('variables of JAX',
         ('JAX_NUM_PROCESSES', 'JAX_PROCESS_ID', 'JAX_COORDINATOR_ADDRESS'), _jax),
    Form('RANK and WORLD_SIZE', ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'),
         _common),
    Form('TPU pod', ('TPU_WORKER_ID', 'TPU_WORKER_HOSTNAMES'), _tpu),
    Form('Open MPI', ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'MASTER_ADDR',
                      'MASTER_PORT'), _mpi,
         'mpirun -x MASTER_ADDR=HOST -x MASTER_PORT=PORT hands them on'),
    Form('Slurm', ('SLURM_PROCID', 'SLURM_JOB_ID', 'SLURM_NTASKS',
                   'SLURM_STEP_NODELIST'), _slurm,
         'srun starts processes with all of them'),
)
"""The most explicit first: mpirun and torchrun run inside of Slurm's jobs too."""


def names() -> str:
    """All variables that would do, for the reader."""
    return '; '.join(', '.join(form.needed) for form in FORMS)
