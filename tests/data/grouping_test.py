"""Class groupings against tables written by hand."""

import pytest

from sparse_jax.data import DataError
from sparse_jax.data.grouping import parse

TEN = tuple('abcdefghij')


@pytest.mark.parametrize('text, expected, names', [
    ('', list(range(10)), TEN),
    ('binary', [0] * 5 + [1] * 5, ('0-4', '5-9')),
    ('0-4/5-9', [0] * 5 + [1] * 5, ('0-4', '5-9')),
    ('0,2-4,9/1/5-8', [0, 1, 0, 0, 0, 2, 2, 2, 2, 0], ('0,2-4,9', '1', '5-8')),
    ('9/0-8', [1] * 9 + [0], ('9', '0-8')),
])
def test_groupings(text, expected, names):
    table, new = parse(text, TEN)
    assert table.tolist() == expected and new == names and table.dtype == 'int32'


@pytest.mark.parametrize('num, first', [(62, 31), (2, 1), (3, 1)])
def test_binary_is_the_first_half_against_the_rest(num, first):
    table, names = parse('binary', tuple(map(str, range(num))))
    assert table.tolist() == [0] * first + [1] * (num - first) and len(names) == 2


@pytest.mark.parametrize('text, reason', [
    ('0-4/4-9', 'class 4 is listed twice'),
    ('0-4/6-9', r'classes \[5\] are in no group'),
    ('0-9', 'single group'),
    ('0-4/5-10', "'5-10' is not within 0-9"),
    ('4-0/5-9', "'4-0' is not within 0-9"),
    ('0-4/', "'' is no class or range"),
    ('even/odd', "'even' is no class or range"),
    ('0-4/5--9', "'5--9' is no class"),
    ('/', "'' is no class"),
])
def test_bad_groupings(text, reason):
    with pytest.raises(DataError, match=reason) as caught:
        parse(text, TEN)
    assert '\n' not in str(caught.value) and 'accepted' in str(caught.value)
