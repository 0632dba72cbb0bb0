"""What benchmarks.promises breaks is there: it would stop at a text that moved."""

import pathlib

import pytest

from benchmarks import promises

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.mark.parametrize('entry', promises.BREAKS, ids=lambda entry: entry.promise)
def test_the_text_that_keeps_a_promise_is_there_once(entry):
    assert (ROOT / entry.path).read_text().count(entry.kept) == 1
    assert entry.broken != entry.kept and (ROOT / entry.test).is_file()
