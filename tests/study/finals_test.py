"""Finals are ranked by the means of their starts, on tables made by hand."""

import numpy as np
import pytest

from sparse_jax.objectives.goals import Objectives
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.study import finals
from sparse_jax.study.opened import best_networks, find_network
from sparse_jax.study.outcome import FINAL, Trial
from sparse_jax.study.records import PENDING, Record

AIMS = Objectives(bounds=(0.1, 100.0, 100.0))


def row(number, error, size=50, *, first=None, round_=0, final=False, offset=None,
        status='ok'):
    """A network of a study; `first` is the first trial of its point."""
    point = np.full(2, (number if first is None else first) / 100)
    trial = Trial(number, point, 4, None, FINAL if final else 0, first)
    costs = Totals(size, size, size, size)
    return Record(trial, round_, status, {}, error, costs, costs, 1.0, offset)


SEARCHED = [row(0, 0.02), row(1, 0.05), row(2, 0.06), row(3, 0.01, size=500)]
"""Trial 0 was lucky; trial 3 is too large."""


def _starts(first, *errors, at=10, round_=1):
    return [row(at + i, error, first=first, round_=round_, final=True)
            for i, error in enumerate(errors)]


def test_the_best_mean_wins_and_gives_its_best_start():
    networks = [*SEARCHED, *_starts(0, 0.03, 0.09), *_starts(1, 0.05, 0.04, at=12),
                *_starts(2, 0.06, 0.06, at=14)]
    ranked = finals.ranking(networks, AIMS)
    assert [final.first for final in ranked] == [1, 0, 2]
    assert [final.error for final in ranked] == pytest.approx([0.045, 0.06, 0.06])
    assert [r.name for r in ranked[0].networks] == ['13', '12']
    assert finals.chosen(networks, AIMS).name == '13'


def test_a_start_counts_with_its_best_cut_within_the_bounds():
    networks = [*SEARCHED, row(10, 0.01, 500, first=0, round_=1, final=True),
                row(10, 0.07, first=0, round_=1, final=True, offset=-1.5),
                row(10, 0.04, first=0, round_=1, final=True, offset=0.37),
                row(10, 0.01, 101, first=0, round_=1, final=True, offset=2.0)]
    final, = finals.ranking(networks, AIMS)
    assert [r.name for r in final.networks] == ['10@0.37'] and final.error == 0.04
    assert finals.chosen(networks, AIMS).name == '10@0.37'


def test_networks_that_may_not_stand_for_a_training_leave_its_place():
    """Of point 0 the better cuts are too large for a row, of one start all are; means
    decide all the same."""
    networks = [*SEARCHED, *_starts(0, 0.02, 0.03), *_starts(1, 0.09, 0.03, at=12),
                row(10, 0.125, 40, first=0, round_=1, final=True, offset=0.5),
                row(12, 0.11, 40, first=1, round_=1, final=True, offset=0.5),
                row(13, 0.10, 40, first=1, round_=1, final=True, offset=0.5)]
    small = lambda row: row.costs.model_size <= 40
    ranked = finals.ranking(networks, AIMS, small)
    assert [(final.first, final.error) for final in ranked] == [
        (1, pytest.approx(0.105)), (0, 0.125)]
    assert [len(final.starts) for final in ranked] == [2, 2]
    assert finals.chosen(networks, AIMS, small).name == '13@0.5'
    assert finals.chosen(networks, AIMS).name == '10'
    # Where no final may be chosen it is one of the search.
    searched = finals.chosen(networks, AIMS, lambda row: row.trial.rung != FINAL)
    assert searched.name == '0'


def test_an_end_may_take_several_rounds():
    """Those that follow one another; what an earlier end had does not count."""
    networks = [*SEARCHED, *_starts(0, 0.01, round_=1), row(11, 0.5, round_=2),
                *_starts(1, 0.05, at=12, round_=3), *_starts(2, 0.04, at=13, round_=4)]
    assert [final.first for final in finals.ranking(networks, AIMS)] == [2, 1]


def test_networks_that_few_starts_give_come_last():
    networks = [*_starts(0, 0.01, 0.5, 0.5), *_starts(1, 0.3, 0.3, 0.3, at=13)]
    for i in (1, 2):
        networks[i] = networks[i]._replace(status='empty')
    ranked = finals.ranking(networks, AIMS)
    assert [(final.first, final.holds) for final in ranked] == [(1, True), (0, False)]
    # Half of them are enough.
    assert finals.ranking([*networks[:2], *networks[3:]], AIMS)[0].first == 0


def test_an_end_counts_once_all_of_it_has_finished():
    some = [*SEARCHED, *_starts(1, 0.05), row(11, None, first=1, round_=1, final=True,
                                             status=PENDING)]
    assert finals.ranking(some, AIMS) == []
    assert finals.chosen(some, AIMS).name == '0'


def test_without_networks_of_the_end_the_best_of_the_search_is_chosen():
    failed = [*SEARCHED, row(10, None, first=0, round_=1, final=True, status='empty')]
    final, = finals.ranking(failed, AIMS)
    assert final.error == np.inf and not final.holds
    assert finals.chosen(failed, AIMS).name == '0'
    assert finals.chosen([], AIMS) is None and finals.ranking([], AIMS) == []
    assert finals.chosen([SEARCHED[3]], AIMS) is None


def test_the_last_end_decides():
    """A search that went on has a second one."""
    networks = [*SEARCHED, *_starts(0, 0.03), row(11, 0.06, round_=2),
                *_starts(11, 0.05, at=12, round_=3)]
    assert [final.first for final in finals.ranking(networks, AIMS)] == [11]
    assert finals.chosen(networks, AIMS).name == '12'


def test_the_trainings_of_the_end_as_a_study_goes_on():
    """Two searches, each with an end, the second one of two rounds."""
    networks, told = [], []
    for more in (SEARCHED, _starts(0, 0.03, 0.04), [row(20, 0.06, round_=2)],
                 _starts(20, 0.05, at=30, round_=3), _starts(1, 0.02, at=31, round_=4),
                 [row(30, 0.01, first=20, round_=3, final=True, offset=-1.0)],
                 [row(40, 0.5, round_=5)]):
        networks = [*networks, *more]
        numbers = lambda found: [r.trial.number for r in found]
        told.append((numbers(finals.last_end(networks)),
                     numbers(finals.current_end(networks))))
    # As long as the search is at its end both say the same; one that goes on keeps
    # what the last end has decided, and its next end begins anew.
    assert told == [
        ([], []), ([10, 11], [10, 11]), ([10, 11], []), ([30], [30]),
        ([30, 31], [30, 31]), ([30, 31], [30, 31]), ([30, 31], [])]
    assert finals.last_end([]) == finals.current_end([]) == []


class _Records:
    def __init__(self, rows):
        self._rows = rows

    def networks(self):
        return self._rows


def test_best_stands_for_the_chosen_network():
    """Others follow by their own error, every point once."""
    records = _Records([*SEARCHED, *_starts(2, 0.04, 0.05)])
    assert find_network(records, 'best', AIMS).name == '10'
    assert [r.name for r in best_networks(records, 5, AIMS)] == ['10', '0', '1']
    assert [r.name for r in best_networks(_Records(SEARCHED), 2, AIMS)] == ['0', '1']
