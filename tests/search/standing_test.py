"""A standing kept up to date equals one of all networks at once."""

import numpy as np
import pytest

from sparse_jax.objectives.goals import front_of, hypervolume_of
from sparse_jax.search import finals
from sparse_jax.search.standing import Standing
from tests import tiny_study


def _networks(aims, seed):
    """40 trials of few different figures, many of them equal, with two cuts each."""
    study = tiny_study.finished()
    records = tiny_study.Study(study.workdir, create=False)
    base = next(row for row in records.networks() if row.ok)
    records.close()
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(40):
        for offset in (None, -1.0, 1.0):
            error, size, memory = draw.integers(1, 5, 3)
            costs = base.costs._replace(
                model_size=int(100 * size), working_memory=int(100 * memory))
            rows.append(base._replace(
                trial=base.trial._replace(number=number), offset=offset,
                error=float(error) / 10, costs=costs))
    return rows


@pytest.mark.parametrize('seed', range(5))
def test_networks_in_any_groups_give_the_front_of_all(seed):
    aims = tiny_study.finished().setup.objectives
    rows = _networks(aims, seed)
    standing = Standing(aims, rows[:30], best=5)
    numbers = np.random.default_rng(seed).permutation(np.arange(10, 40))
    for group in np.array_split(numbers, 6):
        standing.add([row for row in rows if row.trial.number in set(group)])
    whole = sorted(rows, key=lambda row: row.offset is not None)
    assert [r.name for r in standing.front] == [r.name for r in front_of(whole, aims)]
    assert standing.hypervolume == hypervolume_of(rows, aims)
    assert standing.done == 40
    assert [r.name for r in standing.best] == [
        r.name for r in finals.best(whole, aims)[:5]]
