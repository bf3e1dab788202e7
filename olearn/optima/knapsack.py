"""The best static set of items with sizes: fractional (exact), 0/1 (MILP), greedy.

Values v_i are the costs of all misses of item i that holding it would save; sizes s_i fill a cache of B.

* *fractional*, max <v, x>, <s, x> <= B, 0 <= x <= 1: fill by density v_i / s_i until the break item, of
  which a part fits (Dantzig). For every price q >= 0 of space B q + sum_i (v_i - q s_i)+ bounds it; with q
  the density of the break item the bound is the value. O(N log N).
* *0/1*: HiGHS on what is left after reduction: an item whose exclusion (or inclusion) would push the
  fractional bound to the greedy value or below is fixed. The reported bound is our own: the better of the
  two children of the break item, max over x_b = 0 and x_b = 1 of the fractional bound.
* *greedy*: by density, skipping what does not fit, or the most valuable single item if that is better. At
  least half of the fractional optimum: what was filled before the break item plus the break item are worth
  at least that, and the greedy value is at least the larger of the two. (Half is the right constant: the
  share 1 - 1/e belongs to coverage-like objectives, not to a knapsack against its LP.)

References
----------
.. [1] G. B. Dantzig, "Discrete-variable extremum problems", Operations Research 5(2), 1957.
.. [2] S. Martello and P. Toth, "Knapsack Problems", Wiley, 1990 (reduction, bounds by the break item).
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn.errors import check_real
from olearn.optima._inputs import check_items, check_per
from olearn.optima._optimum import Optimum, finish
from olearn.optima._solve import cvxpy, solve
from olearn.optima.static import FETCH_CHARGED, PREFILLED


def static_sized_fractional(
    items: Any,
    capacity: float,
    sizes: Any,
    costs: Any = None,
    *,
    fetch_charged: bool = False,
    catalog_size: int | None = None,
) -> Optimum:
    """The best fractions of items held for ever: at most one item is split.

    Parameters
    ----------
    items : array_like of int, shape (T,), or Trace
    capacity : float
        Space, in the unit of `sizes`.
    sizes : array_like, shape (N,)
        At least 0.
    costs : array_like, shape (T,), optional
        What a hit at each request is worth; default 1. For byte hits: ``sizes[items]``.
    fetch_charged : bool
        Whether the first request of each item is a miss.

    Returns
    -------
    Optimum
        `allocation`: float64 ndarray of shape (N,); `dual`: the price of space, see :func:`bound_at`.

    Examples
    --------
    >>> best = static_sized_fractional([0, 0, 0, 1, 1, 2], 4, sizes=[2, 4, 1])
    >>> best.value, best.allocation.tolist()
    (4.5, [1.0, 0.25, 1.0])
    """
    started = time.perf_counter()
    values, s, b = _instance(items, capacity, sizes, costs, fetch_charged, catalog_size)
    x, price, _ = dantzig(values, s, b)
    return finish(
        float(values @ x), x, bound_at(values, s, b, price), "static-sized-fractional",
        FETCH_CHARGED if fetch_charged else PREFILLED, "sorting", started, dual=price,
    )  # fmt: skip


def static_sized(
    items: Any,
    capacity: float,
    sizes: Any,
    costs: Any = None,
    *,
    fetch_charged: bool = False,
    catalog_size: int | None = None,
    time_limit: float | None = None,
) -> Optimum:
    """The best set of whole items held for ever: a 0/1 knapsack by HiGHS.

    Parameters as for :func:`static_sized_fractional`.

    Returns
    -------
    Optimum
        `allocation`: ids of the set. `upper_bound` is recomputed (see the module); HiGHS's own claim is in
        the status.

    Examples
    --------
    >>> best = static_sized([0, 0, 0, 1, 1, 2], 4, sizes=[2, 4, 1])
    >>> best.value, best.allocation.tolist()
    (4.0, [0, 2])
    """
    started = time.perf_counter()
    values, s, b = _instance(items, capacity, sizes, costs, fetch_charged, catalog_size)
    chosen = greedy_set(values, s, b)
    x, price, split = dantzig(values, s, b)
    limit = bound_at(values, s, b, price)
    whole = bool((values == np.round(values)).all())
    upper = branch_bound(values, s, b, price, split)
    upper = min(upper, limit)
    if whole:
        upper = float(np.floor(upper + 1e-9 * max(1.0, upper)))
    value = float(values[chosen].sum())
    status = None
    solver = "greedy, proved by the bound"
    if value < upper:
        chosen = _core(values, s, b, x, price, limit, value, whole, chosen, time_limit)
        value = float(values[chosen].sum())
        solver = "HiGHS (MILP)"
        if value < upper:
            status = "optimal according to HiGHS; the gap is to olearn's own bound"
    convention = FETCH_CHARGED if fetch_charged else PREFILLED
    return finish(value, np.sort(chosen), upper, "static-sized", convention, solver, started, status=status)


def static_sized_greedy(
    items: Any,
    capacity: float,
    sizes: Any,
    costs: Any = None,
    *,
    fetch_charged: bool = False,
    catalog_size: int | None = None,
) -> Optimum:
    """The greedy set: at least half of the fractional optimum, in O(N log N).

    Examples
    --------
    >>> static_sized_greedy([0, 0, 0, 1, 1, 2], 4, sizes=[2, 4, 1]).value
    4.0
    """
    started = time.perf_counter()
    values, s, b = _instance(items, capacity, sizes, costs, fetch_charged, catalog_size)
    chosen = greedy_set(values, s, b)
    _, price, _ = dantzig(values, s, b)
    convention = FETCH_CHARGED if fetch_charged else PREFILLED
    return finish(
        float(values[chosen].sum()), np.sort(chosen), bound_at(values, s, b, price), "static-sized-greedy",
        convention, "sorting", started, dual=price,
    )  # fmt: skip


def dantzig(values: np.ndarray, sizes: np.ndarray, capacity: float) -> tuple[np.ndarray, float, int]:
    """The fractional optimum, the price of space, and the break item (-1 if everything fits)."""
    order = _by_density(values, sizes)
    filled = np.cumsum(sizes[order])
    whole = int(np.searchsorted(filled, capacity, side="right"))
    x = np.zeros(values.size)
    x[order[:whole]] = 1.0
    if whole == values.size:
        return x, 0.0, -1
    split = int(order[whole])
    x[split] = (capacity - (filled[whole - 1] if whole else 0.0)) / sizes[split]
    return x, float(values[split] / sizes[split]), split


def _by_density(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Ids by value per size, items without size first."""
    density = np.full(values.size, np.inf)
    np.divide(values, sizes, out=density, where=sizes > 0.0)
    return np.argsort(-density, kind="stable")


def bound_at(values: np.ndarray, sizes: np.ndarray, capacity: float, price: float) -> float:
    """The dual bound B q + sum (v - q s)+ at the price q >= 0."""
    return capacity * price + float(np.maximum(values - price * sizes, 0.0).sum())


def branch_bound(values: np.ndarray, sizes: np.ndarray, capacity: float, price: float, split: int) -> float:
    """A bound on whole sets: the break item is in or out, each branch at its own best price."""
    if split < 0:
        return bound_at(values, sizes, capacity, price)
    rest = np.ones(values.size, np.bool_)
    rest[split] = False
    v, s = values[rest], sizes[rest]
    without = bound_at(v, s, capacity, dantzig(v, s, capacity)[1])
    room = capacity - sizes[split]
    if room < 0.0:
        return without
    return max(without, float(values[split]) + bound_at(v, s, room, dantzig(v, s, room)[1]))


def greedy_set(values: np.ndarray, sizes: np.ndarray, capacity: float) -> np.ndarray:
    """Ids by density while they fit (smaller ones later on), or the best single item."""
    order = _by_density(values, sizes)
    filled = np.cumsum(sizes[order])
    whole = int(np.searchsorted(filled, capacity, side="right"))
    chosen = list(order[:whole])
    room = capacity - (float(filled[whole - 1]) if whole else 0.0)
    rest = order[whole:]
    rest = rest[(sizes[rest] <= room) & (values[rest] > 0.0)]
    while rest.size:  # each round takes an item; what no longer fits is dropped at once
        chosen.append(rest[0])
        room -= sizes[rest[0]]
        rest = rest[1:][sizes[rest[1:]] <= room]
    single = int(np.argmax(np.where(sizes <= capacity, values, -1.0)))
    if sizes[single] <= capacity and values[single] > values[chosen].sum():
        chosen = [single]
    ids = np.array(chosen, dtype=np.int64)
    return ids[values[ids] > 0.0]


def _core(
    values: np.ndarray,
    sizes: np.ndarray,
    capacity: float,
    x: np.ndarray,
    price: float,
    limit: float,
    reached: float,
    whole: bool,
    fallback: np.ndarray,
    time_limit: float | None,
) -> np.ndarray:
    """HiGHS on the items that the bound does not fix; the greedy set if nothing better exists."""
    step = 1.0 if whole else 0.0
    lost = np.abs(values - price * sizes)  # what the bound loses if the item goes the other way
    free = limit - lost >= reached + step - 1e-9 * max(1.0, limit)
    fixed = (x >= 1.0) & ~free
    room = capacity - float(sizes[fixed].sum())
    ids = np.flatnonzero(free & (sizes <= room))
    if ids.size == 0:
        return fallback
    cp = cvxpy()
    z = cp.Variable(ids.size, boolean=True)
    scale = max(float(sizes[ids].mean()), 1e-300)
    weight = values[ids] / (float(values[ids].max()) or 1.0)
    problem = cp.Problem(cp.Maximize(weight @ z), [(sizes[ids] / scale) @ z <= room / scale])
    solve(problem, "static-sized", time_limit=time_limit, whole=True)
    chosen = np.concatenate([np.flatnonzero(fixed), ids[np.asarray(z.value) > 0.5]])
    feasible = float(sizes[chosen].sum()) <= capacity * (1.0 + 1e-12)
    return chosen if feasible and values[chosen].sum() > reached else fallback


def _instance(
    items: Any, capacity: float, sizes: Any, costs: Any, fetch_charged: bool, catalog_size: int | None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Values by item, with those that do not fit worth nothing."""
    ids, n = check_items(items, catalog_size)
    b = check_real("capacity", capacity, 0.0, open_low=True)
    s = check_per("sizes", sizes, n)
    cost = np.ones(ids.size) if costs is None else check_per("costs", costs, ids.size)
    if fetch_charged:
        cost = cost.copy()
        cost[np.unique(ids, return_index=True)[1]] = 0.0
    values = np.bincount(ids, weights=cost, minlength=n)
    values[s > b] = 0.0
    return values, s, b
