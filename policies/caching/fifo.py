"""FIFO: evict the item that entered the cache first; a hit changes nothing.

Cost: O(1) per request; `remove` O(C). Memory: 1 byte per item and 4 per cached item (in bytes mode 9 per
item). An item that left is forgotten.

Sizes: on a miss, the oldest items leave until the new one fits.

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

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.caching._base import CachingPolicy, extended
from olearn.policies.caching._ledger import OCCUPANCY, entered, full, left, new_stats, too_large


class State(NamedTuple):
    """A ring of the cached items in order of entry."""

    held: np.ndarray  # uint8 (N,)
    ring: np.ndarray  # int32 (places,)
    ends: np.ndarray  # int64 (2,): where the oldest entry is, and where the next one goes
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, places: int, size: np.ndarray | None = None) -> State:
    """An empty cache."""
    held, ring = np.zeros(catalog_size, np.uint8), np.zeros(places, np.int32)
    return State(held, ring, np.zeros(2, np.int64), capacity, size, new_stats())


@kernel(inline=True)
def step(state, item, log):
    if state.held[item] != 0:
        return True
    if too_large(state, item):
        return False
    while full(state, item):
        evict(state, log)
    entered(state, item, log)
    at = state.ends[1]
    state.ring[at] = item
    state.ends[1] = _after(state, at)
    state.held[item] = 1
    return False


@kernel(inline=True)
def _after(state, at):
    """The next place of the ring."""
    return at + 1 if at + 1 < state.ring.size else 0


@kernel(inline=True)
def peek(state):
    return state.ring[state.ends[0]] if state.stats[OCCUPANCY] > 0.0 else -1


@kernel(inline=True)
def evict(state, log):
    at = state.ends[0]
    item = state.ring[at]
    state.ends[0] = _after(state, at)
    state.held[item] = 0
    left(state, item, log)


@kernel
def remove(state, item, log):
    """Close the gap from the younger end."""
    ring, ends = state.ring, state.ends
    at = ends[0]
    while ring[at] != item:
        at = _after(state, at)
    for _ in range(ring.size):
        then = _after(state, at)
        if then == ends[1]:
            break
        ring[at] = ring[then]
        at = then
    ends[1] = at
    state.held[item] = 0
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return float(state.held[item])


class FIFO(CachingPolicy):
    __doc__ = __doc__

    name = "fifo"
    touches = {"held": 1}
    rule = "on a miss, evict the item that entered first"
    reference = "Sleator and Tarjan, CACM 1985"
    takes_sizes = True
    step, share = staticmethod(step), staticmethod(share)
    _peek, _evict, _remove = staticmethod(peek), staticmethod(evict), staticmethod(remove)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.places, self._sizes())

    def needed(self) -> np.ndarray:
        return self.state.held != 0

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        held = extended(state.held, catalog_size, 0)
        places = state.ring.size if self.unit == "items" else catalog_size
        return _rering(state, places)._replace(held=held)

    def _resize(self, state: State, capacity: int) -> State:
        places = capacity if self.unit == "items" else state.ring.size
        return _rering(state, places)._replace(capacity=capacity)


def _rering(state: State, places: int) -> State:
    """The same entries in a ring of another length."""
    count = int(state.stats[OCCUPANCY])
    ring = np.zeros(places, np.int32)
    ring[:count] = state.ring[(state.ends[0] + np.arange(count)) % state.ring.size]
    return state._replace(ring=ring, ends=np.array([0, count % places], np.int64))
