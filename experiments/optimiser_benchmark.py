"""Search algorithms side by side: hypervolume after equal evaluations.

    python -m experiments.optimiser_benchmark --problems zdt1 --algorithms ehvi sparse

Every optimiser starts from the same 2 (D + 1) Sobol points of a seed and then gets
`--rounds` batches of `--batch` points. Prints the median hypervolume over the seeds
with its range, and the median seconds per batch, by the clock and of processor time
(which other work on the machine disturbs less). BoTorch and Optuna are compared where
they are installed (requirements-bench.txt).
"""

import time

import numpy as np
from scipy.stats import qmc

from experiments.optimiser_peers import PEERS
from experiments.optimiser_problems import PROBLEMS
from experiments.paper import command
from sparse_jax.objectives import pareto


def _own_maker(name):
    """Our algorithm behind the interface suggest(seed, x, y) -> [batch, D]."""

    def maker(problem, batch, num_initial):
        import jax

        from sparse_jax.search import algorithms, archive
        from sparse_jax.search.cube import cube_domain
        from sparse_jax.types import Evaluation, Problem

        algorithm = algorithms.ALGORITHMS[name](
            cube_domain(problem.dim), Problem(problem.bounds, problem.reference),
            batch=batch, rules=algorithms.Rules(num_initial=num_initial))

        def suggest(seed, x, y):
            found = archive.append(
                archive.empty(problem.dim, y.shape[1]), x,
                Evaluation(y, np.zeros(len(y), int)))
            return algorithm.suggest(
                jax.random.fold_in(jax.random.key(seed), len(x)), found)[0]

        return suggest

    return maker


OWN = ('ehvi', 'qnparego', 'sparse', 'sparse_ucb', 'aging_evolution', 'nsga2',
       'random')


def run(problem, maker, *, seed, rounds, batch):
    """One optimiser on one problem -> (hypervolume [rounds + 1], seconds [rounds, 2]
    by the clock and of the processor)."""
    num_initial = 2 * (problem.dim + 1)
    sobol = qmc.Sobol(problem.dim, rng=np.random.default_rng(seed))
    x = sobol.random_base2(int(np.ceil(np.log2(num_initial))))[:num_initial]
    y = problem.function(x)
    suggest = maker(problem, batch, num_initial)
    volume, seconds = [pareto.hypervolume(y, problem.reference)], []
    for i in range(rounds):
        start = np.array([time.perf_counter(), time.process_time()])
        new = suggest(1000 * seed + i, x, y)
        seconds.append([time.perf_counter(), time.process_time()] - start)
        x = np.concatenate([x, new])
        y = np.concatenate([y, problem.function(new)])
        volume.append(pareto.hypervolume(y, problem.reference))
    return np.array(volume), np.array(seconds)


def row(problem_name, algorithm_name, args):
    """One line of the table."""
    problem = PROBLEMS[problem_name]
    maker = PEERS.get(algorithm_name) or _own_maker(algorithm_name)
    final, seconds = [], []
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        volume, spent = run(
            problem, maker, seed=seed, rounds=args.rounds, batch=args.batch)
        final.append(volume[-1])
        seconds.append(spent)
    digits = 1 if problem.maximum > 10 else 3
    number = lambda v: f'{v:.{digits + 1}f}'
    return (problem_name, algorithm_name, number(np.median(final)),
            f'{number(min(final))} to {number(max(final))}', number(problem.maximum),
            *(f'{v:.2f}' for v in np.median(np.concatenate(seconds), 0)))


def _parse(argv):
    parser = command.Parser(__doc__)
    parser.add_argument('--problems', nargs='+', default=list(PROBLEMS),
                        choices=list(PROBLEMS), metavar='NAME',
                        help=f'of {", ".join(PROBLEMS)}')
    known = [*OWN, *PEERS]
    parser.add_argument('--algorithms', nargs='+', default=known, choices=known,
                        metavar='NAME', help=f'of {", ".join(known)}')
    parser.add_argument('--seeds', type=int, default=5)
    parser.add_argument('--first-seed', type=int, default=0,
                        help='to add seeds to a table made earlier')
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--batch', type=int, default=4)
    return parser.parse_args(argv)


def main(argv=None):
    """Prints a Markdown table, row by row."""
    args = _parse(argv)
    header = ('problem', 'algorithm', 'hypervolume (median)', 'range', 'maximum',
              's per batch', 'cpu s per batch')
    print('| ' + ' | '.join(header) + ' |\n' + '|---' * len(header) + '|', flush=True)
    for problem in args.problems:
        for algorithm in args.algorithms:
            try:
                print('| ' + ' | '.join(row(problem, algorithm, args)) + ' |',
                      flush=True)
            except ModuleNotFoundError as error:
                print(f'| {problem} | {algorithm} | not installed: {error.name} '
                      '| | | | |', flush=True)


if __name__ == '__main__':
    main()
