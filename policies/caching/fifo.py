"""FIFO: evict the item that entered the cache first; a hit changes nothing.

Cost: O(1) per request. Memory: 1 byte per item and 4 per cached item.

Regret: none is declared; like LRU it has no hit at all on the cyclic sequence over C+1 items.

References
----------
.. [1] D. Sleator and R. Tarjan, "Amortized efficiency of list update and paging rules", CACM 28(2),
   1985.

Examples
--------
>>> cache = FIFO(capacity=2, catalog_size=4)
>>> [cache.request(i) for i in (0, 1, 0, 2, 0)]
[False, False, True, False, False]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.caching._base import EVICTED, FETCHED, OCCUPANCY, PEAK, STATS, CachingPolicy, extended


class State(NamedTuple):
    """A ring of the cached items in order of entry."""

    held: np.ndarray  # uint8 (N,)
    ring: np.ndarray  # int32 (C,)
    head: np.ndarray  # int64 (1,): the oldest entry once the ring is full
    stats: np.ndarray  # float64 (5,)


def init(capacity: int, catalog_size: int) -> State:
    """An empty cache."""
    ring = np.zeros(capacity, np.int32)
    return State(np.zeros(catalog_size, np.uint8), ring, np.zeros(1, np.int64), np.zeros(STATS))


@kernel(inline=True)
def step(state, item):
    held = state.held
    if held[item] != 0:
        return True
    stats = state.stats
    stats[FETCHED] += 1.0
    ring = state.ring
    at = state.head[0]
    if stats[OCCUPANCY] >= ring.size:
        held[ring[at]] = 0
        stats[EVICTED] += 1.0
    else:
        stats[OCCUPANCY] += 1.0
        stats[PEAK] = stats[OCCUPANCY]
    held[item] = 1
    ring[at] = item
    state.head[0] = at + 1 if at + 1 < ring.size else 0
    return False


@kernel
def run(state, items, rewards):
    for t in range(items.size):
        rewards[t] = step(state, items[t])


@kernel
def share(state, item):
    return float(state.held[item])


class FIFO(CachingPolicy):
    __doc__ = __doc__

    name = "fifo"
    rule = "on a miss, evict the item that entered first"
    reference = "Sleator and Tarjan, CACM 1985"
    step, run, share = staticmethod(step), staticmethod(run), staticmethod(share)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size)

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        return state._replace(held=extended(state.held, catalog_size, 0))
