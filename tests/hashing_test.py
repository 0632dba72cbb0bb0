"""Hashes that are computed once."""

import copy
import dataclasses

from sparse_jax.hashing import remembers_hash


class _Counted:
    """Counts how often it is hashed."""

    def __init__(self) -> None:
        self.times = 0

    def __hash__(self) -> int:
        self.times += 1
        return 7


@remembers_hash
@dataclasses.dataclass(frozen=True)
class _Key:
    part: object
    size: int = 1


def test_a_hash_is_computed_once_and_is_that_of_the_fields():
    part = _Counted()
    key = _Key(part)
    assert hash(key) == hash(key) == hash((part, 1))
    assert part.times == 2
    assert key == _Key(part) and {key: 3}[_Key(part)] == 3
    assert key != dataclasses.replace(key, size=2)


def test_a_copy_computes_its_own():
    part = _Counted()
    key = _Key(part)
    hash(key)
    again = copy.copy(key)
    assert again == key and part.times == 1
    hash(again)
    assert part.times == 2
