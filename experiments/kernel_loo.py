"""Which surrogate suits the conditional space: leave-one-out density on real trials.

    python -m experiments.kernel_loo WORKDIR [WORKDIR ...]

For the recorded trials of each study prints, per objective, the mean leave-one-out log
density (of the error, of the logarithms of costs; higher is better) of the kernels that
`surrogate/embedding.py` describes, of `flat`, which takes the canonical coordinates as
they are, and of the default kernel without one of two transformations: costs as shares
of the cost before pruning, the error as its logarithm.
"""

import dataclasses
from typing import NamedTuple

import jax
import numpy as np

from experiments.paper import command
from sparse_jax.objectives.goals import objectives_of
from sparse_jax.search.algorithms.model import layout_of
from sparse_jax.search.domain import sparse_domain
from sparse_jax.search.facts import facts_of
from sparse_jax.settings import reading
from sparse_jax.study.opened import open_study
from sparse_jax.surrogate import capacity, embedding, posterior
from sparse_jax.surrogate.gp import GPConfig, gp
from sparse_jax.surrogate.threads import one_blas_thread


class Variant(NamedTuple):
    """One way to model the objectives."""

    kind: str = 'neutral'
    shares: bool = True
    log_error: bool = True


VARIANTS = {kind: Variant(kind) for kind in (*embedding.KINDS, 'flat')} | {
    'neutral, costs as they are': Variant(shares=False),
    'neutral, error as it is': Variant(log_error=False)}


def trials(workdir):
    """(names, domain, x [N, D], y [N, K], scale [N, K]) of a study's good trials."""
    study = open_study(workdir)
    space, aims = study.space, study.objectives
    rows = [row for row in study.records.rows() if row.ok]
    domain = sparse_domain(space, reading.tier_policy(study.settings))
    x = np.array([row.trial.row for row in rows])
    prunes = study.settings.pruning.method != 'none'
    scale = facts_of(space, aims, x, prunes=prunes).scale
    return (aims.names, domain, x,
            np.array([objectives_of(row, aims) for row in rows]), scale)


def scores(variant, domain, x, y, scale):
    """Mean leave-one-out log density of each objective, [K]."""
    flat = variant.kind == 'flat'
    layout = layout_of(domain, 'neutral' if flat else variant.kind)
    active = np.asarray(domain.activity(x), float)
    if flat:
        active = np.ones_like(active)
        layout = dataclasses.replace(layout, conditional=(False,) * domain.dim)
    size = capacity.tier(len(x))
    log = (variant.log_error,) + (True,) * (y.shape[1] - 1)
    surrogate = gp(GPConfig(layout, log, restarts=4))
    modelled = y / scale if variant.shares else y
    with one_blas_thread():
        state = surrogate.fit(
            jax.random.key(0), capacity.pad(x, size), capacity.pad(active, size),
            capacity.pad(modelled, size, np.nan), np.arange(size) < len(x))
        with jax.enable_x64(True):
            density = np.asarray(jax.jit(posterior.leave_one_out)(state))
    # From model units to the error, and to the logarithms of costs.
    density = density - np.log(np.asarray(state.warp.scale))
    if variant.log_error:
        density[0] -= np.log(np.maximum(y[:, 0], 1e-9)).mean()
    return density


def main(argv=None):
    """Prints a Markdown table: means over the studies."""
    parser = command.Parser(__doc__)
    parser.add_argument('workdir', nargs='+')
    studies = [trials(workdir) for workdir in parser.parse_args(argv).workdir]
    header = ('surrogate', *studies[0][0], 'mean')
    print('| ' + ' | '.join(header) + ' |\n' + '|---' * len(header) + '|')
    for name, variant in VARIANTS.items():
        found = np.mean([scores(variant, *study[1:]) for study in studies], 0)
        cells = [f'{v:.3f}' for v in (*found, found.mean())]
        print(f'| {name} | ' + ' | '.join(cells) + ' |', flush=True)


if __name__ == '__main__':
    main()
