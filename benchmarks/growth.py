"""What grows with a study: disk, resuming, telling, suggesting, reporting.

python -m benchmarks.growth [--trials=1000,5000] [--front=65] [--suggestions=4]
                            [--rungs=0.1,0.3,1.0]

The studies are made up: points over the digits with up to some 8,000 weights, of every
batch one of a new structure and the others its siblings, as searches propose them,
random numbers in place of trained weights, errors that fall with the size, six cuts
each. Nothing is trained. Processor seconds; the front is rebuilt from its weights as
launch.report does it, programs compiled from nothing. With `--rungs` nothing but the
decision who goes on is measured, of searches whose best go on from rung to rung.
"""

import argparse
import contextlib
import pathlib
import sqlite3
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from benchmarks import timing
from sparse_jax import default_config, ops, status
from sparse_jax.objectives import graph_costs
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.search import loop, planning, setup, thinning
from sparse_jax.search.promotions import Promotions
from sparse_jax.search.references import References
from sparse_jax.search.standing import Standing
from sparse_jax.search.thinning import Needs
from sparse_jax.settings.reading import read
from sparse_jax.space import encoding
from sparse_jax.space.architecture import Graph
from sparse_jax.study import glance
from sparse_jax.study.folder import start_study
from sparse_jax.study.opened import open_study
from sparse_jax.study.outcome import CurvePoint, Outcome, Trial, Weights
from sparse_jax.study.records import FILE, Record, Study
from sparse_jax.types import Archive

BATCH, CUTS = 8, 6
MOST_WEIGHTS = 8000
KEPT = 0.3
"""Share of the weights that a made up pruning leaves."""


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """(processor seconds of all threads, result)."""
    begin = time.process_time()
    result = call()
    return time.process_time() - begin, result


def weights_of(graph: Graph, rng: np.random.Generator) -> Weights:
    """Random weights of a graph, some of them pruned."""
    shapes, params, aux, stats, folded = graph.shapes(), {}, {}, {}, {}
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
    for node in graph.weighted_nodes:
        shape = ops.weights(node).shape(node, shapes)
        params[node.name] = {'kernel': draw(*shape)}
        aux[node.name] = {'log_sigma2': draw(*shape) * 2 - 6}
        kernel = np.where(rng.random(shape) < KEPT, params[node.name]['kernel'], 0)
        folded[node.name] = {'kernel': kernel.astype(np.float32)}
        maps = len(params[node.name]['kernel'])
        if node.batch_norm:
            params[f'{node.name}-norm'] = {'scale': draw(maps), 'shift': draw(maps)}
            stats[f'{node.name}-norm'] = {'mean': draw(maps), 'var': draw(maps)**2}
            folded[node.name]['bias'] = draw(maps)
        elif node.biased:
            params[node.name]['bias'] = folded[node.name]['bias'] = draw(maps)
    units = {name: np.ones(shape[0], bool) for name, shape in shapes.items()}
    return Weights(params, aux, stats, folded, units)


def outcome_of(trial: Trial, graph: Graph, rng: np.random.Generator) -> Outcome:
    """What might have become of a trial, at its own cut and six others."""
    whole = graph_costs.graph_totals(graph)
    shares = np.sort(rng.uniform(0.02, 0.6, CUTS + 1))
    points = []
    for share in shares:
        costs = Totals(*(max(1, int(share * value)) for value in whole))
        error = min(0.9, costs.model_size ** -0.4 * rng.lognormal(0.5, 0.4))
        points.append((float(error), costs))
    curve = [CurvePoint(float(i - CUTS // 2) or 4.0, *point)
             for i, point in enumerate(points[1:])]
    return Outcome(
        trial, status.OK, *points[0], whole, weights_of(graph, rng),
        tuple(map(float, np.float32(rng.random(40)))), 1.0, tuple(curve),
        float_error=points[0][0])


def points_like_a_search(built: setup.Setup, count: int) -> np.ndarray:
    """[count, D] points: of every batch one of a new structure, the others siblings of
    earlier ones, as searches with `search.new_groups=1` propose them."""
    few = -(-count // BATCH)
    drawn = encoding.canonical(
        built.space, built.domain.sample(jax.random.key(0), 8 * few))
    bases = [row for row, graph in zip(drawn, encoding.graphs(built.space, drawn))
             if graph.feasible()
             and graph_costs.graph_totals(graph).model_size <= MOST_WEIGHTS][:few]
    found: list[np.ndarray] = []
    for number, base in enumerate(bases):
        others = built.domain.resample(jax.random.key(number), base, 3 * BATCH)
        fine = [row for row, graph in zip(others, encoding.graphs(built.space, others))
                if graph_costs.graph_totals(graph).model_size <= 2 * MOST_WEIGHTS]
        found += [base, *fine[:BATCH - 1]]
    return np.stack(found)[:count]


def fill(built: setup.Setup, folder: str, count: int) -> None:
    """A finished search of `count` trials in a folder."""
    rng = np.random.default_rng(0)
    rows = points_like_a_search(built, count)
    graphs = encoding.graphs(built.space, rows)
    study = start_study(folder, built.settings, built.dataset, built.lowering)
    for start in range(0, len(rows), BATCH):
        trials = [Trial(number, rows[number], built.settings.train.epochs)
                  for number in range(start, min(start + BATCH, len(rows)))]
        points = [encoding.active_point(built.space, trial.row) for trial in trials]
        study.add_round(start // BATCH, 0, trials, points, {})
        study.finish_trials([outcome_of(trial, graphs[trial.number], rng)
                             for trial in trials])
        study.finish_round(start // BATCH, compile_seconds=0.0, train_seconds=0.0,
                           programs=0, hypervolume=0.0, info={})
    study.close()


def size_of(folder: str, count: int) -> str:
    """KB per trial."""
    return f'{(pathlib.Path(folder) / FILE).stat().st_size / count / 1000:.1f}'


def around(
    built: setup.Setup, folder: str, count: int, suggestions: int
) -> list[str]:
    """What a search does beside trainings; of so many suggestions."""
    def resume() -> tuple[Study, Archive, Standing, Needs]:
        study, search = Study(folder), built.settings.search
        networks = study.networks()
        standing = Standing(
            built.objectives, networks, best=thinning.kept_best(search))
        needs = Needs(search, standing, References(built.space))
        needs.add(networks)
        return study, loop.replay(built, networks), standing, needs

    resumed, (study, archive, standing, needs) = timed(resume)
    round_ = [row.trial.number for row in study.of_round(count // BATCH - 1)
              if row.offset is None]
    told, _ = timed(lambda: standing.add(study.networks(round_)))
    points = built.domain.sample(jax.random.key(1), BATCH)
    planned, _ = timed(lambda: planning.fresh_trials(
        built, points, count, count, needs.references))

    def thin() -> None:
        needs.add(study.networks(round_))
        study.drop_weights(needs.numbers(count, study.pending()))

    thin()
    dropped, _ = timed(thin)
    suggest = lambda i: built.algorithm.suggest(jax.random.key(i), archive)
    seconds = [timed(lambda i=i: suggest(i))[0] for i in range(suggestions)]
    kept = study.stored_weights()
    study.close()
    seen, _ = timed(lambda: glance.look(folder))
    return [f'{100 * len(kept) / count:.0f} %', f'{resumed:.2f}', f'{1000 * told:.1f}',
            f'{1000 * planned:.1f}', f'{1000 * dropped:.1f}', f'{seen:.2f}',
            *(f'{value:.1f}' for value in seconds[:1]),
            *([timing.spread(np.array(seconds[1:]))] if seconds[1:] else [])]


def measure(count: int, front: int, suggestions: int) -> list[str | int]:
    """A row of the table."""
    config = default_config()
    config.search.batch, config.search.rounds = BATCH, -(-count // BATCH)
    with tempfile.TemporaryDirectory() as folder:
        built = setup.build(read(config))
        fill(built, folder, count)
        whole = size_of(folder, count)
        figures = around(built, folder, count, suggestions)
        # Freed pages are used again by later trials.
        with contextlib.closing(sqlite3.connect(pathlib.Path(folder) / FILE)) as db:
            db.execute('VACUUM')
        size = size_of(folder, count)
        rows = open_study(folder)
        chosen = rows.front()[:front]
        rebuilt, _ = timed(lambda: [rows.network(row) for row in chosen])
        rows.close()
    return [count, whole, size, *figures, f'{rebuilt:.1f} ({len(chosen)})']


def networks_of(trial: Trial, rng: np.random.Generator) -> list[Record]:
    """A made up trial at its own cut and at others; longer trainings err less."""
    size, found = 10 ** rng.uniform(1.5, 3.9), []
    for offset in (None, *range(1, CUTS + 1)):
        share = rng.uniform(0.3, 1.0)
        costs = Totals(*(max(1, int(share * size)) for _ in Totals._fields))
        error = size ** -0.4 * rng.lognormal(0.5, 0.4) * 0.9 ** trial.rung / share
        found.append(Record(trial, 0, 'ok', {}, float(min(0.9, error)), costs, costs,
                            1.0, offset))
    return found


def going_on(count: int, shares: tuple[float, ...]) -> list[str | int]:
    """A row of the table of searches with rungs, timed over their last 20 rounds."""
    config = default_config()
    config.search.rungs = shares
    built, rng = setup.build(read(config)), np.random.default_rng(0)
    promotions = Promotions(built.settings.search, built.sought)
    row, number, seconds, continued = np.zeros(built.domain.dim), 0, [], 0
    while number < count:
        found, chosen = timed(promotions.next)
        trials = [Trial(number + i, row, 1) for i in range(BATCH)]
        trials += [Trial(number + BATCH + i, row, 1, before.trial.number,
                         before.trial.rung + 1, before.trial.first)
                   for i, before in enumerate(chosen)]
        records = [record for trial in trials for record in networks_of(trial, rng)]
        told, _ = timed(lambda records=records: promotions.add(records))
        seconds.append((found, told))
        number, continued = number + len(trials), continued + len(chosen)
    last = 1000 * np.array(seconds[-20:])
    return [number, f'{100 * continued / number:.0f} %', timing.spread(last[:, 0]),
            timing.spread(last[:, 1])]


def main() -> None:
    arguments: argparse.Namespace = timing.parser(
        __doc__, trials='1000,5000', front=65, suggestions=4, rungs='').parse_args()
    print(timing.machine())
    if arguments.rungs:
        shares = tuple(map(float, arguments.rungs.split(',')))
        print(timing.table(
            ['trials', 'of them promoted', 'who goes on, ms a round',
             'a round is told, ms'],
            [going_on(count, shares) for count in timing.whole(arguments.trials)]))
        return
    print(timing.table(
        ['trials', 'KB per trial, all weights', 'KB, needed ones', 'needed', 'resume s',
         'callback ms', 'parents of 8 ms', 'thinning ms', 'status s',
         *['first suggestion of 8 s', 'further ones s'][:arguments.suggestions],
         'front rebuilt s (networks)'],
        [measure(count, arguments.front, arguments.suggestions)
         for count in timing.whole(arguments.trials)]))


if __name__ == '__main__':
    main()
