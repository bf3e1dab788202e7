"""Comparators that move: the best set of each window, and the best sequence with at most K switches.

*Best per window*: a new set is chosen, for free, at the start of each window. *K-switch*: the set may
change as a whole at most K times; it is held from the start and each change is free. Both are prefilled.
With K = 0 the K-switch comparator is the static one.

K-switch, method. The reward of one set over the windows i .. j is the sum of the C largest counts, for
all pairs in O(M T) with the recursion of :func:`~olearn.optima.static.static_prefix`; the best sequence
that switches at window ends follows by dynamic programming over (switches used, window), O(K M^2).

Certificate for switches at *any* request. Call a window broken if the set changes inside it. Relax: a
broken window with b changes inside earns what the best (b+1) C items of that window would earn (at most
b+1 sets are used there), costs b switches, and needs none at its borders. Every sequence with K switches
is a feasible point of this relaxation with no smaller value, so its optimum, by the same dynamic program,
bounds the K-switch optimum. A window of one request cannot be broken: with windows=T the gap is 0.

Cost: O(M T + K M^2 + K^2 M) time, O(M^2 + N) memory for M windows.

References
----------
.. [1] M. Herbster and M. K. Warmuth, "Tracking the best expert", Machine Learning 32(2), 1998 (the
   comparator); the bound is derived above.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn.errors import check_int, check_positive_int
from olearn.optima._inputs import check_items
from olearn.optima._optimum import Optimum, finish
from olearn.optima.static import price_bound, top_set

FREE_MOVES = "prefilled: any set at the start of each window, for free"


def best_per_window(items: Any, capacity: int, window: int, *, catalog_size: int | None = None) -> Optimum:
    """The best set of each window of `window` requests, chosen anew and for free.

    Returns
    -------
    Optimum
        `allocation`: list of ``(start, stop, ids)``, one a window.

    Examples
    --------
    >>> best_per_window([0, 0, 1, 1, 0, 2], capacity=1, window=2).value
    5.0
    """
    started = time.perf_counter()
    ids, _ = check_items(items, catalog_size)
    c = check_positive_int("capacity", capacity)
    size = check_positive_int("window", window)
    value, bound = 0.0, 0.0
    parts = []
    for start in range(0, ids.size, size):
        stop = min(start + size, ids.size)
        seen, counts = np.unique(ids[start:stop], return_counts=True)
        gains = counts.astype(np.float64)
        chosen, price = top_set(gains, c)
        value += float(gains[chosen].sum())
        bound += price_bound(gains, c, price)
        parts.append((start, stop, seen[chosen].astype(np.int64)))
    return finish(value, parts, bound, f"per-window:{size}", FREE_MOVES, "counting", started)


def k_switch(
    items: Any, capacity: int, switches: int, *, windows: int | None = None, catalog_size: int | None = None
) -> Optimum:
    """The best sequence of sets that changes at most `switches` times.

    Parameters
    ----------
    items : array_like of int, shape (T,), or Trace
    capacity, switches : int
    windows : int, optional
        Number M of windows at whose ends the sequence of the value may switch; T makes it exact. Default:
        up to 2048, fewer for long traces, so that it takes seconds.

    Returns
    -------
    Optimum
        `allocation`: list of ``(start, stop, ids)``. `upper_bound` holds for switches at any request.

    Examples
    --------
    >>> best = k_switch([0, 0, 1, 1, 0, 2], capacity=1, switches=1)
    >>> best.value, best.gap, [(a, b, s.tolist()) for a, b, s in best.allocation]
    (4.0, 0.0, [(0, 2, [0]), (2, 6, [1])])
    """
    from olearn.optima._kernels import segment_values

    started = time.perf_counter()
    ids, n = check_items(items, catalog_size)
    c = check_positive_int("capacity", capacity)
    k = check_int("switches", switches, minimum=0)
    if windows is None:
        m = min(ids.size, 2048, max(2 * (min(k, 30) + 1), int(2e8) // ids.size))
    else:
        m = min(ids.size, check_positive_int("windows", windows))
    bounds = np.linspace(0, ids.size, m + 1).round().astype(np.int64)
    k = min(k, ids.size - 1)
    values = np.zeros((m, m), np.int64)
    levels = np.zeros(int(np.bincount(ids).max()) + 2, np.int32)
    segment_values(ids, bounds, c, np.zeros(n, np.int32), levels, values)
    value, cuts = _best_cuts(values, min(k, m - 1))
    parts = []
    for a, b in zip(cuts, [*cuts[1:], m]):
        start, stop = int(bounds[a]), int(bounds[b])
        seen, counts = np.unique(ids[start:stop], return_counts=True)
        parts.append((start, stop, seen[top_set(counts.astype(np.float64), c)[0]].astype(np.int64)))
    return finish(
        value,
        parts,
        _broken_bound(values, _broken_windows(ids, bounds, c, k), k),
        f"k-switch:{switches}",
        f"prefilled: at most {switches} free changes of the whole set",
        f"dynamic programming, {m} windows",
        started,
    )


def _best_cuts(values: np.ndarray, switches: int) -> tuple[int, list[int]]:
    """Best partition into at most `switches` + 1 segments: its value and the windows where they start."""
    m = values.shape[0]
    best = values[0].copy()  # best[j]: windows 0 .. j
    came = np.full((switches + 1, m), -1, np.int64)  # last window before the last segment
    for k in range(1, switches + 1):
        # total[i, j] = best[i] + values[i+1, j] for i < j
        total = best[:-1, None] + values[1:, :]
        total[np.tril_indices(m - 1, 0, m)] = -1  # j <= i
        at = total.argmax(axis=0)
        better = total[at, np.arange(m)] > best
        came[k, better] = at[better]
        best = np.where(better, total[at, np.arange(m)], best)
    value, cuts, j, k = int(best[-1]), [], m - 1, switches
    while k > 0:
        if came[k, j] >= 0:
            cuts.append(int(came[k, j]) + 1)
            j = int(came[k, j])
        k -= 1
    return value, [0, *cuts[::-1]]


def _broken_windows(ids: np.ndarray, bounds: np.ndarray, capacity: int, switches: int) -> np.ndarray:
    """``[j, b]``: the most that window j earns with b >= 1 changes inside (-1 where impossible)."""
    m = bounds.size - 1
    most = np.full((m, switches + 1), -1, np.int64)
    if switches == 0:
        return most
    for j in range(m):
        length = int(bounds[j + 1] - bounds[j])
        counts = np.unique(ids[bounds[j] : bounds[j + 1]], return_counts=True)[1]
        sums = np.cumsum(np.sort(counts)[::-1])
        inside = min(switches, length - 1)
        if inside:
            places = np.minimum((np.arange(1, inside + 1) + 1) * capacity, sums.size)
            most[j, 1 : inside + 1] = sums[places - 1]
    return most


def _broken_bound(values: np.ndarray, broken: np.ndarray, switches: int) -> int:
    """Optimum of the relaxation in the module docstring."""
    m = values.shape[0]
    never = np.int64(-(2**62))
    # rows: switches used; columns: windows done. `after`: the last window is broken, or nothing is done yet.
    plain = np.full((switches + 1, m + 1), never)
    after = np.full((switches + 1, m + 1), never)
    after[:, 0] = 0
    used = np.arange(switches + 1)
    for j in range(1, m + 1):
        for k in range(switches + 1):
            start = after[k, :j]
            if k:
                start = np.maximum(start, plain[k - 1, :j])
            plain[k, j] = (start + values[:j, j - 1]).max()
            b = used[1 : k + 1]
            b = b[broken[j - 1, 1 : k + 1] >= 0]
            if b.size:
                before = np.maximum(plain[k - b, j - 1], after[k - b, j - 1])
                after[k, j] = (before + broken[j - 1, b]).max()
    return int(max(plain[switches, m], after[switches, m]))
