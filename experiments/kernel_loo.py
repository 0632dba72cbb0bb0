"""Which kernel suits the conditional space: leave-one-out log density on real trials.

    python -m experiments.kernel_loo WORKDIR [WORKDIR ...]

For the recorded trials of each study prints, per objective, the mean leave-one-out
log density (standardised, log sizes; higher is better) of the kernels that
`surrogate/embedding.py` describes, and of `flat`, which takes the canonical
coordinates as they are.
"""

import argparse
import dataclasses

import jax
import numpy as np

from launch.workdir import open_study
from sparse_jax.search import settings
from sparse_jax.search.algorithms.bayesian import layout_of
from sparse_jax.search.domain import sparse_domain
from sparse_jax.search.loop import objectives_of
from sparse_jax.surrogate import capacity, embedding, posterior
from sparse_jax.surrogate.gp import GPConfig, gp
from sparse_jax.surrogate.threads import one_blas_thread

KINDS = (*embedding.KINDS, 'flat')


def trials(workdir):
    """(domain, x [N, D], y [N, 3]) of the finished trials of a study."""
    config, _, space, records, memory = open_study(workdir)
    rows = [row for row in records.rows() if row.ok]
    domain = sparse_domain(space, settings.tier_policy(config))
    return (domain, np.array([row.trial.row for row in rows]),
            np.array([objectives_of(row, memory) for row in rows]))


def scores(kind, domain, x, y):
    """Mean leave-one-out log density of each objective, [3]."""
    layout = layout_of(domain, 'neutral' if kind == 'flat' else kind)
    active = np.asarray(domain.activity(x), float)
    if kind == 'flat':
        active = np.ones_like(active)
        layout = dataclasses.replace(layout, conditional=(False,) * domain.dim)
    size = capacity.tier(len(x))
    surrogate = gp(GPConfig(layout, (False, True, True), restarts=4))
    with one_blas_thread():
        state = surrogate.fit(
            jax.random.key(0), capacity.pad(x, size), capacity.pad(active, size),
            capacity.pad(y, size, np.nan), np.arange(size) < len(x))
        with jax.enable_x64(True):
            return np.asarray(jax.jit(posterior.leave_one_out)(state))


def main(argv=None):
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('workdir', nargs='+')
    header = ('study', 'trials', 'kernel', *settings.OBJECTIVES, 'mean')
    print('| ' + ' | '.join(header) + ' |\n' + '|---' * len(header) + '|')
    for workdir in parser.parse_args(argv).workdir:
        domain, x, y = trials(workdir)
        for kind in KINDS:
            found = scores(kind, domain, x, y)
            cells = [f'{v:.3f}' for v in (*found, found.mean())]
            print(f'| {workdir} | {len(x)} | {kind} | ' + ' | '.join(cells) + ' |',
                  flush=True)


if __name__ == '__main__':
    main()
