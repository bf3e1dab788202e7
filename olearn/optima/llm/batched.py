r"""Belady's MIN where requests come in batches that are served as a whole, with a proof of optimality.

A batch is a set of items needed together: the blocks of a prompt, the experts of a layer for a token. An item
hits if it was kept since the last batch that had it. Between two batches at most C items are kept
(*bypass*); or, where the items of a batch must be in the cache while it is served (*no bypass*), at most C
minus the batch's size others are kept across it.

Rule: when something has to go, the item whose next batch is furthest goes.

Certificate. An item used in batches s and e (next) is a reuse interval (s, e). With bypass at most C
intervals contain a given gap t | t+1, s <= t < e; without, at most :math:`C - |B_t|` contain batch t
strictly inside, s < t < e. For *any* set P of gaps (batches), hits are at most the sum of these limits over
P plus the number of intervals that contain no point of P. The P that is read off the run backwards (a point
where an interval was dropped goes into P unless every interval dropped there contains the point put in
last) makes this an equality; the proof of :mod:`olearn.optima.paging` holds word for word with a limit for
each point.

For chains of blocks the next use of a block is never later than that of the blocks behind it, so what the
rule keeps is closed under taking prefixes (of equal next uses the block nearer the beginning stays): the
bound without the prefix constraint is attained with it.

Weights. Where hits are worth different amounts (tokens of a partial block; nothing during warm-up),
intervals worth nothing are dropped at once, and the bound prices a place at the largest weight: valid, and
tight but for partial blocks.

Cost: O(log64 T) an item requested, T items in all.

References
----------
.. [1] L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems
   Journal 5(2), 1966.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from olearn._jit import kernel
from olearn.errors import ParameterError, check_positive_int
from olearn.geometry.maxindex import bitmap_clear, bitmap_has, bitmap_max, bitmap_new, bitmap_set
from olearn.geometry.nextuse import next_use
from olearn.optima._optimum import Optimum, finish

NEVER = np.int32(2**31 - 1)


@kernel
def _run(starts, nexts, worth, batch, capacity, forced, words, offsets, hits, soonest):
    """Play the rule. ``hits`` (bool, (T,)); ``soonest[b]`` (int32): earliest end of an interval dropped at b.

    An interval is named by the position of its end: positions are distinct, and the furthest one is the one
    that goes; of one batch the later item, in a chain the deeper block.
    """
    held = 0
    total = nexts.size
    for b in range(starts.size - 1):
        soonest[b] = NEVER
        for p in range(starts[b], starts[b + 1]):
            hits[p] = bitmap_has(words, p)
            if hits[p]:
                bitmap_clear(words, offsets, p)
                held -= 1
        limit = capacity
        if forced:
            limit = capacity - (starts[b + 1] - starts[b])
        else:
            held = _keep(starts, nexts, worth, b, total, words, offsets, held)
        for _ in range(held - limit):
            q = bitmap_max(words, offsets)
            bitmap_clear(words, offsets, q)
            held -= 1
            soonest[b] = min(soonest[b], batch[q])
        if forced:
            held = _keep(starts, nexts, worth, b, total, words, offsets, held)


@kernel(inline=True)
def _keep(starts, nexts, worth, b, total, words, offsets, held):
    for p in range(starts[b], starts[b + 1]):
        q = nexts[p]
        if q < total and worth[q] > 0.0:
            bitmap_set(words, offsets, q)
            held += 1
    return held


@kernel
def _points(soonest, points):
    """Read the proof off the run, backwards."""
    last = np.int64(NEVER)
    for k in range(soonest.size):
        b = soonest.size - 1 - k
        points[b] = 0
        if soonest[b] <= last and soonest[b] < NEVER:
            points[b] = 1
            last = b


@kernel
def _unstabbed(starts, nexts, worth, batch, forced, following):
    """Worth of the intervals that contain no point; ``following[b]`` is the first point >= b."""
    total = 0.0
    for b in range(starts.size - 1):
        first = following[b + 1] if forced else following[b]
        for p in range(starts[b], starts[b + 1]):
            q = nexts[p]
            if q < nexts.size and worth[q] > 0.0 and batch[q] <= first:
                total += worth[q]
    return total


def batched_min(
    starts: Any,
    items: Any,
    capacity: int,
    *,
    catalog_size: int | None = None,
    forced: bool = False,
    worth: Any = None,
) -> Optimum:
    """The most that a cache of `capacity` items can earn on batches.

    Parameters
    ----------
    starts : array_like of int, shape (B+1,)
        Batch b has the items ``items[starts[b] : starts[b+1]]``, each once.
    items : array_like of int, shape (T,)
    capacity : int
    catalog_size : int, optional
    forced : bool
        Whether a batch's items must all be in the cache while it is served.
    worth : array_like of float, shape (T,), optional
        What a hit is worth; by default 1.

    Returns
    -------
    Optimum
        `allocation`: bool (T,), what hits; `dual`: the batches in P, int64.

    Raises
    ------
    ParameterError
        An item twice in a batch; ``forced`` and a batch larger than the cache.

    Examples
    --------
    >>> best = batched_min([0, 2, 3, 5], [0, 1, 2, 0, 1], capacity=2)
    >>> best.value, best.upper_bound, best.allocation.tolist()
    (2.0, 2.0, [False, False, False, True, True])
    """
    started = time.perf_counter()
    edges = np.ascontiguousarray(starts, dtype=np.int64)
    ids = np.ascontiguousarray(items, dtype=np.int32)
    c = check_positive_int("capacity", capacity)
    n = int(ids.max(initial=-1)) + 1 if catalog_size is None else catalog_size
    value = np.ones(ids.size) if worth is None else np.ascontiguousarray(worth, dtype=np.float64)
    batch = np.repeat(np.arange(edges.size - 1, dtype=np.int32), np.diff(edges))
    nexts = next_use(ids, n)
    together = np.flatnonzero((nexts < ids.size) & (batch[np.minimum(nexts, ids.size - 1)] == batch))
    if together.size:
        p = int(together[0])
        raise ParameterError(f"item {ids[p]} stands twice in batch {batch[p] + 1}")
    largest = int(np.diff(edges).max(initial=0))
    if forced and largest > c:
        raise ParameterError(f"a batch needs {largest} items at once, the cache holds {c}")
    words, offsets = bitmap_new(max(ids.size, 1))
    hits: np.ndarray = np.zeros(ids.size, np.bool_)
    soonest = np.empty(edges.size - 1, np.int32)
    _run(edges, nexts, value, batch, c, forced, words, offsets, hits, soonest)
    points = np.empty(edges.size - 1, np.uint8)
    _points(soonest, points)
    chosen = np.flatnonzero(points)
    return finish(
        float(value[hits].sum()),
        hits,
        price_bound(edges, ids, c, chosen, catalog_size=n, forced=forced, worth=value),
        "batched-min",
        "no bypass: a batch's items are all in the cache while it is served"
        if forced
        else "bypass: the cache starts empty, what is requested need not be kept",
        "Belady's rule",
        started,
        dual=chosen,
    )


def price_bound(
    starts: Any,
    items: Any,
    capacity: int,
    points: Any,
    *,
    catalog_size: int | None = None,
    forced: bool = False,
    worth: Any = None,
) -> float:
    """What a set of batches proves about every cache, whatever the `points`; else as :func:`batched_min`."""
    edges = np.ascontiguousarray(starts, dtype=np.int64)
    ids = np.ascontiguousarray(items, dtype=np.int32)
    n = int(ids.max(initial=-1)) + 1 if catalog_size is None else catalog_size
    value = np.ones(ids.size) if worth is None else np.ascontiguousarray(worth, dtype=np.float64)
    chosen = np.unique(np.asarray(points, dtype=np.int64))
    sizes = np.diff(edges)
    limits = capacity - sizes[chosen] if forced else np.full(chosen.size, capacity)
    following = np.full(edges.size + 1, NEVER, np.int64)
    following[chosen] = chosen
    following = np.minimum.accumulate(following[::-1])[::-1].copy()
    batch = np.repeat(np.arange(edges.size - 1, dtype=np.int32), sizes)
    rest = _unstabbed(edges, next_use(ids, n), value, batch, forced, following)
    return float(limits.sum() * value.max(initial=0.0) + rest)


def prefix_optimum(
    starts: Any,
    blocks: Any,
    capacity: int,
    tokens: Any,
    *,
    catalog_size: int | None = None,
    warm_up: int = 0,
) -> Optimum:
    """The most tokens that any cache of `capacity` blocks can save on chains, after a warm-up.

    Parameters
    ----------
    starts : array_like of int, shape (R+1,)
    blocks : array_like of int, shape (T,)
        Ids in order of first appearance, each chain from its root.
    capacity : int
    tokens : array_like of int, shape (T,)
        Tokens of each block requested.
    catalog_size : int, optional
    warm_up : int
        First requests, whose hits count for nothing.

    Returns
    -------
    Optimum
        `value` in tokens, attained by holding whole prefixes; `allocation`: bool (T,).

    Examples
    --------
    >>> prefix_optimum([0, 2, 3, 5], [0, 1, 2, 0, 1], 2, [16, 16, 16, 16, 4]).value
    20.0
    """
    edges = np.asarray(starts, dtype=np.int64)
    worth = np.array(tokens, dtype=np.float64)
    worth[: edges[min(warm_up, edges.size - 1)]] = 0.0
    best = batched_min(edges, blocks, capacity, catalog_size=catalog_size, worth=worth)
    return best._replace(
        comparator="prefix-optimum",
        convention="starts empty, keeps whole prefixes, need not keep what is requested; tokens saved",
    )
