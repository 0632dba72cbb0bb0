"""Programs: one per skeleton, counted; compiled once however often asked for."""

import jax

from sparse_jax.model.skeleton import split
from sparse_jax.search.programs import make_mesh
from sparse_jax.space import encoding
from tests import tiny_study


def _parts(built):
    row = tiny_study.base_row(built.space)
    return split(encoding.graph(built.space, row), encoding.decode(built.space, row),
                 built.evaluator.policy)


def test_one_program_serves_all_candidates_of_a_skeleton():
    finished = tiny_study.finished()
    built = finished.setup
    skeleton, candidate = _parts(built)
    assert finished.uses == {skeleton: tiny_study.BATCH * tiny_study.ROUNDS}
    program = built.programs.get(skeleton, candidate)
    assert built.programs.get(skeleton, candidate) is program
    assert built.programs.is_ready(skeleton)
    assert built.programs.seconds() == program.seconds > 0


def test_a_mesh_has_the_devices_asked_for():
    assert make_mesh().devices.size == jax.local_device_count() == 2
    assert make_mesh(1).devices.size == 1
