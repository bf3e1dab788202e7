"""Caches whose items have sizes and costs: the interval LP, and bounds that scale.

Keeping an item from one request to its next (a reuse interval, from request s to its next use e) saves
the cost c of a miss at e and takes its size in every gap s .. e-1. The cache starts empty and may bypass:

    max sum_j c_j z_j    subject to    sum_{j covers gap t} size_j z_j <= B for every gap t,   z_j in {0, 1}.

Relaxed to 0 <= z <= 1 this is the flow-based offline optimum of [1]_. With unit sizes the matrix is an
interval matrix, totally unimodular: the LP is integral for any costs. With sizes the integer problem is
NP-hard, the LP is an upper bound.

**Flow form.** With f_j = size_j z_j in [0, size_j] and idle space y_t >= 0 carried along the line of gaps,
each gap is a node, each interval an arc from its first gap to the one after its last: a min-cost flow with
two nonzeros a column. Of a run of gaps in which intervals only start, the last has all of the load, and
where they only end, the first: those gaps are merged beforehand, without changing the problem.

**Prices.** For any prices y >= 0 of the gaps, weak duality gives

    value <= B sum_t y_t + sum_j (c_j - size_j * sum_{t in j} y_t)+ ,

for the integer problem too, since each z in [0, 1] earns at most the positive part of what is left after
paying for its space. That proves every upper bound here: for the LP, y are HiGHS's duals; for long traces
y is found by us. One price for all gaps (the best one: a fractional knapsack of space-time volume) is a
bound like the relaxation PFOO-L of [1]_; from there projected subgradient steps with Polyak's step
length lower the bound, and the best one seen is kept.

**Schedules.** A lower bound must be a schedule that fits. Intervals are kept greedily, those first whose
value is largest against the price of their space, where each gap has room (a segment tree with range
maximum: O(log T) an interval). Belady's rule by bytes is the other candidate; the better one is returned.
A schedule is checked anew against every gap before its value is reported.

References
----------
.. [1] D. S. Berger, N. Beckmann and M. Harchol-Balter, "Practical bounds on optimal caching with variable
   object sizes", POMACS 2(2), 2018 (the interval LP, its flow form, and the idea of practical bounds; the
   price bound and the greedy schedule here are derived above).
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from olearn.errors import NotSupportedError, ParameterError, check_real
from olearn.geometry.nextuse import next_use
from olearn.optima._inputs import check_items, check_per
from olearn.optima._optimum import Optimum, finish

BYTES = "bypass: the cache starts empty, items have sizes, each interval between two requests is kept or not"
#: Up to this many intervals `sized` solves the LP.
LP_LIMIT = 150_000


class Intervals(NamedTuple):
    """The reuse intervals that could be kept, over merged gaps; arrays of shape (m,)."""

    #: Request that starts the interval and the one that would be a hit.
    starts: np.ndarray
    hits: np.ndarray
    #: First merged gap, and one past the last.
    first: np.ndarray
    stop: np.ndarray
    sizes: np.ndarray
    values: np.ndarray
    #: Number of merged gaps.
    gaps: int
    requests: int
    capacity: float
    #: Hits that take no space (items of size 0), and what they are worth together.
    free_hits: np.ndarray
    free_value: float


def intervals(
    items: Any, capacity: float, sizes: Any = None, costs: Any = None, catalog_size: int | None = None
) -> Intervals:
    """The reuse intervals of items that fit, with merged gaps: O(T)."""
    ids, n = check_items(items, catalog_size)
    b = check_real("capacity", capacity, 0.0, open_low=True)
    size = np.ones(n) if sizes is None else check_per("sizes", sizes, n)
    cost = np.ones(ids.size) if costs is None else check_per("costs", costs, ids.size)
    nexts = next_use(ids, n)
    s = np.flatnonzero((nexts < ids.size) & (size[ids] <= b))
    empty = size[ids[s]] == 0.0
    free = nexts[s[empty]].astype(np.int64)
    s = s[~empty]
    e = nexts[s].astype(np.int64)
    first, stop, gaps = _merge(ids.size, s, e)
    return Intervals(s, e, first, stop, size[ids[s]], cost[e], gaps, ids.size, b, free, float(cost[free].sum()))


def _merge(requests: int, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Number the gaps that can be the fullest of their neighbourhood.

    At a request an interval may end and then one may start. A new number is due when an interval ends and
    one has started since the last number was given.
    """
    is_end = np.zeros(requests, np.bool_)
    is_start = np.zeros(requests, np.int64)
    is_end[ends] = True
    is_start[starts] = 1
    before = np.cumsum(is_start) - is_start  # intervals started before each request
    at = np.flatnonzero(is_end)
    number = np.zeros(requests, np.int64)
    number[at] = np.diff(before[at], prepend=0) > 0
    number = np.cumsum(number)
    return number[starts], number[ends], int(number[-1]) + 1 if requests else 0


def interval_lp(
    items: Any,
    capacity: float,
    sizes: Any = None,
    costs: Any = None,
    *,
    catalog_size: int | None = None,
    time_limit: float | None = None,
) -> Optimum:
    """The interval LP, solved exactly by HiGHS: an upper bound on every policy that starts empty.

    Parameters
    ----------
    items : array_like of int, shape (T,), or Trace
    capacity : float
        Space, in the unit of `sizes`.
    sizes : array_like, shape (N,), optional
        Size of each item, at least 0; default 1.
    costs : array_like, shape (T,), optional
        Cost of a miss at each request, i.e. what a hit is worth; default 1.
    time_limit : float, optional
        Seconds for the solver.

    Returns
    -------
    Optimum
        `allocation`: float64 ndarray of shape (T,), the fraction of the item of request t that is kept until
        its next use; `dual`: the prices of the merged gaps, see :func:`price_bound`.
        Status ``"optimal"`` if the fractions are whole, else ``"relaxation"``.

    Raises
    ------
    SolverError
        HiGHS is missing, failed or stopped at the time limit.

    Examples
    --------
    >>> best = interval_lp([0, 1, 0, 1, 0, 1], capacity=3, sizes=[2, 2])
    >>> round(best.value, 6), round(best.upper_bound, 6), best.status
    (3.0, 3.0, 'relaxation: an upper bound, the schedule is fractional')
    """
    started = time.perf_counter()
    j = intervals(items, capacity, sizes, costs, catalog_size)
    fractions, prices = _solve_lp(j, time_limit)
    allocation = np.zeros(j.requests)
    allocation[j.starts] = fractions
    ids, n = check_items(items, catalog_size)
    allocation[np.isin(next_use(ids, n), j.free_hits)] = 1.0
    value = float(j.values @ fractions) + j.free_value
    bound = price_bound(j, prices)
    fractional = int(((fractions > 1e-7) & (fractions < 1.0 - 1e-7)).sum())
    status = "relaxation: an upper bound, the schedule is fractional" if fractional else None
    return finish(
        value,
        allocation,
        bound,
        "interval-lp",
        BYTES,
        "HiGHS",
        started,
        status=status,
        tolerance=1e-6,
        dual=np.maximum(prices, 0.0),
        unit=max(abs(value), float(j.values.max(initial=0.0)), 1e-300),
    )


def sized(
    items: Any,
    capacity: float,
    sizes: Any = None,
    costs: Any = None,
    *,
    method: str = "auto",
    iterations: int | None = None,
    catalog_size: int | None = None,
    time_limit: float | None = None,
) -> Optimum:
    """A schedule for items with sizes and costs, and a certified bound on all schedules.

    Parameters
    ----------
    items, capacity, sizes, costs, time_limit
        As for :func:`interval_lp`.
    method : {"auto", "lp", "prices"}
        Where the prices come from: HiGHS, or subgradient steps (1e7 requests in well under a minute).
        "auto" is "lp" for at most 150,000 intervals.
    iterations : int, optional
        Subgradient steps; default 16 for 1e7 requests, up to 200 for fewer.

    Returns
    -------
    Optimum
        `value` is attained by the schedule in `allocation`, a bool ndarray of shape (T,): which requests are
        hits. `upper_bound` holds for every cache of this capacity that starts empty and fetches on demand;
        with whole costs it is rounded down.

    Examples
    --------
    >>> best = sized([0, 1, 0, 1, 0, 1], capacity=3, sizes=[2, 2])
    >>> best.value, best.upper_bound, best.status
    (2.0, 3.0, 'bounded')
    """
    started = time.perf_counter()
    if method not in ("auto", "lp", "prices"):
        raise ParameterError(f"method must be 'auto', 'lp' or 'prices', got {method!r}")
    ids, n = check_items(items, catalog_size)
    j = intervals(ids, capacity, sizes, costs, n)
    kept = _belady(ids, n, sizes, j)
    use_lp = method == "lp" or (method == "auto" and j.starts.size <= LP_LIMIT)
    if use_lp:
        fractions, prices = _solve_lp(j, time_limit)
        held = (fractions > 1.0 - 1e-9).astype(np.uint8)
        if not fits(j, held):
            held[:] = 0
    else:
        steps = min(200, max(16, int(2e8) // max(1, j.requests))) if iterations is None else iterations
        prices = _descend(j, float(j.values @ kept), steps)
        held = np.zeros(j.starts.size, np.uint8)
    packed = _pack(j, prices, held)
    if j.values @ packed < j.values @ kept:
        packed = kept
    if not fits(j, packed):  # rounding of sizes that are not whole numbers
        raise NotSupportedError("sized: give sizes as whole numbers (or multiples of one unit)")
    hits = np.zeros(j.requests, np.bool_)
    hits[j.hits[packed == 1]] = True
    hits[j.free_hits] = True
    bound = price_bound(j, prices)
    if (j.values == np.round(j.values)).all() and j.free_value == round(j.free_value):
        bound = float(np.floor(bound + 1e-6 * max(1.0, abs(bound) * 1e-3)))
    solver = "HiGHS, greedy packing" if use_lp else "prices by subgradient steps, greedy packing"
    dual = np.maximum(prices, 0.0)
    value = float(j.values @ packed) + j.free_value
    return finish(value, hits, bound, "sized", BYTES, solver, started, dual=dual)


def belady_sized(
    items: Any, capacity: float, sizes: Any = None, costs: Any = None, *, catalog_size: int | None = None
) -> Optimum:
    """Belady's rule by bytes: the furthest next uses leave until the rest fits. Not optimal, but quick.

    Parameters and result as for :func:`sized`; the bound is the one with a single price for all gaps.

    Examples
    --------
    >>> belady_sized([0, 1, 0, 1, 0, 1], capacity=3, sizes=[2, 2]).value
    2.0
    """
    started = time.perf_counter()
    ids, n = check_items(items, catalog_size)
    j = intervals(ids, capacity, sizes, costs, n)
    kept = _belady(ids, n, sizes, j)
    hits = np.zeros(j.requests, np.bool_)
    hits[j.hits[kept == 1]] = True
    hits[j.free_hits] = True
    value = float(j.values @ kept) + j.free_value
    bound = price_bound(j, np.full(j.gaps, _flat_price(j)))
    return finish(value, hits, bound, "belady-sized", BYTES, "Belady's rule by bytes", started)


def price_bound(j: Intervals, prices: np.ndarray) -> float:
    """The bound that gap prices prove (negative ones count as 0), O(T)."""
    return j.free_value + _priced(j, np.maximum(prices, 0.0), np.empty(j.gaps + 1))


def fits(j: Intervals, kept: np.ndarray) -> bool:
    """Whether the kept intervals (0/1, shape (m,)) fit into every gap."""
    load = np.zeros(j.gaps + 1)
    taken = j.sizes * kept
    np.add.at(load, j.first, taken)
    np.add.at(load, j.stop, -taken)
    return bool(np.cumsum(load).max(initial=0.0) <= j.capacity * (1.0 + 1e-12))


def _priced(j: Intervals, y: np.ndarray, change: np.ndarray) -> float:
    from olearn.optima._sized_kernels import priced_bound

    prefix = np.concatenate([[0.0], np.cumsum(y)])
    return j.capacity * float(prefix[-1]) + float(
        priced_bound(j.first, j.stop, j.sizes, j.values, prefix, change)
    )


def _flat_price(j: Intervals) -> float:
    """The best single price: the density at which the volume of all gaps is used up."""
    volume = j.sizes * (j.stop - j.first)
    density = j.values / np.maximum(volume, 1e-300)
    order = np.argsort(-density, kind="stable")
    full = int(np.searchsorted(np.cumsum(volume[order]), j.capacity * j.gaps))
    return float(density[order[full]]) if full < order.size else 0.0


def _descend(j: Intervals, reached: float, steps: int) -> np.ndarray:
    """Prices by projected subgradient steps on the bound, Polyak's length towards `reached`."""
    change = np.empty(j.gaps + 1)
    y = np.full(j.gaps, _flat_price(j))
    bound = _priced(j, y, change)
    best, best_y, share, stale = bound, y.copy(), 1.0, 0
    for _ in range(steps):
        slope = j.capacity - np.cumsum(change[:-1])
        norm = float(slope @ slope)
        if norm == 0.0 or best <= reached:
            break
        y -= (share * (bound - reached) / norm) * slope
        np.maximum(y, 0.0, out=y)
        bound = _priced(j, y, change)
        if bound < best - 1e-4 * (best - reached):
            stale = 0
        else:
            stale += 1
        if bound < best:
            best = bound
            best_y[:] = y
        if stale >= 4:  # shorter steps, from the best point
            share, stale = share / 2, 0
            y[:] = best_y
            bound = _priced(j, y, change)
    return best_y


def _pack(j: Intervals, prices: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Greedy schedule by value against the price of space, on top of what is `held` (uint8)."""
    from olearn.optima._sized_kernels import pack_greedily

    y = np.maximum(prices, 0.0)
    y = y + 1e-9 * (float(y.mean()) if y.size else 0.0) + 1e-300  # free gaps: the smaller volume first
    prefix = np.concatenate([[0.0], np.cumsum(y)])
    price = j.sizes * (prefix[j.stop] - prefix[j.first])
    order = np.argsort(-j.values / np.maximum(price, 1e-300), kind="stable")
    leaves = 1
    while leaves < j.gaps + 2:
        leaves *= 2
    pack_greedily(order, j.first, j.stop, j.sizes, j.capacity, np.zeros(2 * leaves), held)
    return held


def _belady(ids: np.ndarray, n: int, sizes: Any, j: Intervals) -> np.ndarray:
    """Which intervals Belady's rule by bytes keeps: uint8, shape (m,)."""
    from olearn.geometry.maxindex import bitmap_new
    from olearn.optima._sized_kernels import belady_bytes

    size = np.ones(n) if sizes is None else check_per("sizes", sizes, n)
    hits = np.empty(ids.size, np.bool_)
    words, offsets = bitmap_new(ids.size)
    belady_bytes(words, offsets, next_use(ids, n), ids, size, j.capacity, hits)
    return hits[j.hits].astype(np.uint8)


def _solve_lp(j: Intervals, time_limit: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Fractions kept and gap prices of the LP, in flow form."""
    from scipy import sparse

    from olearn.optima._solve import cvxpy, solve

    m, g = j.starts.size, j.gaps
    if m == 0:
        return np.zeros(0), np.zeros(g)
    cp = cvxpy()
    # HiGHS's tolerances are absolute: sizes, values and their ratios are brought near 1.
    unit = float(j.sizes.mean())
    size = j.sizes / unit
    worth = float(j.values.max()) or 1.0
    # Columns: flow of each interval, then the load of each gap; row: load_t = load_{t-1} + starts - ends.
    inner = j.stop < g
    rows = np.concatenate([np.arange(g), np.arange(1, g), j.first, j.stop[inner]])
    columns = np.concatenate([m + np.arange(g), m + np.arange(g - 1), np.arange(m), np.flatnonzero(inner)])
    ones = np.ones
    entries = np.concatenate([ones(g), -ones(g - 1), -ones(m), ones(int(inner.sum()))])
    balance = sparse.csc_matrix((entries, (rows, columns)), shape=(g, m + g))
    x = cp.Variable(m + g, bounds=[np.zeros(m + g), np.concatenate([size, np.full(g, j.capacity / unit)])])
    gain = np.concatenate([j.values / (size * worth), np.zeros(g)])
    constraint = balance @ x == 0
    solve(cp.Problem(cp.Maximize(gain @ x), [constraint]), "interval-lp", time_limit=time_limit)
    fractions = np.clip(x.value[:m] / size, 0.0, 1.0)
    # The dual of a balance row is the price of one unit of load from that gap to the end.
    ahead = np.asarray(constraint.dual_value, dtype=np.float64) * (worth / unit)
    candidates = (np.maximum(sign * (ahead - np.append(ahead[1:], 0.0)), 0.0) for sign in (1.0, -1.0))
    return fractions, min(candidates, key=lambda y: price_bound(j, y))
