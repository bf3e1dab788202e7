"""Random replacement: on a miss with a full cache, evict an item drawn uniformly.

Cost: O(1) per request. Memory: 4 bytes per item and 4 per cached item.

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

from typing import NamedTuple

import numpy as np

from olearn import _rng
from olearn._jit import kernel
from olearn.policies.caching._base import EVICTED, FETCHED, OCCUPANCY, PEAK, STATS, CachingPolicy, extended


class State(NamedTuple):
    """The cached items in slots; an item held knows its slot, any other says -1."""

    slot: np.ndarray  # int32 (N,)
    slots: np.ndarray  # int32 (C,)
    rng: np.ndarray  # uint64 (4,)
    stats: np.ndarray  # float64 (5,)


def init(capacity: int, catalog_size: int, seed: int) -> State:
    """An empty cache."""
    slots = np.zeros(capacity, np.int32)
    return State(np.full(catalog_size, -1, np.int32), slots, _rng.new_state(seed), np.zeros(STATS))


@kernel(inline=True)
def step(state, item):
    slot = state.slot
    if slot[item] >= 0:
        return True
    stats = state.stats
    stats[FETCHED] += 1.0
    slots = state.slots
    if stats[OCCUPANCY] >= slots.size:
        at = _rng.below(state.rng, slots.size)
        slot[slots[at]] = -1
        stats[EVICTED] += 1.0
    else:
        at = np.int64(stats[OCCUPANCY])
        stats[OCCUPANCY] += 1.0
        stats[PEAK] = stats[OCCUPANCY]
    slots[at] = item
    slot[item] = at
    return False


@kernel
def run(state, items, rewards):
    for t in range(items.size):
        rewards[t] = step(state, items[t])


@kernel
def share(state, item):
    return 1.0 if state.slot[item] >= 0 else 0.0


class Random(CachingPolicy):
    __doc__ = __doc__

    name = "random"
    randomised = True
    rule = "on a miss, evict an item drawn uniformly"
    reference = "Raghavan and Snir, IBM J. Res. Dev. 1994"
    step, run, share = staticmethod(step), staticmethod(run), staticmethod(share)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.seed)

    def fractions(self) -> np.ndarray:
        return (self.state.slot >= 0).astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        return state._replace(slot=extended(state.slot, catalog_size, -1))
