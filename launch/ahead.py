"""What a search will take, in words, before it begins and while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparse_jax.search.forecast import Forecast
    from sparse_jax.search.setup import Setup
    from sparse_jax.settings.groups import Search
    from sparse_jax.study.record import RoundRecord


def duration(seconds: float) -> str:
    """'about 40 s', 'about 3 min', 'about 2.5 h'."""
    if seconds < 100:
        return f'about {seconds:.0f} s'
    return (f'about {seconds / 60:.0f} min' if seconds < 6000
            else f'about {seconds / 3600:.1f} h')


def time_text(seen: Forecast) -> str:
    """How long a search takes by the model, and by its clock."""
    model = 'by a rough model of CPU cores that nothing else uses'
    if seen.limit < seen.seconds:
        return (f'{duration(seen.limit)}, the clock; how many of the rounds it leaves '
                'room for is known when the first ones are measured: all would take '
                f'{duration(seen.seconds)}, {model}')
    return f'{duration(seen.seconds)} for {seen.rounds} rounds, {model}'


def measured_text(
    search: Search, rounds: Sequence[RoundRecord], seconds: float
) -> str:
    """What the finished rounds of a study took, and what is left of it."""
    from sparse_jax.search import clock

    known = clock.durations(rounds)
    return (f'measured: {len(known)} rounds took {duration(sum(known))}; '
            f'{duration(clock.seconds_left(search, rounds, seconds))} are left')


def lines(seen: Forecast, setup: Setup) -> list[str]:
    """Everything that is known of a search before it begins."""
    mebibytes = seen.memory / 2**20
    known = [f'before the first training: at most {seen.known} networks found by '
             f'gradient, {duration(seen.known_seconds)}'] if seen.known else []
    return [
        f'space: {seen.rows} rows with a choice, 10^{seen.log10_networks:.0f} '
        f'combinations for {setup.dataset.name!r} of {setup.space.input_shape}; '
        f'{100 * seen.admitted:.0f} % of random points are within limits and budgets '
        'that are known before training',
        f'work: at most {seen.candidates} trainings in {seen.rounds} rounds, at most '
        f'{seen.programs} compiled programs; an average padded network has '
        f'{seen.products:.3g} products for one image',
        *known,
        f'memory: about {mebibytes:.0f} MiB for the data and the trainings of a large '
        'network that run at once, beside the program itself',
        f'time: {time_text(seen)}']
