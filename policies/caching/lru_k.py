"""LRU-K: evict the item whose K-th last request is longest ago.

Rule: of every item the times of its last `k` (2) requests are kept, held or not. On a miss with a full
cache the item whose K-th last request is longest ago leaves; an item with fewer than K requests so far
counts as infinitely long ago, and among several of these the least recently used one leaves.
The paper's correlated reference period is 0 and its retained information period infinite.

Sizes: the paper counts pages; items leave in that order until the new one fits. An item larger than the
cache never enters.

Cost: O(k) per hit, O(log C + k) amortised per miss. Memory: 8 k + 9 bytes per item, 12 per cached item.

Regret: none is declared. On the cyclic sequence over C+1 items LRU-K has no hit at all, while the best
static set has a hit ratio of C/(C+1).

References
----------
.. [1] E. J. O'Neil, P. E. O'Neil and G. Weikum, "The LRU-K page replacement algorithm for database disk
   buffering", SIGMOD 1993.

Examples
--------
>>> cache = LRUK(capacity=2, catalog_size=4)
>>> [cache.request(i) for i in (0, 0, 1, 2, 0, 1)]
[False, True, False, False, True, False]
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.errors import check_positive_int
from olearn.geometry import lazyheap
from olearn.policies.caching._base import Common
from olearn.policies.caching._classic import Classic
from olearn.policies.caching._ledger import OCCUPANCY, entered, full, left, new_stats, too_large

#: Scores of items with fewer than K requests: the time of the last one, less this.
YOUNG = 1 << 60


class State(NamedTuple):
    """Histories of all items, and a lazy heap of those held."""

    history: np.ndarray  # int64 (N, k): times of the last requests, the latest first; 0 for none
    score: np.ndarray  # int64 (N,)
    held: np.ndarray  # uint8 (N,)
    keys: np.ndarray  # int64 (places,)
    items: np.ndarray  # int32 (places,)
    clock: np.ndarray  # int64 (1,)
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, k: int = 2, size: np.ndarray | None = None) -> State:
    """An empty cache."""
    places = catalog_size if size is not None else min(capacity, catalog_size)
    return State(
        np.zeros((catalog_size, k), np.int64),
        np.zeros(catalog_size, np.int64),
        np.zeros(catalog_size, np.uint8),
        np.zeros(places, np.int64),
        np.zeros(places, np.int32),
        np.zeros(1, np.int64),
        capacity,
        size,
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    history, now = state.history, state.clock[0] + 1
    state.clock[0] = now
    k = history.shape[1]
    for j in range(k - 1, 0, -1):
        history[item, j] = history[item, j - 1]
    history[item, 0] = now
    oldest = history[item, k - 1]
    state.score[item] = oldest if oldest > 0 else now - YOUNG
    if state.held[item] != 0:
        return True
    _miss(state, item, log)
    return False


@kernel
def _miss(state, item, log):
    if too_large(state, item):
        return
    while full(state, item):
        evict(state, log)
    lazyheap.push(state.keys, state.items, np.int64(state.stats[OCCUPANCY]), state.score[item], item)
    state.held[item] = 1
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
    state.held[victim] = 0
    left(state, victim, log)


@kernel
def remove(state, item, log):
    """Take out an item that is held: O(items held). Its history stays."""
    lazyheap.delete(state.keys, state.items, np.int64(state.stats[OCCUPANCY]), item)
    state.held[item] = 0
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return float(state.held[item])


class LRUK(Classic):
    __doc__ = __doc__

    name = "lru-k"
    touches = {"score": 1, "held": 1}
    rule = "evict the item whose K-th last request is longest ago"
    reference = "O'Neil, O'Neil and Weikum, SIGMOD 1993"
    step, share = staticmethod(step), staticmethod(share)
    _peek, _evict, _remove = staticmethod(peek), staticmethod(evict), staticmethod(remove)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        k: int = 2,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.k = k

    def validate(self) -> None:
        super().validate()
        check_positive_int("k", self.k)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, self.k, size)

    def held(self) -> np.ndarray:
        return self.state.held != 0
