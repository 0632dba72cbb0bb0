"""A random search as a competitor: what its study stands for, as a row.

It has the space, the trainings and the budgets of any search, and no model of what it
has seen: what a search adds to them is what it is ahead of this row.
"""

from sparse_jax import data
from sparse_jax.baselines import sizes
from sparse_jax.baselines.rows import Row
from sparse_jax.evaluation.predictions import accuracy_of
from sparse_jax.objectives import compact_costs
from sparse_jax.objectives.graph_costs import Totals
from sparse_jax.search.clock import durations
from sparse_jax.study import front
from sparse_jax.study.errors import StudyError
from sparse_jax.study.opened import OpenStudy

METHOD = 'random-search'
"""Name of the row."""
ALGORITHM = 'random'
"""Value of `search.algorithm`."""
MEMORY = ('working_memory', 'working_memory_weights', 'working_memory_without_image')
"""Fields of `Totals`: what a network holds at once, by each of the models."""


def check(study: OpenStudy) -> None:
    """Refuse what is no competitor.

    Raises:
      StudyError: another algorithm searched, or its accuracies are balanced.
    """
    settings, folder = study.settings, str(study.folder)
    if settings.search.algorithm != ALGORITHM:
        raise StudyError(
            f'{folder!r}: search.algorithm is {settings.search.algorithm!r}; allowed: '
            f'a study of {ALGORITHM!r}')
    if settings.objectives.balanced:
        raise StudyError(f'{folder!r}: objectives.balanced is True; allowed: False, as '
                         'for all competitors')


def row_of(study: OpenStudy) -> Row:
    """The network that a random search stands for; it meets the test images once.

    Args:
      study: whose images are there.

    Returns:
      Accuracies as the study measures them, the bytes and values of its compact
      network, and what that holds at once.

    Raises:
      StudyError: it is no competitor (`check`), or has no network within its bounds.
      DataError: the test images cannot be read.
    """
    check(study)
    member, spec = study.network(), study.data_spec
    tests = front.test_accuracies(study.records, [member], spec, accuracy_of(study))
    parts = sizes.of_network(member.net)
    published, one_byte, _ = (sizes.size(parts, rule) for rule in sizes.RULES)
    costs = compact_costs.costs(member.net)
    trained = sum(row.offset is None and row.trial.origin is None
                  for row in study.records.networks())
    seconds = sum(durations(study.records.rounds(), ends=True))
    return Row(
        METHOD, f'{spec.name} {spec.classes}'.strip(), study.dataset.num_classes,
        data.digest(study.dataset), data.split_digest(data.load_test(spec)),
        1 - (member.row.error or 0.0), tests[member.row.name], published, one_byte,
        costs.model_size, trained, round(seconds, 1), {}, asked(study),
        memory_of(costs))


def memory_of(costs: Totals) -> dict[str, int]:
    """The part of the costs that a row of a competitor keeps."""
    return {name: getattr(costs, name) for name in MEMORY}


def asked(study: OpenStudy) -> dict[str, float | int | str]:
    """What decides the row beside its data: hard budgets, where draws come from,
    minutes, network, seed."""
    found: dict[str, float | int | str] = {
        f'budgets.{name}': most for name, most in study.objectives.budgets}
    return found | {
        'memory_model': study.settings.objectives.memory_model,
        'initial_design': study.settings.search.initial_design,
        'minutes': study.settings.search.max_minutes,
        'trial': study.find().name, 'seed': study.settings.seed}
