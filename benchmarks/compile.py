"""A whole search over the full space: few padded programs against exact ones.

python -m benchmarks.compile [--candidates=208] [--batch=16] [--exact=8]
python -m benchmarks.compile --tiers=300      skeletons and padding waste by tiers

Searches MNIST-shaped images (28x28, 10 classes, made from a seed) with the default
tiers and an empty compilation cache, runs the same search again from that cache, and
trains every n-th of its networks with one exact program each and no cache. Candidates
train `--epochs` short epochs, all from fresh weights; they have at most `--macs`
products before pruning.
"""

import collections
import contextlib
import pathlib
import tempfile
import time

import jax
import numpy as np

from benchmarks import timing
from sparse_jax import default_config
from sparse_jax.data.synthetic import draw
from sparse_jax.lowered import lower
from sparse_jax.model.skeleton import EXACT, TierPolicy, pad
from sparse_jax.objectives import graph_costs
from sparse_jax.search import loop, setup
from sparse_jax.search.domain import sparse_domain
from sparse_jax.settings.reading import read
from sparse_jax.space import encoding
from sparse_jax.study.outcome import Trial
from sparse_jax.study.records import Record, Study

POLICIES = {
    'default': TierPolicy(),
    'fine': TierPolicy(tuple(2 * i for i in range(1, 51))),
    'kernel ranges': TierPolicy(kernels=((2, 3), (4, 5))),
    'wide': TierPolicy((4, 8, 16, 32, 64, 100), (16, 64, 256, 1024)),
    'wide, kernel ranges': TierPolicy(
        (4, 8, 16, 32, 64, 100), (16, 64, 256, 1024), ((2, 3), (4, 5))),
    'coarse': TierPolicy((16, 100), (64, 1024), ((2, 5),)),
    'exact': EXACT,
}
SIBLINGS = 32
"""Points that share a program, drawn for each of as many random points."""
REQUEST = '/jax/compilation_cache/compile_requests_use_cache'
HIT = '/jax/compilation_cache/cache_hits'


def mnist_shaped(folder: pathlib.Path, train: int) -> pathlib.Path:
    """An .npz of `train` training and a quarter as many validation images."""
    count = train + train // 4
    images, labels = draw(0, count, shape=(28, 28, 1), num_classes=10)
    path = folder / 'images.npz'
    np.savez(path, x_train=images, y_train=labels, x_test=images[:16],
             y_test=labels[:16])
    return path


def config(path, args, tiers: str):
    """Defaults, shortened; every candidate trains from scratch."""
    tree, policy = default_config(), POLICIES[tiers]
    tree.update_from_flattened_dict({
        'data.name': 'mnist_shaped', 'data.path': str(path),
        'data.validation_size': args.images // 4,
        'search.batch': args.batch, 'search.rounds': -(-args.candidates // args.batch),
        'search.inherit': False, 'search.initial': 2 * args.batch,
        'train.epochs': args.epochs, 'limits.max_macs': args.macs,
        'tiers.widths': policy.widths, 'tiers.units': policy.units,
        'tiers.kernels': policy.kernels})
    return tree


@contextlib.contextmanager
def cache_at(folder):
    """Caches of compiled and of lowered programs at a folder, None for none."""
    from jax.experimental.compilation_cache import compilation_cache

    compilation_cache.reset_cache()
    jax.config.update('jax_compilation_cache_dir', folder and str(folder))
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)
    jax.config.update('jax_persistent_cache_min_entry_size_bytes', 0)
    jax.clear_caches()
    lower.use(folder)
    yield
    compilation_cache.reset_cache()


def searched(tree, events: collections.Counter) -> tuple:
    """(objects, trained rows, records of rounds, seconds, XLA compilations)."""
    compiled = lambda: events[REQUEST] - events[HIT]
    begin, before = time.perf_counter(), compiled()
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.closing(Study(folder)) as study:
            built = setup.build(read(tree))
            loop.run(built, study)
            rows, rounds = trained(study.rows()), study.rounds()
    return built, rows, rounds, time.perf_counter() - begin, compiled() - before


def exactly(tree, rows: list[Record]) -> tuple[setup.Setup, float, float]:
    """The same networks, a program each: (objects, training seconds, seconds)."""
    tree.tiers.widths, tree.tiers.units = EXACT.widths, EXACT.units
    tree.tiers.kernels = EXACT.kernels
    built = setup.build(read(tree))
    trials = [Trial(r.trial.number, r.trial.row, r.trial.epochs) for r in rows]
    begin = time.perf_counter()
    outcomes = [o for group in built.evaluator.evaluate(trials) for o in group]
    taken = time.perf_counter() - begin
    return built, sum(o.train_seconds for o in outcomes), taken


def trained(rows: list[Record]) -> list[Record]:
    """Rows that needed a program: not refused before training."""
    return [row for row in rows if row.costs is not None]


def measure(args) -> str:
    """The Markdown table of one search, its repetition and the exact programs."""
    events = collections.Counter()
    jax.monitoring.register_event_listener(
        lambda event, **_: events.update([event]))
    table = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        path = mnist_shaped(folder, args.images)
        tree = config(path, args, args.policy)
        for name in ('first', 'again, from the cache'):
            with cache_at(folder / 'cache'):
                found = searched(tree, events)
            table.append(_search_line(f'{args.policy} tiers, {name}', *found))
            if name == 'first':
                rows, wall = found[1], found[3]
        few = rows[::max(1, len(rows) // args.exact)][: args.exact]
        with cache_at(None):
            built, seconds, taken = exactly(config(path, args, args.policy), few)
    each, ours = taken / len(few), wall / len(rows)
    stats = built.evaluator.executor.stats()
    table.append(['one exact program each', len(few), stats.programs, '1.0',
                  '', f'{stats.compile_seconds:.1f}', f'{seconds:.1f}', '',
                  f'{taken:.1f}', f'{each:.2f}'])
    head = ['programs', 'candidates', 'programs', 'per program', 'XLA compilations',
            'compile s', 'train s', 'suggest s', 'wall s', 'wall s per candidate']
    return (timing.table(head, table) + '\n\nExact programs cost '
            f'{each / ours:.1f} times the wall-clock of the search per candidate.')


def _search_line(name, built, rows, records, wall, compiled):
    programs = built.evaluator.executor.stats().programs
    total = lambda key: f'{sum(getattr(r, key) or 0 for r in records):.1f}'
    return [name, len(rows), programs, f'{len(rows) / programs:.1f}', compiled,
            total('compile_seconds'), total('train_seconds'), total('suggest_seconds'),
            f'{wall:.1f}', f'{wall / len(rows):.2f}']


def tiers(args) -> str:
    """What a tier policy shares and what it wastes, on random points; no timing."""
    count = args.tiers
    with tempfile.TemporaryDirectory() as folder:
        path = mnist_shaped(pathlib.Path(folder), args.images)
        built = setup.build(read(config(path, args, 'default')))
    rows = built.domain.sample(jax.random.key(0), count)
    rows = rows[~built.evaluator.refuse(rows)]
    graphs = encoding.graphs(built.space, rows)
    morphed = encoding.graphs(
        built.space, built.domain.perturb(jax.random.key(1), rows))
    table = []
    for name, policy in POLICIES.items():
        padded = [pad(g, policy) for g in graphs]
        waste = [graph_costs.graph_totals(p.graph).macs
                 / max(1, graph_costs.graph_totals(g).macs)
                 for p, g in zip(padded, graphs)]
        same = [pad(child, policy) == p for child, p in zip(morphed, padded)]
        domain, found = sparse_domain(built.space, policy), []
        for i, row in enumerate(rows[:SIBLINGS]):
            near = domain.resample(jax.random.key(i), row, SIBLINGS)
            found.append(len(set(encoding.graphs(built.space, near))))
        table.append([name, len(graphs), len(set(padded)), f'{np.mean(same):.0%}',
                      timing.spread(np.array(found), digits=0),
                      timing.spread(np.array(waste))])
    return timing.table(
        ['tiers', 'random points', 'skeletons', 'morphs in the same program',
         f'networks among {SIBLINGS} siblings', 'padded / true MACs'], table)


def main():
    args = timing.parser(
        __doc__, candidates=208, batch=16, epochs=1, images=512, macs=20_000_000,
        exact=8, policy='default', tiers=0).parse_args()
    print(timing.machine())
    print(tiers(args) if args.tiers else measure(args))


if __name__ == '__main__':
    main()
