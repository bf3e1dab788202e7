"""Comparators that pay for movement: a cost for each insertion, or a budget of insertions.

A sequence of sets x_1 ... x_T of at most C items, x_t chosen before request t with the whole trace known,
earns 1 for each request that is in its set and inserts |x_{t+1} minus x_t| items between requests.

* *switching cost c*: max sum_t 1[i_t in x_t] - c * insertions.
* *movement budget B*: max sum_t 1[i_t in x_t] with at most B insertions in total.

With ``prefilled=True`` the first set is free; else the cache starts empty and its items are insertions too.

**Network.** Between two requests of an item nothing is earned by it, so an optimal sequence either keeps it
throughout or has it out in between and inserts it just before the next request. C units of space flow
along the line of requests. The unit that holds the item of request t comes from the pool (an insertion) or
straight from the item's previous request (kept), earns 1 at t, and goes on to the item's next request or
back to the pool. That is a flow with integer capacities, whose matrix is totally unimodular, so the LP
with switching costs has an integral optimum, and the simplex method returns one (checked on the result).
A budget is one more row and can make the optimum fractional: then the LP is the bound and a MILP by HiGHS
the value. The bounds are weak duality with HiGHS's duals, recomputed here.

Four variables a request: exact for some 10^4 requests in seconds. With c = 0 every request can be earned.

References
----------
.. [1] M. Chrobak, H. Karloff, T. Payne and S. Vishwanathan, "New results on server problems", SIAM J.
   Discrete Mathematics 4(2), 1991 (the offline k-server problem as a minimum-cost flow).
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from olearn.errors import check_int, check_positive_int, check_real
from olearn.geometry.nextuse import next_use
from olearn.optima._inputs import check_items
from olearn.optima._optimum import Optimum, finish
from olearn.optima._solve import cvxpy, linear_bound, solve


class _Flow(NamedTuple):
    """Columns: held at request (T), kept to the next (m), from the start (n), load of others (T)."""

    equal: Any
    below: Any
    limits: np.ndarray
    high: np.ndarray
    earned: np.ndarray
    inserted: np.ndarray
    requests: int


def switching_cost(
    items: Any,
    capacity: int,
    cost: float,
    *,
    prefilled: bool = True,
    catalog_size: int | None = None,
    time_limit: float | None = None,
) -> Optimum:
    """The best sequence of sets when every insertion costs `cost` hits.

    Parameters
    ----------
    items : array_like of int, shape (T,), or Trace
    capacity : int
    cost : float
        At least 0, in hits.
    prefilled : bool
        Whether the first set is free.
    time_limit : float, optional
        Seconds for the solver.

    Returns
    -------
    Optimum
        `value` is net of the insertions; `allocation`: bool ndarray (T,), the requests that are hits.

    Examples
    --------
    >>> round(switching_cost([0, 0, 1, 1, 0, 2], 1, cost=0.5).value, 6)
    4.5
    """
    started = time.perf_counter()
    c = check_real("cost", cost, 0.0)
    flow = _flow(items, capacity, prefilled, catalog_size)
    gain = flow.earned - c * flow.inserted
    x, bound = _solve(flow, gain, None, False, "switching-cost", time_limit)
    held = np.round(x)
    if not np.allclose(x, held, atol=1e-6):
        status: str | None = "relaxation: the solver returned a fractional optimum of an integral problem"
        held = x
    else:
        status = None
    return finish(
        float(gain @ held),
        held[: flow.requests] > 0.5,
        bound,
        f"switching-cost:{c:g}",
        _start(prefilled) + f", every insertion costs {c:g}",
        "HiGHS",
        started,
        status=status,
        tolerance=1e-6,
    )


def movement_budget(
    items: Any,
    capacity: int,
    budget: int,
    *,
    prefilled: bool = True,
    catalog_size: int | None = None,
    time_limit: float | None = None,
) -> Optimum:
    """The best sequence of sets with at most `budget` insertions in total.

    Parameters and result as for :func:`switching_cost`; `value` counts hits. If the LP is fractional the
    value comes from a MILP and the bound from the LP, rounded down.

    Examples
    --------
    >>> round(movement_budget([0, 0, 1, 1, 0, 2], 1, budget=1).value, 6)
    4.0
    """
    started = time.perf_counter()
    b = check_int("budget", budget, minimum=0)
    flow = _flow(items, capacity, prefilled, catalog_size)
    x, bound = _solve(flow, flow.earned, b, False, "movement-budget", time_limit)
    bound = float(np.floor(bound + 1e-6))
    solver = "HiGHS"
    if not np.allclose(x, np.round(x), atol=1e-6):
        x, _ = _solve(flow, flow.earned, b, True, "movement-budget", time_limit)
        solver = "HiGHS (MILP)"
    held = np.round(x)
    return finish(
        float(flow.earned @ held),
        held[: flow.requests] > 0.5,
        bound,
        f"movement-budget:{b}",
        _start(prefilled) + f", at most {b} insertions",
        solver,
        started,
    )


def _start(prefilled: bool) -> str:
    return "prefilled: the first set is free" if prefilled else "starts empty: the first set is inserted too"


def _flow(items: Any, capacity: int, prefilled: bool, catalog_size: int | None) -> _Flow:
    """The network as sparse rows; see the module docstring."""
    from scipy import sparse

    ids, n = check_items(items, catalog_size)
    c = check_positive_int("capacity", capacity)
    length = ids.size
    nexts = next_use(ids, n)
    s = np.flatnonzero(nexts < length)
    e = nexts[s].astype(np.int64)
    m = s.size
    first = np.setdiff1d(np.arange(length), e) if prefilled else np.empty(0, np.int64)
    f = first.size
    kept, begun, load = length + np.arange(m), length + m + np.arange(f), length + m + f + np.arange(length)
    columns = 2 * length + m + f
    times, one = np.arange(length), np.ones
    # load_t, of the items not requested at t: load_t = load_{t-1} + kept from t-1 - kept to t - begun at t.
    later = begun[first > 0]
    equal = sparse.csc_matrix(
        (
            np.concatenate([one(length), -one(length - 1), -one(m), one(m), one(later.size), -one(later.size)]),
            (
                np.concatenate([times, times[1:], s + 1, e, first[first > 0], np.zeros(later.size, np.int64)]),
                np.concatenate([load, load[:-1], kept, kept, later, later]),
            ),
        ),
        shape=(length, columns),
    )
    # insertions >= 0: kept to t + begun at t <= held at t; kept from t <= held at t; load_t + held_t <= C
    rows_in, rows_out, rows_room = times, length + times, 2 * length + times
    below = sparse.csc_matrix(
        (
            np.concatenate([one(m), one(f), -one(length), one(m), -one(length), one(length), one(length)]),
            (
                np.concatenate([e, first, rows_in, length + s, rows_out, rows_room, rows_room]),
                np.concatenate([kept, begun, times, kept, times, load, times]),
            ),
        ),
        shape=(3 * length, columns),
    )
    limits = np.concatenate([np.zeros(2 * length), np.full(length, float(c))])
    high = np.concatenate([np.ones(length + m + f), np.full(length, float(c))])
    earned, inserted = np.zeros(columns), np.zeros(columns)
    earned[:length] = 1.0
    inserted[:length] = 1.0
    inserted[kept] = -1.0
    inserted[begun] = -1.0
    return _Flow(equal, below, limits, high, earned, inserted, length)


def _solve(
    flow: _Flow, gain: np.ndarray, budget: int | None, whole: bool, what: str, time_limit: float | None
) -> tuple[np.ndarray, float]:
    """An optimal point and, for an LP, the bound that its duals prove (NaN for a MILP)."""
    from scipy import sparse

    cp = cvxpy()
    below, limits = flow.below, flow.limits
    if budget is not None:
        below = sparse.vstack([below, sparse.csc_matrix(flow.inserted)]).tocsc()
        limits = np.append(limits, float(budget))
    bounds = [np.zeros(gain.size), flow.high]
    x = cp.Variable(gain.size, integer=True, bounds=bounds) if whole else cp.Variable(gain.size, bounds=bounds)
    balance, room = flow.equal @ x == 0, below @ x <= limits
    solve(cp.Problem(cp.Maximize(gain @ x), [balance, room]), what, time_limit=time_limit, whole=whole)
    point = np.clip(x.value, 0.0, flow.high)
    if whole:
        return point, float("nan")
    tolls = np.asarray(room.dual_value, dtype=np.float64)
    prices = np.asarray(balance.dual_value, dtype=np.float64)
    zero = np.zeros(flow.requests)
    bound = min(
        linear_bound(gain, flow.high, flow.equal, zero, sign * prices, below, limits, tolls)
        for sign in (1.0, -1.0)
    )
    return point, bound
