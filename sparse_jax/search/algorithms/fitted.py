"""Surrogates fitted to an archive, and what they say of rules and of batches."""

import functools
from typing import Any, NamedTuple

import numpy as np

from sparse_jax.acquisition.admission import Admission
from sparse_jax.acquisition.budgets import capped, within_budgets
from sparse_jax.search.algorithms.model import Model, default_gp, layout_of
from sparse_jax.surrogate import capacity, feasibility
from sparse_jax.surrogate.base import Surrogate
from sparse_jax.types import Archive, Domain, PRNGKey, Problem

MANY = 128
"""Capacity up to which failures are modelled by the objectives' own programs."""


class Models(NamedTuple):
    """The surrogates of one algorithm."""

    surrogate: Surrogate
    """Of K objectives and C further costs."""
    single: Surrogate
    """Of one column."""
    objectives: int
    """K."""
    width: int
    """K + C."""
    chunk: int
    """Points solved and predicted at once."""


def models_of(domain: Domain, problem: Problem, model: Model) -> Models:
    """Further costs are modelled on a logarithmic scale."""
    make, layout = model.make or default_gp, model.layout or layout_of(domain)
    log = model.log_objectives or (False,) * problem.num_objectives
    log += (True,) * problem.num_further
    return Models(make(layout, log), make(layout, (False,)), problem.num_objectives,
                   len(log), model.maximize.children)


class Fitted(NamedTuple):
    """A fitted surrogate beside the observations that have objectives."""

    surrogate: Surrogate
    state: Any
    y: np.ndarray
    """[N, K] of all of them."""
    inside: np.ndarray
    """[P, K] of those within the hard budgets; of all where there are none."""


class Data(NamedTuple):
    """An archive at the capacity of a surrogate; N rows, those past it empty."""

    x: np.ndarray
    """[N, D]"""
    active: np.ndarray
    """[N, D]"""
    y: np.ndarray
    """[N, K + C] objectives and further costs, as multiples of their scales."""
    failed: np.ndarray
    """[N] 1 where nothing was measured."""
    mask: np.ndarray
    """[N] bool: rows that are no padding."""

    @property
    def observations(self) -> tuple[np.ndarray, ...]:
        """What a surrogate is fitted to."""
        return self.x, self.active, self.y, self.mask


def padded(
    domain: Domain, archive: Archive, scale: np.ndarray, tiers: tuple[int, ...]
) -> Data:
    """The archive at the surrogate's capacity; scale [N, K + C]."""
    size = capacity.tier(archive.size, tiers)
    active = np.asarray(domain.activity(archive.x), float)
    y = np.concatenate([archive.y, archive.further], axis=1)
    return Data(
        capacity.pad(archive.x, size), capacity.pad(active, size),
        capacity.pad(y / scale, size, np.nan),
        capacity.pad((~archive.measured).astype(float), size),
        np.arange(size) < archive.size)


def informed(
    key: PRNGKey, admission: Admission, models: Models, fitted: Fitted, data: Data,
    problem: Problem,
) -> Admission:
    """The rules with what the models know of failures and of hard budgets.

    A criterion judges a point as if it were within the budgets, and its gain is
    weighted by the probability that it is: while nothing is, as after, the search looks
    for the best inside.
    """
    # A program of its own pays off only once the data are many.
    labels, width = ((models.single, 1) if len(data.x) > MANY
                     else (models.surrogate, models.width))
    trouble = feasibility.fit(
        key, labels, data.x, data.active, data.failed, data.mask, num_objectives=width)
    trains = functools.partial(
        feasibility.probability, labels, trouble, chunk=models.chunk)
    if not problem.budgets:
        return admission._replace(feasible=trains)
    budgets, facts = np.array(problem.budgets), admission.facts

    def feasible(x: np.ndarray, active: np.ndarray) -> np.ndarray:
        inside = within_budgets(fitted.surrogate, fitted.state, x, active, facts(x),
                                budgets, chunk=models.chunk)
        return trains(x, active) * inside

    return admission._replace(
        feasible=feasible, facts=lambda x: capped(facts(x), budgets))


def expectation(
    models: Models, fitted: Fitted, admission: Admission, x: np.ndarray
) -> np.ndarray:
    """[B, K + C] what the models expect of a batch x [B, D], in the figures' own units;
    medians of those that are modelled as logarithms."""
    active = np.asarray(admission.domain.activity(x), np.float64)
    values = np.zeros((len(x), models.width))
    for start in range(0, len(x), models.chunk):
        # As many rows as budgets and failures are predicted for: one program.
        rows = np.arange(start, start + models.chunk) % len(x)
        mean = models.surrogate.predict(fitted.state, x[rows], active[rows]).mean
        values[rows] = np.asarray(models.surrogate.unwarp(fitted.state, mean)).T
    return values * admission.facts(x).scale
