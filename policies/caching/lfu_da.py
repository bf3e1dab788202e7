"""LFU with dynamic aging: LFU in the cache, newcomers starting from the priority of the last one evicted.

Rule: an item's priority is K = F + L, where F counts its requests since it came in, itself included, and
L is the priority of the item evicted last (0 at first), as it stood at the item's last request. On a miss
with a full cache the smallest K leaves, among several the one whose last request is longest ago; L becomes
its K. So items that were popular long ago are overtaken.

Sizes: items with the smallest priorities leave until the new one fits; priorities don't look at sizes. An
item larger than the cache never enters.

Cost: O(log C) amortised per miss, O(1) per hit. Memory: 12 bytes per item, 12 per cached item.

Regret: none is declared. On the cyclic sequence over C+1 items each is evicted just before its next
request: no hit at all, while the best static set has a hit ratio of C/(C+1).

References
----------
.. [1] M. Arlitt, L. Cherkasova, J. Dilley, R. Friedrich and T. Jin, "Evaluating content management
   techniques for web proxy caches", ACM SIGMETRICS Performance Evaluation Review 27(4), 2000.

Examples
--------
>>> cache = LFUDA(capacity=2, catalog_size=4)
>>> [cache.request(i) for i in (0, 0, 1, 2, 3, 3, 0)]
[False, True, False, False, False, True, False]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.geometry import lazyheap
from olearn.policies.caching._classic import Classic
from olearn.policies.caching._ledger import OCCUPANCY, entered, full, left, new_stats, too_large

#: A score is (K << TIME_BITS) + time of the last request: one int64 that orders by both; 0 says away.
TIME_BITS = 32


class State(NamedTuple):
    """Scores and counts of the items held, and a lazy heap of them."""

    score: np.ndarray  # int64 (N,)
    requests: np.ndarray  # int32 (N,)
    keys: np.ndarray  # int64 (places,)
    items: np.ndarray  # int32 (places,)
    clock: np.ndarray  # int64 (2,): requests, L
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, size: np.ndarray | None = None) -> State:
    """An empty cache."""
    places = catalog_size if size is not None else min(capacity, catalog_size)
    return State(
        np.zeros(catalog_size, np.int64),
        np.zeros(catalog_size, np.int32),
        np.zeros(places, np.int64),
        np.zeros(places, np.int32),
        np.zeros(2, np.int64),
        capacity,
        size,
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    clock = state.clock
    clock[0] += 1
    if state.score[item] != 0:
        n = state.requests[item] + 1
        state.requests[item] = n
        state.score[item] = ((n + clock[1]) << TIME_BITS) + clock[0]
        return True
    _miss(state, item, log)
    return False


@kernel
def _miss(state, item, log):
    if too_large(state, item):
        return
    while full(state, item):
        evict(state, log)
    state.requests[item] = 1
    state.score[item] = ((1 + state.clock[1]) << TIME_BITS) + state.clock[0]
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
    state.clock[1] = state.keys[0] >> TIME_BITS
    lazyheap.pop(state.keys, state.items, held)
    state.score[victim] = 0
    left(state, victim, log)


@kernel
def remove(state, item, log):
    """Take out an item that is held: O(items held). L stays."""
    lazyheap.delete(state.keys, state.items, np.int64(state.stats[OCCUPANCY]), item)
    state.score[item] = 0
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.score[item] != 0 else 0.0


class LFUDA(Classic):
    __doc__ = __doc__

    name = "lfu-da"
    touches = {"score": 1, "requests": 1}
    rule = "evict the smallest F + L: requests since it came in plus the priority of the last one evicted"
    reference = "Arlitt, Cherkasova, Dilley, Friedrich and Jin, PER 2000"
    step, share = staticmethod(step), staticmethod(share)
    _peek, _evict, _remove = staticmethod(peek), staticmethod(evict), staticmethod(remove)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, size)

    def held(self) -> np.ndarray:
        return self.state.score != 0

    def needed(self) -> np.ndarray:
        return self.state.score != 0
