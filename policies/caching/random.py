"""Random replacement: on a miss with a full cache, evict an item drawn uniformly.

Cost: O(1) per request. Memory: 4 bytes per item and 4 per cached item (in bytes mode 12 per item). An item
that left is forgotten.

Sizes: on a miss, items drawn uniformly leave until the new one fits. `peek` foretells the next draw.

Regret: none is declared. Against an oblivious adversary it is C-competitive in misses, not no-regret.

References
----------
.. [1] P. Raghavan and M. Snir, "Memory versus randomization in on-line algorithms", IBM J. Res. Dev.
   38(6), 1994.

Examples
--------
>>> cache = Random(capacity=2, catalog_size=4, seed=1)
>>> [cache.request(i) for i in (0, 1, 0, 2)], len(cache), 2 in cache
([False, False, True, False], 2, True)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.policies.caching._base import CachingPolicy, extended, resized
from olearn.policies.caching._ledger import OCCUPANCY, entered, full, left, new_stats, too_large


class State(NamedTuple):
    """The cached items in slots; an item held knows its slot, any other says -1."""

    slot: np.ndarray  # int32 (N,)
    slots: np.ndarray  # int32 (places,)
    rng: np.ndarray  # uint64 (4,)
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, places: int, seed: int, size: np.ndarray | None = None) -> State:
    """An empty cache."""
    slot, slots = np.full(catalog_size, -1, np.int32), np.zeros(places, np.int32)
    return State(slot, slots, _rng.new_state(seed), capacity, size, new_stats())


@kernel(inline=True)
def step(state, item, log):
    if state.slot[item] >= 0:
        return True
    if too_large(state, item):
        return False
    hole = -1
    while full(state, item):
        if hole >= 0:
            _fill(state, hole)
        hole = _draw(state)
        _leave(state, hole, log)
    at = hole if hole >= 0 else np.int64(state.stats[OCCUPANCY])
    entered(state, item, log)
    state.slots[at] = item
    state.slot[item] = at
    return False


@kernel(inline=True)
def _draw(state):
    """A slot in use, uniform."""
    return _rng.below(state.rng, np.int64(state.stats[OCCUPANCY]))


@kernel(inline=True)
def _leave(state, at, log):
    """Empty a slot."""
    item = state.slots[at]
    state.slot[item] = -1
    left(state, item, log)


@kernel(inline=True)
def _fill(state, hole):
    """Move the item of the last slot into the one just emptied."""
    last = np.int64(state.stats[OCCUPANCY])
    if hole < last:
        item = state.slots[last]
        state.slots[hole] = item
        state.slot[item] = hole


@kernel
def peek(state):
    rng = state.rng
    s0, s1, s2, s3 = rng[0], rng[1], rng[2], rng[3]
    item = state.slots[_draw(state)]
    rng[0], rng[1], rng[2], rng[3] = s0, s1, s2, s3
    return item


@kernel
def evict(state, log):
    hole = _draw(state)
    _leave(state, hole, log)
    _fill(state, hole)


@kernel
def remove(state, item, log):
    hole = state.slot[item]
    _leave(state, hole, log)
    _fill(state, hole)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.slot[item] >= 0 else 0.0


class Random(CachingPolicy):
    __doc__ = __doc__

    name = "random"
    touches = {"slot": 1}
    randomised = True
    rule = "on a miss, evict an item drawn uniformly"
    reference = "Raghavan and Snir, IBM J. Res. Dev. 1994"
    takes_sizes = True
    step, share = staticmethod(step), staticmethod(share)
    _peek, _evict, _remove = staticmethod(peek), staticmethod(evict), staticmethod(remove)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.places, self.seed, self._sizes())

    def needed(self) -> np.ndarray:
        return self.state.slot >= 0

    def fractions(self) -> np.ndarray:
        return self.needed().astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        places = state.slots.size if self.unit == "items" else catalog_size
        slot = extended(state.slot, catalog_size, -1)
        return state._replace(slot=slot, slots=resized(state.slots, places))

    def _resize(self, state: State, capacity: int) -> State:
        places = capacity if self.unit == "items" else state.slots.size
        return state._replace(slots=resized(state.slots, places), capacity=capacity)
