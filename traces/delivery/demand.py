"""Demands: requests of each type in each slot, float64 of shape (slots, types).

The popularity of tasks is Zipf; every place where requests enter has the same. ``sliding`` moves the ranks:
every `period` slots the most popular task becomes the least popular. A demand from arrivals takes its
volume, slot by slot, from a real trace.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from olearn._rng import generator
from olearn.environments.delivery import Delivery
from olearn.errors import ParameterError, check_positive_int, check_real


def _rates(network: Delivery, rate: float, alpha: float, shift: int = 0) -> np.ndarray:
    """Mean requests of each type in a slot: `rate` a task on average at each entry, Zipf over tasks."""
    tasks = int(network.task.max()) + 1
    weights = np.arange(1, tasks + 1, dtype=np.float64) ** -check_real("alpha", alpha, 0.0)
    weights *= tasks / weights.sum()
    rank = (np.arange(tasks) - shift) % tasks
    asked = np.array([task for task, _ in network.types])
    entry = [(task, path[0]) for task, path in network.types]
    paths = np.array([entry.count(e) for e in entry])  # several paths from one entry share its requests
    return check_real("rate", rate, 0.0, open_low=True) * weights[rank[asked]] / paths


def poisson_demand(
    network: Delivery, slots: int = 300, rate: float = 60.0, alpha: float = 1.2, *, seed: int = 0
) -> np.ndarray:
    """Poisson requests with fixed Zipf popularity.

    Parameters
    ----------
    network : Delivery
    slots : int
    rate : float
        Requests a slot, averaged over the tasks, at each node where requests enter.
    alpha : float
        Exponent of Zipf's law over the tasks.
    seed : int

    Returns
    -------
    ndarray of float64, shape (slots, types)

    Examples
    --------
    >>> from olearn.traces.delivery import tree7
    >>> poisson_demand(tree7(), slots=2).shape
    (2, 80)
    """
    slots = check_positive_int("slots", slots)
    mean = _rates(network, rate, alpha)
    return generator(seed).poisson(mean, size=(slots, mean.size)).astype(np.float64)


def rates_demand(network: Delivery, rates: Any, slots: int = 300, *, seed: int = 0) -> np.ndarray:
    """Poisson requests at given mean rates, float64 of shape (types,), requests a slot."""
    mean = np.asarray(rates, dtype=np.float64)
    if mean.shape != (len(network.types),) or not (np.isfinite(mean) & (mean >= 0.0)).all():
        raise ParameterError(f"rates must be {len(network.types)} finite numbers of at least 0")
    size = (check_positive_int("slots", slots), mean.size)
    return generator(seed).poisson(mean, size=size).astype(np.float64)


def sliding_demand(
    network: Delivery,
    slots: int = 300,
    rate: float = 60.0,
    alpha: float = 1.2,
    period: int = 30,
    *,
    seed: int = 0,
) -> np.ndarray:
    """The same with popularity that slides: every `period` slots every task falls by one rank, cyclically."""
    slots, period = check_positive_int("slots", slots), check_positive_int("period", period)
    rows = [_rates(network, rate, alpha, shift=k) for k in range(-(-slots // period))]
    mean = np.repeat(np.array(rows), period, axis=0)[:slots]
    return generator(seed).poisson(mean).astype(np.float64)


def arrivals_demand(
    network: Delivery,
    times: Any,
    slots: int = 300,
    alpha: float = 1.2,
    *,
    seed: int = 0,
) -> np.ndarray:
    """Requests whose number in each slot follows a trace of arrival times.

    Parameters
    ----------
    network : Delivery
    times : array_like of float, shape (n,)
        Arrival times; the span from first to last is cut into `slots` equal slots.
    slots : int
    alpha : float
        Exponent of Zipf's law over the tasks; entries share the arrivals evenly.
    seed : int

    Returns
    -------
    ndarray of float64, shape (slots, types): n requests in all.
    """
    at = np.asarray(times, dtype=np.float64)
    if at.ndim != 1 or at.size == 0 or not np.isfinite(at).all():
        raise ParameterError("times must be a list of at least one finite arrival time")
    slots = check_positive_int("slots", slots)
    counts, _ = np.histogram(at, bins=slots)
    mean = _rates(network, 1.0, alpha)
    rng = generator(seed)
    return np.array([rng.multinomial(c, mean / mean.sum()) for c in counts], dtype=np.float64)
