"""The shot noise model: items are born, are asked for while they live, and are forgotten.

Items are born at the points of a Poisson process. Item m has a volume V_m (its expected number of
requests) and a mean lifespan L_m, and is requested by a Poisson process of rate
(V_m / L_m) exp(-(t - b_m) / L_m) from its birth b_m on. Volumes and lifespans are independent, Pareto
or exponential. The model captures what independent requests cannot: popularity that comes and goes.

The trace is the model conditioned on N births in [0, 1) and T requests in all. Given that, the births
are N independent uniforms, the item of each request is drawn with chance V_m / sum V, and its time is
b_m + L_m E with E standard exponential, independently; so the sample is exact and costs O(1) a
request plus a sort. The first and last few lifespans are a warm-up and a tail: few items live then.

References
----------
.. [1] S. Traverso, M. Ahmed, M. Garetto, P. Giaccone, E. Leonardi and S. Niccolini, "Temporal locality
   in today's content caching: why it matters and how to model it", ACM CCR 43(5), 2013.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._rng import generator, new_state
from olearn.errors import check_real, unknown
from olearn.traces._trace import Trace
from olearn.traces.synthetic._draw import draw
from olearn.traces.synthetic._finish import check_counts, finish

LAWS = ("pareto", "exponential")


class Shots(NamedTuple):
    """The items of one sample of the model, arrays of shape (N,), float64."""

    births: np.ndarray
    volumes: np.ndarray
    lifespans: np.ndarray


def shots(
    items: int,
    seed: int,
    volume: str = "pareto",
    volume_shape: float = 2.0,
    lifespan: float = 0.05,
    lifespan_law: str = "exponential",
    lifespan_shape: float = 2.0,
) -> Shots:
    """Births, volumes (in units of their minimum or mean) and mean lifespans of the items."""
    random = generator(seed, 3)
    births = np.sort(random.random(items))
    return Shots(
        births,
        _positive(random, items, volume, volume_shape, None),
        _positive(random, items, lifespan_law, lifespan_shape, lifespan),
    )


def _positive(
    random: np.random.Generator, count: int, law: str, shape: float, mean: float | None
) -> np.ndarray:
    """Pareto variates (minimum 1) or standard exponential ones; scaled to `mean` if there is one."""
    if law == "exponential":
        return random.standard_exponential(count) * (1.0 if mean is None else mean)
    values = (1.0 - random.random(count)) ** (-1.0 / shape)
    return values if mean is None else values * (mean * (shape - 1.0) / shape)


def shot_noise(
    requests: int,
    items: int,
    seed: int = 0,
    *,
    volume: str = "pareto",
    volume_shape: float = 2.0,
    lifespan: float = 0.05,
    lifespan_law: str = "exponential",
    lifespan_shape: float = 2.0,
    sizes: Any = None,
) -> Trace:
    """Requests of the shot noise model.

    Parameters
    ----------
    requests, items : int
        Number of requests and of births; items that nobody asks for are not part of the trace.
    seed : int
    volume : {"pareto", "exponential"}
        Law of the volumes.
    volume_shape : float
        Shape of a Pareto law of the volumes, above 0: the smaller, the more unequal.
    lifespan : float
        Mean lifespan, in units of the time in which all items are born (1).
    lifespan_law : {"exponential", "pareto"}
        Law of the lifespans.
    lifespan_shape : float
        Shape of a Pareto law of the lifespans, above 1.
    sizes : array-like of shape (items,) or str, optional
        Size of each item by key, or a law of :func:`~olearn.traces.synthetic.item_sizes`.

    Returns
    -------
    Trace
        Keys count the items by birth; `times` are increasing (float64).

    Examples
    --------
    >>> trace = shot_noise(5_000, 200, seed=3, lifespan=0.01)
    >>> len(trace), bool((trace.times[1:] >= trace.times[:-1]).all())
    (5000, True)
    """
    requests, items = check_counts(requests, items)
    for law in (volume, lifespan_law):
        if law not in LAWS:
            raise unknown("law of volumes or lifespans", law, LAWS)
    volume_shape = check_real("volume_shape", volume_shape, 0.0, open_low=True)
    lifespan = check_real("lifespan", lifespan, 0.0, open_low=True)
    lifespan_shape = check_real("lifespan_shape", lifespan_shape, 1.0, open_low=True)
    born = shots(items, seed, volume, volume_shape, lifespan, lifespan_law, lifespan_shape)
    drawn = draw(new_state(seed), born.volumes, requests)
    times = generator(seed, 4).standard_exponential(requests)
    times *= born.lifespans[drawn]
    times += born.births[drawn]
    order = np.argsort(times, kind="stable")
    return finish(drawn[order], items, sizes, seed, "shot_noise", times[order])
