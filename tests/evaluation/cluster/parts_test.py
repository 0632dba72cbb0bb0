"""Which worker gets what: by hand."""

import numpy as np
import pytest

from sparse_jax.evaluation.cluster.parts import Queue
from sparse_jax.evaluation.grouping import Group, Member
from sparse_jax.study.outcome import Trial


def _group(skeleton, numbers):
    return Group(skeleton, 1, tuple(
        Member(Trial(i, np.zeros(1), 1), None, None, np.zeros(2), None)
        for i in numbers))


def _numbers(part):
    return [member.trial.number for member in part.group.members]


def _all(queue):
    found = []
    while (part := queue.take(set())) is not None:
        found.append((part.group.skeleton, _numbers(part)))
    return found


@pytest.mark.parametrize('workers,unit,sizes', [
    (1, 1, [4, 4]), (2, 1, [2, 2, 2, 2]), (8, 1, [1] * 8), (2, 4, [4, 4]),
    (1, 3, [6, 2]), (0, 1, [4, 4])])
def test_parts_of_one_group(workers, unit, sizes):
    found = _all(Queue([_group('a', range(8))], workers, unit))
    assert [len(numbers) for _, numbers in found] == sizes
    assert [n for _, numbers in found for n in numbers] == list(range(8))


def test_a_worker_keeps_to_its_programs():
    queue = Queue([_group('a', range(4)), _group('b', range(4, 8))], 2, 1)
    assert len(queue) == 4
    assert _numbers(queue.take(set())) == [0, 1]
    # Nobody has begun b, though a has waiting parts too.
    assert _numbers(queue.take(set())) == [4, 5]
    assert _numbers(queue.take({'b'})) == [6, 7]
    assert _numbers(queue.take({'b'})) == [2, 3]
    assert queue.take({'b'}) is None and not queue


def test_the_largest_rest_is_shared_first():
    queue = Queue([_group('a', range(2)), _group('b', range(2, 8))], 4, 1)
    for held in ('a', 'b'):
        assert queue.take({held}).group.skeleton == held
    assert queue.take(set()).group.skeleton == 'b'


def test_what_a_worker_compiles_ahead_is_left_to_it():
    queue = Queue([_group(name, [i]) for i, name in enumerate('abc')], 1, 1)
    assert queue.take(set()).group.skeleton == 'a'
    assert queue.ahead({'a'}).skeleton == 'b'
    assert queue.take(set()).group.skeleton == 'c'
    assert queue.ahead({'a', 'b'}) is None
    assert queue.take({'a', 'b'}).group.skeleton == 'b'
    assert queue.ahead({'a', 'b'}) is None


def test_lost_parts_come_back_first_and_then_one_by_one():
    queue = Queue([_group('a', range(6))], 1, 1)
    first = queue.take(set())
    assert _numbers(first) == [0, 1, 2]
    queue.give_back(first._replace(lost=1))
    again = queue.take(set())
    assert _numbers(again) == [0, 1, 2] and again.lost == 1
    queue.give_back(again._replace(lost=2))
    assert [n for _, n in _all(queue)] == [[0], [1], [2], [3, 4, 5]]
