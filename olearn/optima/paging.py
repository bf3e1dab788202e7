"""Belady's MIN for unit sizes and unit costs, with and without bypass, with a proof of optimality.

Rule: when something has to go, the item whose next use is furthest goes (items never used again
first). Without bypass a missed item must be inserted; with bypass it may be the one that goes.

Certificate. Call [s, e) a reuse interval if request e is the next request of the item of request s;
request e is a hit exactly if the item is kept during the gaps s, ..., e-1 (gap t lies between the
requests t and t+1). With bypass, at most C intervals are kept in any gap. Without, the item of request
t occupies one place in gap t whatever happens, so the other C-1 places bound the intervals with
s < t < e. Either way: choose as many intervals as possible, at most c of them in any gap. For *any* set
P of gaps

    hits <= c |P| + (number of intervals that contain no gap of P),

because at most c chosen intervals contain a given gap. This is weak duality of the interval packing LP
with prices in {0, 1}. Equality holds for the P that is read off Belady's run backwards: go through the
gaps where an interval was dropped from the last to the first, and put a gap into P unless its dropped
interval contains the gap that was put in last.

Proof. A dropped interval is stabbed by P: by its own gap, or by the point put in last before. Let t be
in P, d the end of the interval dropped there, t' the next point of P; d <= t'. Of the c+1 intervals in
gap t the one that ends last was dropped, so the c others end by d. None of these is dropped later: the
gap t'' > t of such a drop lies before t' (the interval ends by d <= t'), its dropped interval ends by t'
and so would not contain t', and t'' would have been put into P before t. So exactly c chosen intervals
contain t, and none of them contains a later point. Hence the chosen intervals that are stabbed number
c |P|, the dropped ones are all stabbed, and the rest of the chosen ones are the intervals that contain
no point of P: hits = c |P| + (intervals without a point of P).

The bound is recomputed from P alone by another loop: O(T). Everything is O(T log64 T): 20 million
requests in under a second.

References
----------
.. [1] L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems
   Journal 5(2), 1966.
.. [2] R. L. Mattson, J. Gecsei, D. R. Slutz and I. L. Traiger, "Evaluation techniques for storage
   hierarchies", IBM Systems Journal 9(2), 1970 (optimality without bypass).
.. [3] M. C. Carlisle and E. L. Lloyd, "On the k-coloring of intervals", Discrete Applied Mathematics
   59(3), 1995 (the packing of intervals and its network form).
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn.errors import check_positive_int
from olearn.geometry.nextuse import next_use
from olearn.optima._inputs import check_items
from olearn.optima._optimum import Optimum, finish

FORCED = "no bypass: the cache starts empty and a missed item must be inserted"
BYPASS = "bypass: the cache starts empty and a missed item need not be inserted"


def belady(items: Any, capacity: int, *, catalog_size: int | None = None) -> Optimum:
    """The most hits of any demand-paging cache of `capacity` items (MIN).

    Parameters
    ----------
    items : array_like of int, shape (T,), or Trace
    capacity : int

    Returns
    -------
    Optimum
        `allocation`: bool array of shape (T,), which requests are hits; `dual`: the gaps of P, int64.

    Examples
    --------
    >>> belady([0, 1, 0, 1, 0, 1], capacity=1).value
    0.0
    >>> best = belady([0, 1, 2, 0, 1, 2], capacity=2)
    >>> best.allocation.tolist(), best.upper_bound
    ([False, False, False, True, False, True], 2.0)
    """
    return _belady(items, capacity, catalog_size, forced=True)


def belady_bypass(items: Any, capacity: int, *, catalog_size: int | None = None) -> Optimum:
    """The most hits of any cache of `capacity` items that starts empty and may bypass.

    Parameters and result as for :func:`belady`. No policy that starts empty and fetches an item only
    when it is requested earns more.

    Examples
    --------
    >>> belady_bypass([0, 1, 0, 1, 0, 1], capacity=1).value
    2.0
    """
    return _belady(items, capacity, catalog_size, forced=False)


def certificate(nexts: np.ndarray, capacity: int, points: np.ndarray, *, forced: bool) -> int:
    """The bound that a set of gaps proves, for any `points`: int.

    Parameters
    ----------
    nexts : int32 ndarray, shape (T,)
        Next uses, T where there is none.
    capacity : int
    points : uint8 ndarray, shape (T,)
        1 where gap t is in P.
    forced : bool
        Whether a missed item must be inserted.

    Examples
    --------
    >>> items = np.array([0, 1, 0, 1, 0, 1], np.int32)
    >>> points = np.zeros(6, np.uint8)
    >>> points[belady_bypass(items, 1).dual] = 1
    >>> certificate(next_use(items, 2), 1, points, forced=False)
    2
    """
    from olearn.optima._kernels import packing_bound

    places = capacity - 1 if forced else capacity
    return int(packing_bound(nexts, points, places, forced))


def _belady(items: Any, capacity: int, catalog_size: int | None, *, forced: bool) -> Optimum:
    from olearn.geometry.maxindex import bitmap_new
    from olearn.optima._kernels import belady_loop, packing_points

    started = time.perf_counter()
    ids, n = check_items(items, catalog_size)
    c = check_positive_int("capacity", capacity)
    dropped = next_use(ids, n)
    words, offsets = bitmap_new(ids.size)
    hits = np.empty(ids.size, np.bool_)
    belady_loop(words, offsets, dropped, c, forced, hits)
    points = np.zeros(ids.size, np.uint8)
    packing_points(dropped, points)
    del dropped  # the next uses are computed again: a twentieth of the time, a third of the memory
    nexts = next_use(ids, n)
    return finish(
        int(np.count_nonzero(hits)),
        hits,
        certificate(nexts, c, points, forced=forced),
        "belady" if forced else "belady-bypass",
        FORCED if forced else BYPASS,
        "Belady's rule",
        started,
        dual=np.flatnonzero(points),
    )
