"""What launchers of processes leave in the environment, by hand."""

import pytest

from sparse_jax.evaluation.host_variables import HostsError, find, first_node, names

SLURM = {'SLURM_JOB_ID': '8195', 'SLURM_PROCID': '1', 'SLURM_NTASKS': '4',
         'SLURM_STEP_NODELIST': 'gpu[07-09,12],big1'}
TPU = {'TPU_WORKER_ID': '2', 'TPU_WORKER_HOSTNAMES': '10.0.0.2, 10.0.0.3,10.0.0.4'}
COMMON = {'RANK': '3', 'WORLD_SIZE': '8', 'MASTER_ADDR': 'node1',
          'MASTER_PORT': '29500'}
MPI = {'OMPI_COMM_WORLD_RANK': '0', 'OMPI_COMM_WORLD_SIZE': '2', 'MASTER_ADDR': 'a',
       'MASTER_PORT': '77'}
JAX = {'JAX_COORDINATOR_ADDRESS': 'c:1234', 'JAX_NUM_PROCESSES': '2',
       'JAX_PROCESS_ID': '1'}


@pytest.mark.parametrize('environment,expected', [
    # 65535 - 4096 + 1 + 8195 % 4096
    (SLURM, ('gpu07:61443', 4, 1, 'Slurm')),
    (SLURM | {'SLURM_STEP_NUM_TASKS': '2'}, ('gpu07:61443', 2, 1, 'Slurm')),
    (TPU, ('10.0.0.2:8476', 3, 2, 'TPU pod')),
    (COMMON, ('node1:29500', 8, 3, 'RANK and WORLD_SIZE')),
    (MPI, ('a:77', 2, 0, 'Open MPI')),
    (JAX, ('c:1234', 2, 1, 'variables of JAX')),
    (SLURM | COMMON, ('node1:29500', 8, 3, 'RANK and WORLD_SIZE')),
    (SLURM | MPI, ('a:77', 2, 0, 'Open MPI')),
])
def test_what_is_read(environment, expected):
    assert find(environment | {'HOME': '/root'}) == expected


@pytest.mark.parametrize('environment', [
    {}, {'MASTER_ADDR': 'a', 'MASTER_PORT': '1'}, {'SLURM_JOB_ID': '3'},
    COMMON | {'RANK': ''}])
def test_no_process_of_several(environment):
    assert find(environment) is None


@pytest.mark.parametrize('environment,match', [
    ({'SLURM_PROCID': '0', 'SLURM_JOB_ID': '1', 'SLURM_NTASKS': '2'},
     'Slurm: SLURM_PROCID is set and SLURM_STEP_NODELIST not; srun starts'),
    ({'RANK': '0'}, 'RANK is set and WORLD_SIZE, MASTER_ADDR, MASTER_PORT not$'),
    ({'OMPI_COMM_WORLD_RANK': '0', 'OMPI_COMM_WORLD_SIZE': '2'},
     'MASTER_ADDR, MASTER_PORT not; mpirun -x'),
    (SLURM | {'SLURM_NTASKS': 'two'}, "SLURM_NTASKS='two' is not allowed; .* from 1"),
    (SLURM | {'SLURM_NTASKS': '0'}, "SLURM_NTASKS='0'"),
    (SLURM | {'SLURM_PROCID': '4'}, 'process 4 of 4; allowed: 0 to 3'),
    (SLURM | {'SLURM_PROCID': '-1'}, "SLURM_PROCID='-1' is not allowed"),
    (TPU | {'TPU_WORKER_ID': '3'}, 'TPU pod: process 3 of 3'),
    (TPU | {'TPU_WORKER_HOSTNAMES': 'a,,b'}, "TPU_WORKER_HOSTNAMES='a,,b'"),
    (JAX | {'JAX_COORDINATOR_ADDRESS': 'c'}, "JAX_COORDINATOR_ADDRESS='c'.*PORT"),
])
def test_what_is_refused(environment, match):
    with pytest.raises(HostsError, match=match):
        find(environment)


@pytest.mark.parametrize('nodes,first', [
    ('node1', 'node1'), ('node1,node2', 'node1'), ('n[3-9]', 'n3'),
    ('n[3,5-9],m1', 'n3'), ('a,n[3-9]', 'a'), ('r1n[01-02]-ib,x', 'r1n01-ib')])
def test_the_first_node_of_a_list(nodes, first):
    assert first_node(nodes) == first


def test_all_variables_are_named():
    for name in (*SLURM, *TPU, *COMMON, *MPI, *JAX):
        assert name in names()
