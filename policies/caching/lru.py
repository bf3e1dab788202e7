"""LRU: evict the item whose last request is longest ago.

Rule: on a request the item moves to the front of a list; on a miss with a full cache the item at
the back leaves first.

Cost: O(1) per request, one random cache line per hit. Memory: 8 bytes per item (12 in bytes mode). An
item that left is forgotten.

Sizes: on a miss, items leave from the back until the new one fits.

Regret: none is declared. On the cyclic sequence over C+1 items LRU has no hit at all while the best
static set has a hit ratio of C/(C+1), so its regret grows linearly.

References
----------
.. [1] D. Sleator and R. Tarjan, "Amortized efficiency of list update and paging rules", CACM 28(2),
   1985.

Examples
--------
>>> cache = LRU(capacity=2, catalog_size=4)
>>> [cache.request(i) for i in (0, 1, 0, 2, 1)]
[False, False, True, False, False]
>>> 0 in cache, 2 in cache
(False, True)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.caching._base import CachingPolicy, extended
from olearn.policies.caching._ledger import entered, full, left, new_stats, too_large


class State(NamedTuple):
    """The recency list. Node i+1 is item i, node 0 the sentinel between the two ends."""

    links: np.ndarray  # int32 (2 (N+1),): of node n, links[2n] is towards the front, links[2n+1] the back
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, size: np.ndarray | None = None) -> State:
    """An empty cache: a link of -1 towards the front says that the item is not held."""
    links = np.full(2 * (catalog_size + 1), -1, np.int32)
    links[:2] = 0
    return State(links, capacity, size, new_stats())


@kernel(inline=True)
def step(state, item, log):
    links = state.links
    node = 2 * (item + 1)
    front = links[node]
    hit = front >= 0
    if hit:
        if front == 0:  # already at the front
            return True
        back = links[node + 1]
        links[2 * front + 1] = back
        links[2 * back] = front
    else:
        if too_large(state, item):
            return False
        while full(state, item):
            remove(state, links[0] - 1, log)
        entered(state, item, log)
    first = links[1]
    links[node] = 0
    links[node + 1] = first
    links[2 * first] = item + 1
    links[1] = item + 1
    return hit


@kernel(inline=True)
def peek(state):
    return state.links[0] - 1


@kernel(inline=True)
def remove(state, item, log):
    links = state.links
    node = 2 * (item + 1)
    front, back = links[node], links[node + 1]
    links[2 * front + 1] = back
    links[2 * back] = front
    links[node] = -1
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.links[2 * (item + 1)] >= 0 else 0.0


class LRU(CachingPolicy):
    __doc__ = __doc__

    name = "lru"
    touches = {"links": 2}
    rule = "on a miss, evict the item whose last request is longest ago"
    reference = "Sleator and Tarjan, CACM 1985"
    takes_sizes = True
    step, share = staticmethod(step), staticmethod(share)
    _peek, _remove = staticmethod(peek), staticmethod(remove)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self._sizes())

    def needed(self) -> np.ndarray:
        return self.state.links[2::2] >= 0

    def fractions(self) -> np.ndarray:
        return self.needed().astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        return state._replace(links=extended(state.links, 2 * (catalog_size + 1), -1))

    def _resize(self, state: State, capacity: int) -> State:
        return state._replace(capacity=capacity)
