"""The best static set of a unit-size cache: prefilled, fetch-charged, with a fixed fetch cost.

A static comparator names one set of at most C items before the first request and never changes it.
Three conventions, which must not be mixed in one regret:

* *prefilled*: the set is there at the start, for free. Value: the C largest counts n_i, summed.
* *fetch-charged*: the cache starts empty and fetches an item of its set when it is first requested, so
  each held item's first request is a miss. Value: the C largest n_i - 1 (of the items requested).
  This is a policy with bypass, hence never better than Belady with bypass.
* *fixed fetch cost f*: prefilled, but each item of the set costs f: the C largest (w_i n_i - f)+.

Certificate: the linear program max <g, x> over 0 <= x <= 1, sum x <= C has for every price v >= 0 the
bound C v + sum_i (g_i - v)+. With v the C-th largest gain the bound is the value, so the gap is 0;
it is recomputed from v alone. An optimal x is a 0/1 vector, so fractions earn no more than sets.

Cost: O(T + N). Prefix curve: O(T + N), see :func:`static_prefix`.

References
----------
.. [1] G. Paschos, A. Destounis, L. Vigneri and G. Iosifidis, "Learning to cache with no regrets",
   INFOCOM 2019 (the prefilled comparator).
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn.errors import ParameterError, check_int, check_positive_int, check_real
from olearn.geometry.counting import count
from olearn.optima._inputs import check_checkpoints, check_items, check_per
from olearn.optima._optimum import Optimum, finish

PREFILLED = "prefilled: the set is in the cache at the start, for free"
FETCH_CHARGED = "fetch-charged: the cache starts empty, the first request of each held item is a miss"


def static_prefilled(
    items: Any, capacity: int, *, catalog_size: int | None = None, weights: Any = None
) -> Optimum:
    """The best set held from the start: the `capacity` largest (weighted) counts.

    Parameters
    ----------
    items : array_like of int, shape (T,), or Trace
    capacity : int
        Items the cache holds, C; more than the catalogue is allowed and means everything.
    catalog_size : int, optional
        Number of items N; default: the largest id + 1.
    weights : array_like, shape (N,), optional
        Reward of a hit, by item; default 1.

    Returns
    -------
    Optimum
        `allocation`: the ids of the set, increasing, items without a request left out; `dual`: the price v.

    Examples
    --------
    >>> best = static_prefilled([0, 1, 0, 2, 0, 1], capacity=2)
    >>> best.value, best.allocation.tolist(), best.gap
    (5.0, [0, 1], 0.0)
    """
    started = time.perf_counter()
    ids, n = check_items(items, catalog_size)
    gains = _gains(ids, n, weights)
    return _top(gains, capacity, "static", PREFILLED, started)


def static_fetch_charged(
    items: Any, capacity: int, *, catalog_size: int | None = None, weights: Any = None
) -> Optimum:
    """The best set that is fetched on first request: the `capacity` largest w_i (n_i - 1).

    Parameters and result as for :func:`static_prefilled`.

    Examples
    --------
    >>> static_fetch_charged([0, 1, 0, 2, 0, 1], capacity=2).value
    3.0
    """
    started = time.perf_counter()
    ids, n = check_items(items, catalog_size)
    counts = count(ids, n)
    w = np.ones(n) if weights is None else check_per("weights", weights, n)
    return _top(w * np.maximum(counts - 1, 0), capacity, "fetch-charged", FETCH_CHARGED, started)


def static_with_fetch_cost(
    items: Any, capacity: int, fetch_cost: float, *, catalog_size: int | None = None, weights: Any = None
) -> Optimum:
    """The best set when holding an item costs `fetch_cost` once: the largest (w_i n_i - f)+.

    With unit weights, ``fetch_cost=0`` is :func:`static_prefilled` and 1 is :func:`static_fetch_charged`.

    Examples
    --------
    >>> static_with_fetch_cost([0, 1, 0, 2, 0, 1], capacity=2, fetch_cost=1.5).value
    2.0
    """
    started = time.perf_counter()
    ids, n = check_items(items, catalog_size)
    f = check_real("fetch_cost", fetch_cost, 0.0)
    gains = np.maximum(_gains(ids, n, weights) - f, 0.0)
    return _top(
        gains, capacity, f"fetch-cost:{f:g}", f"each item of the set costs {f:g} to fetch, once", started
    )


def static_prefix(
    items: Any,
    capacity: int,
    *,
    catalog_size: int | None = None,
    checkpoints: Any = None,
    fetch_cost: int = 0,
) -> np.ndarray:
    """The static optimum of every prefix of the trace, in one pass.

    Parameters
    ----------
    items : array_like of int, shape (T,), or Trace
    capacity : int
    catalog_size : int, optional
    checkpoints : array_like of int, shape (K,), optional
        Numbers of requests at which to write the curve; default: after each request.
    fetch_cost : int
        Requests that a held item loses: 0 prefilled, 1 fetch-charged.

    Returns
    -------
    ndarray of int64, shape (K,)
        Hits of the best static set of the first ``checkpoints[k]`` requests.

    Notes
    -----
    **Prefilled, O(1) a request.** Let S be the sum of the C largest counts, v the C-th largest (0 while
    fewer than C items are counted) and G the number of counts above v, so G <= C - 1 and
    S = (sum of counts above v) + (C - G) v. Let the requested item have count n before the step.

    * n > v: it is in every optimal set; S grows by 1, v and G stay.
    * n = v: swap it in for one of the C - G >= 1 members of count v; its count is then v + 1, S grows
      by 1 and G by 1. If now G = C, all of the top C are above v, and the item that just moved has
      v + 1, so the C-th largest count is v + 1: v grows by 1 and G loses the items of count v + 1.
    * n < v: its new count is at most v, so neither the C largest values nor v and G change.

    A histogram of the counts gives "the items of count v + 1" in O(1); v grows at most T times.

    **Fetch-charged.** (n_i - f)+ grows with the requests after the f-th of each item and with those
    only, so the same recursion runs on the trace without the first f requests of each item.

    Examples
    --------
    >>> static_prefix([0, 1, 1, 2, 1, 2], capacity=1).tolist()
    [1, 1, 2, 2, 3, 3]
    >>> static_prefix([0, 1, 1, 2, 1, 2], capacity=1, fetch_cost=1).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    from olearn.optima._kernels import prefix_curve

    ids, n = check_items(items, catalog_size)
    c = check_positive_int("capacity", capacity)
    f = check_int("fetch_cost", fetch_cost, minimum=0)
    if checkpoints is None:
        points = np.arange(1, ids.size + 1, dtype=np.int64)
    else:
        points = check_checkpoints(checkpoints, ids.size)
    counts = np.full(n, -min(f, ids.size + 1), np.int32)
    levels = np.zeros(int(count(ids, n).max()) + 2, np.int32)
    out = np.empty(points.size, np.int64)
    prefix_curve(ids, counts, levels, c, f, points, out)
    return out


def static_at(
    items: Any,
    capacity: int,
    checkpoints: Any,
    *,
    catalog_size: int | None = None,
    weights: Any = None,
) -> np.ndarray:
    """The prefilled weighted static optimum at checkpoints, by partition: O(T + K N).

    For unit weights :func:`static_prefix` is faster.

    Returns
    -------
    ndarray of float64, shape (K,)

    Examples
    --------
    >>> static_at([0, 1, 1, 2, 1, 2], 1, [1, 6], weights=[5.0, 1.0, 1.0]).tolist()
    [5.0, 5.0]
    """
    ids, n = check_items(items, catalog_size)
    c = check_positive_int("capacity", capacity)
    points = check_checkpoints(checkpoints, ids.size)
    w = np.ones(n) if weights is None else check_per("weights", weights, n)
    counts = np.zeros(n)
    out = np.empty(points.size)
    start = 0
    for k, stop in enumerate(points.tolist()):
        counts += np.bincount(ids[start:stop], minlength=n)
        start = stop
        out[k] = top_sum(w * counts, c)
    return out


def top_sum(gains: np.ndarray, capacity: int) -> float:
    """Sum of the `capacity` largest entries of a non-negative vector."""
    if capacity >= gains.size:
        return float(gains.sum())
    return float(np.partition(gains, gains.size - capacity)[gains.size - capacity :].sum())


def top_set(gains: np.ndarray, capacity: int) -> tuple[np.ndarray, float]:
    """The ids of the `capacity` largest gains (ties: lowest id; zeros left out) and the price v."""
    if capacity >= gains.size:
        return np.flatnonzero(gains > 0.0), 0.0
    v = float(np.partition(gains, gains.size - capacity)[gains.size - capacity])
    keep = gains > v
    level = np.flatnonzero(gains == v) if v > 0.0 else np.empty(0, np.int64)
    keep[level[: capacity - int(keep.sum())]] = True
    return np.flatnonzero(keep), v


def price_bound(gains: np.ndarray, capacity: int, price: float) -> float:
    """The dual bound C v + sum (g - v)+ on what any x with 0 <= x <= 1, sum x <= C earns (v >= 0)."""
    if not price >= 0.0:
        raise ParameterError(f"price must be at least 0, got {price!r}")
    return capacity * price + float(np.maximum(gains - price, 0.0).sum())


def _gains(ids: np.ndarray, n: int, weights: Any) -> np.ndarray:
    counts = count(ids, n).astype(np.float64)
    return counts if weights is None else counts * check_per("weights", weights, n)


def _top(gains: np.ndarray, capacity: int, comparator: str, convention: str, started: float) -> Optimum:
    c = check_positive_int("capacity", capacity)
    chosen, price = top_set(gains, c)
    value = float(gains[chosen].sum())
    bound = price_bound(gains, c, price)
    return finish(value, chosen, bound, comparator, convention, "counting", started, dual=price)
