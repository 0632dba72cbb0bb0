"""A small search over the full space: few padded programs against exact ones.

python -m benchmarks.compile [--batch=8] [--rounds=2] [--epochs=2] [--exact=6]
python -m benchmarks.compile --tiers=300      skeletons and padding waste by tiers

Runs a search (digits, all of the SpArSe space) with the default tiers, then trains
the first `--exact` of its networks with one exact program each.
"""

import contextlib
import tempfile
import time

import jax
import numpy as np

from benchmarks import timing
from sparse_jax.config import default_config
from sparse_jax.model.skeleton import EXACT, TierPolicy, pad
from sparse_jax.objectives import graph_costs
from sparse_jax.search import loop, setup
from sparse_jax.search.evaluate import Trial
from sparse_jax.search.study import Row, Study
from sparse_jax.space import encoding

POLICIES = {
    'default': TierPolicy(),
    'fine': TierPolicy(tuple(2 * i for i in range(1, 51)),
                       tuple(2**i for i in range(3, 11)),
                       ((2, 2), (3, 3), (4, 4), (5, 5))),
    'coarse': TierPolicy((16, 100), (64, 1024), ((2, 5),)),
    'exact': EXACT,
}
"""For the table of tiers."""


def config(batch: int, rounds: int, epochs: int):
    """Defaults, shortened; every candidate trains from scratch."""
    tree = default_config()
    tree.update_from_flattened_dict({
        'search.batch': batch, 'search.rounds': rounds, 'search.inherit': False,
        'search.initial': batch, 'train.epochs': epochs})
    return tree


def searched(tree) -> tuple[setup.Setup, list[Row], list[dict], float]:
    """A finished search: (its objects, trials, records of rounds, seconds)."""
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        study = Study(folder)
        with contextlib.closing(study):
            built = setup.build(tree)
            loop.run(built, study)
            return (built, study.rows(), study.rounds(),
                    time.perf_counter() - begin)


def exactly(tree, rows: list[Row]) -> tuple[setup.Setup, float, float]:
    """The same networks, a program each: (objects, training seconds, seconds)."""
    with tree.unlocked():
        tree.tiers.widths, tree.tiers.units = EXACT.widths, EXACT.units
        tree.tiers.kernels = EXACT.kernels
    built = setup.build(tree)
    trials = [Trial(r.trial.number, r.trial.row, r.trial.epochs) for r in rows]
    begin = time.perf_counter()
    outcomes = [o for group in built.evaluator.evaluate(trials) for o in group]
    taken = time.perf_counter() - begin
    return built, sum(o.train_seconds for o in outcomes), taken


def trained(rows: list[Row]) -> list[Row]:
    """Rows that needed a program: not refused by their size."""
    refused = ('infeasible', 'over_budget')
    return [row for row in rows if row.status not in refused]


def measure(batch: int, rounds: int, epochs: int, exact: int) -> str:
    """The Markdown table of one search."""
    built, rows, records, wall = searched(config(batch, rounds, epochs))
    rows = trained(rows)
    total = lambda name: sum(r[name] or 0 for r in records)
    suggest = total('suggest_seconds')
    table = [_line('default tiers', len(rows), built, total('train_seconds'), wall)
             + [f'{suggest:.1f}', f'{wall / len(rows):.1f}']]
    few = rows[:exact]
    other, train, taken = exactly(config(batch, rounds, epochs), few)
    table.append(_line('one exact program each', len(few), other, train, taken)
                 + ['', f'{taken / len(few):.1f}'])
    return timing.table(
        ['programs', 'candidates', 'programs', 'per program', 'compile s', 'train s',
         'wall s', 'suggest s', 'wall s per candidate'], table)


def _line(name, candidates, built, train, wall):
    programs = len(built.programs.uses)
    return [name, candidates, programs, f'{candidates / programs:.1f}',
            f'{built.programs.seconds():.1f}', f'{train:.1f}', f'{wall:.1f}']


def tiers(count: int) -> str:
    """Distinct skeletons and padding waste of random points, by policy; no timing."""
    built = setup.build(default_config())
    rows = built.domain.sample(jax.random.key(0), count)
    rows = rows[~built.evaluator.refuse(rows)]
    graphs = encoding.graphs(built.space, rows)
    table = []
    for name, policy in POLICIES.items():
        padded = [pad(g, policy) for g in graphs]
        waste = [graph_costs.graph_totals(p.graph).macs
                 / max(1, graph_costs.graph_totals(g).macs)
                 for p, g in zip(padded, graphs)]
        table.append([name, len(graphs), len(set(padded)),
                      f'{len(graphs) / len(set(padded)):.1f}',
                      timing.spread(np.array(waste))])
    return timing.table(['tiers', 'random points', 'skeletons', 'points per skeleton',
                         'padded / true MACs'], table)


def main():
    args = timing.parser(__doc__, batch=8, rounds=2, epochs=2, exact=6,
                         tiers=0).parse_args()
    print(timing.machine())
    print(tiers(args.tiers) if args.tiers else
          measure(args.batch, args.rounds, args.epochs, args.exact))


if __name__ == '__main__':
    main()
