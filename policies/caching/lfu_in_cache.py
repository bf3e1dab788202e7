"""LFU that counts while an item is held: evict the item with the fewest requests since it came in.

Rule: an item comes in with a count of 1; each hit adds 1. On a miss with a full cache the item with the
smallest count leaves, among several the one whose last request is longest ago, and its count is
forgotten. Unlike `lfu`, every item requested comes in, and nothing is remembered of those away.

Sizes: items with the smallest counts leave until the new one fits; counts don't look at sizes. An item larger
than the cache never enters.

Cost: O(log C) amortised per miss, O(1) per hit. Memory: 8 bytes per item, 12 per cached item.

Regret: none is declared. A phase that asks for C-1 items many times leaves counts that newcomers don't
reach: from then on a loop over two new items has no hit at all, while the best static set of the new phase
has nothing but hits.

References
----------
.. [1] L. Breslau, P. Cao, L. Fan, G. Phillips and S. Shenker, "Web caching and Zipf-like distributions:
   evidence and implications", INFOCOM 1999 (in-cache LFU).

Examples
--------
>>> cache = LFUInCache(capacity=2, catalog_size=4)
>>> [cache.request(i) for i in (0, 0, 1, 2, 0, 1)]
[False, True, False, False, True, False]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.geometry import lazyheap
from olearn.policies.caching._classic import Classic
from olearn.policies.caching._ledger import OCCUPANCY, entered, full, left, new_stats, too_large

#: A score is (count << TIME_BITS) + time of the last request: one int64 that orders by both; 0 says away.
TIME_BITS = 32


class State(NamedTuple):
    """Scores of the items held, and a lazy heap of them."""

    score: np.ndarray  # int64 (N,)
    keys: np.ndarray  # int64 (places,)
    items: np.ndarray  # int32 (places,)
    clock: np.ndarray  # int64 (1,)
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, size: np.ndarray | None = None) -> State:
    """An empty cache."""
    places = catalog_size if size is not None else min(capacity, catalog_size)
    return State(
        np.zeros(catalog_size, np.int64),
        np.zeros(places, np.int64),
        np.zeros(places, np.int32),
        np.zeros(1, np.int64),
        capacity,
        size,
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    score, clock = state.score, state.clock
    now = clock[0] + 1
    clock[0] = now
    s = score[item]
    if s != 0:
        score[item] = (((s >> TIME_BITS) + 1) << TIME_BITS) + now
        return True
    _miss(state, item, log)
    return False


@kernel
def _miss(state, item, log):
    if too_large(state, item):
        return
    while full(state, item):
        evict(state, log)
    state.score[item] = (1 << TIME_BITS) + state.clock[0]
    lazyheap.push(state.keys, state.items, np.int64(state.stats[OCCUPANCY]), state.score[item], item)
    entered(state, item, log)


@kernel
def peek(state):
    if state.stats[OCCUPANCY] == 0.0:
        return np.int64(-1)
    return np.int64(
        lazyheap.refresh_top(state.keys, state.items, np.int64(state.stats[OCCUPANCY]), state.score)
    )


@kernel
def evict(state, log):
    held = np.int64(state.stats[OCCUPANCY])
    victim = lazyheap.refresh_top(state.keys, state.items, held, state.score)
    lazyheap.pop(state.keys, state.items, held)
    state.score[victim] = 0
    left(state, victim, log)


@kernel
def remove(state, item, log):
    lazyheap.delete(state.keys, state.items, np.int64(state.stats[OCCUPANCY]), item)
    state.score[item] = 0
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.score[item] != 0 else 0.0


class LFUInCache(Classic):
    __doc__ = __doc__

    name = "lfu-in-cache"
    touches = {"score": 1}
    rule = "on a miss, evict the item with the fewest requests since it came in; ties: least recently used"
    reference = "Breslau et al., INFOCOM 1999"
    step, share = staticmethod(step), staticmethod(share)
    _peek, _evict, _remove = staticmethod(peek), staticmethod(evict), staticmethod(remove)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, size)

    def held(self) -> np.ndarray:
        return self.state.score != 0

    def needed(self) -> np.ndarray:
        return self.state.score != 0
