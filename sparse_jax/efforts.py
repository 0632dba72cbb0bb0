"""How much trouble XLA takes with a program, as options of its compiler for a CPU.

Compiling takes longer than what many programs of a search compute. The options decide
how results round, so that they may depend on nothing but what a study stores.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import NamedTuple

Effort = dict[str, str | bool]

CHEAP: Effort = {
    'xla_backend_optimization_level': '0', 'xla_cpu_use_fusion_emitters': False}
"""Compiles in a third of the time; for what runs once per training. Gradients of noisy
networks are NaN at this level (jaxlib 0.10.2)."""
PLAIN: Effort = {'xla_cpu_use_fusion_emitters': False}
"""Compiles in a half to two thirds of the time. Steps are as fast with direct
convolutions and take a quarter longer with others. At level 1 results of trainings
would depend on the cores."""
QUICK: Effort = PLAIN | {'xla_backend_optimization_level': '1',
                         'xla_disable_hlo_passes': 'cpu-parallel-task-assigner'}
"""Compiles a search by gradient in half the time of `PLAIN`, whose steps are no faster.
Large operations are not split among cores, at whose seams they would round otherwise,
at any level: several searches run at once, in threads."""
UNSPLIT: Effort = PLAIN | {'xla_disable_hlo_passes': 'tree_reduction_rewriter'}
"""Sums in one loop of vectors. XLA would first sum windows of 32 numbers, one number at
a time: plain steps with batch norm take 0.6 to 0.8 of the time without, noisy ones
lost a twentieth to the gradients of their biases."""


class Steps(NamedTuple):
    """Effort of the steps of a training, and up to which work it pays: steps times
    elements of an image, if a program trains eight candidates. Beyond it is the
    compiler's full effort."""

    effort: Effort
    most: float


STEPS: Mapping[str, Steps] = {
    'direct': Steps(UNSPLIT, math.inf), 'patches': Steps(PLAIN, 10_000),
    'native': Steps(PLAIN, 10_000)}
"""Of a form of convolutions. Others are for accelerators, with the full effort."""
FEW = 150_000
"""Elements of all validation images up to which measuring is compiled at the lowest
level: that halves compiling and takes 2 microseconds of an element in wide networks."""


class Phases(NamedTuple):
    """Efforts of the three programs of a training; None for the compiler's full one."""

    start: Effort | None
    learn: Effort | None
    finish: Effort | None


def of_training(conv: str, work: int, validated: int, *, finetunes: bool) -> Phases:
    """The compiler's efforts: the same for every training of a search, so that all of
    them round alike.

    Args:
      conv: the form of convolutions, see `ops.lowering`.
      work: steps of a training times elements of an image.
      validated: elements of all validation images.
      finetunes: whether the last program trains as well.
    """
    few = CHEAP if validated <= FEW else PLAIN
    form = 'direct' if conv.startswith('direct') else conv
    steps = STEPS.get(form)
    learn = steps.effort if steps and work <= steps.most else None
    return Phases(CHEAP, learn, None if finetunes else few)


def digest() -> str:
    """Changes with what `of_training` may give."""
    chosen = sorted((form, steps.effort) for form, steps in STEPS.items())
    limits = sorted((form, steps.most) for form, steps in STEPS.items())
    text = repr((CHEAP, PLAIN, chosen, limits, FEW))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
