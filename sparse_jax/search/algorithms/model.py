"""How a model-based algorithm models and searches."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sparse_jax.acquisition.maximize import MaximizeConfig
from sparse_jax.acquisition.propose import Propose
from sparse_jax.host_random import root_key
from sparse_jax.settings.errors import ConfigError
from sparse_jax.surrogate import capacity, installed
from sparse_jax.surrogate.base import Surrogate
from sparse_jax.surrogate.embedding import Layout
from sparse_jax.types import Domain


class Model(NamedTuple):
    """Settings of a model-based algorithm; the others read none of them."""

    log_objectives: tuple[bool, ...] | None = None
    """Objectives modelled on a logarithmic scale; None for none."""
    make: Callable[..., Surrogate] | None = None
    """(layout, log) -> Surrogate; None for the Gaussian process with its defaults."""
    layout: Layout | None = None
    """Which dimensions are discrete or conditional; None to read it off the domain."""
    propose: Propose | None = None
    """First candidates; None for draws from the prior and morphs of the front."""
    rho: float = 1.0
    """Probability that a suggestion comes from the model, else it is random."""
    maximize: MaximizeConfig = MaximizeConfig()
    tiers: tuple[int, ...] = capacity.TIERS
    """Capacities of the surrogate; one compilation each."""
    most_rows: int | None = None
    """Trials that the surrogate is fitted to, see `modelled`; None for all."""


MODEL = Model()


def layout_of(domain: Domain, kind: str = 'neutral') -> Layout:
    """The surrogate's view of a domain; which dimensions are conditional is read off
    draws from the prior."""
    always = np.all(domain.activity(domain.sample(root_key(0), 512)), axis=0)
    return Layout(
        tuple(map(int, domain.levels)), tuple(map(bool, domain.categorical)),
        tuple(not on for on in always.tolist()), kind)


def default_gp(layout: Layout, log: tuple[bool, ...]) -> Surrogate:
    """The Gaussian process with its default settings.

    Raises:
      ConfigError: gpjax is not installed.
    """
    if not installed.has_gpjax():
        raise ConfigError(f'{installed.HOW}; allowed without it: aging_evolution, '
                          'nsga2, random')
    # Importing gpjax starts the devices; several hosts must have been joined before.
    from sparse_jax.surrogate.gp import GPConfig, gp

    return gp(GPConfig(layout, log))
