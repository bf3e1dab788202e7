"""Belady with bypass: like MIN, but a missed item is inserted only if it is used again soon enough.

A missed item enters if there is room, or in place of the held item whose next request is furthest
away, where that is further than the missed item's own. It has the most hits of all policies that
start empty, whatever they insert: the upper bound for every cache without prefetching.

Cost and memory as `belady`; items that are never used again are not kept at all.

References
----------
.. [1] L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems
   Journal 5(2), 1966.

Examples
--------
>>> requests = [0, 1, 2, 0, 1, 2]
>>> BeladyBypass(capacity=1, catalog_size=3, requests=requests).request_many(requests).sum()
np.int64(1)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.geometry.maxindex import bitmap_clear, bitmap_max, bitmap_new, bitmap_set
from olearn.geometry.nextuse import next_use
from olearn.policies.caching._base import EVICTED, FETCHED, OCCUPANCY, PEAK, STATS
from olearn.policies.caching._ledger import note_entered, note_left
from olearn.policies.caching._offline import OfflinePolicy


class State(NamedTuple):
    """The next uses of the items held, as bits."""

    requests: np.ndarray  # int32 (T,)
    nexts: np.ndarray  # int32 (T,)
    words: np.ndarray  # uint64
    offsets: np.ndarray  # int64
    held: np.ndarray  # uint8 (N,)
    clock: np.ndarray  # int64 (1,)
    capacity: int
    stats: np.ndarray  # float64 (5,)


def init(capacity: int, catalog_size: int, requests: np.ndarray) -> State:
    """An empty cache."""
    words, offsets = bitmap_new(max(requests.size, 1))
    nexts = next_use(requests, catalog_size)
    held = np.zeros(catalog_size, np.uint8)
    return State(requests, nexts, words, offsets, held, np.zeros(1, np.int64), capacity, np.zeros(STATS))


@kernel(inline=True)
def step(state, item, log):
    held, stats = state.held, state.stats
    t = state.clock[0]
    state.clock[0] = t + 1
    after = state.nexts[t]
    again = after < state.nexts.size
    hit = held[item] != 0
    enters = False
    if hit:
        bitmap_clear(state.words, state.offsets, t)
        if not again:
            held[item] = 0
            stats[EVICTED] += 1.0
            note_left(log, item)
            stats[OCCUPANCY] -= 1.0
    elif again:
        enters = True
        if stats[OCCUPANCY] >= state.capacity:
            furthest = bitmap_max(state.words, state.offsets)
            enters = after < furthest
            if enters:
                bitmap_clear(state.words, state.offsets, furthest)
                victim = state.requests[furthest]
                held[victim] = 0
                stats[EVICTED] += 1.0
                note_left(log, victim)
        else:
            stats[OCCUPANCY] += 1.0
            stats[PEAK] = max(stats[PEAK], stats[OCCUPANCY])
        if enters:
            held[item] = 1
            stats[FETCHED] += 1.0
            note_entered(log)
    if again and (hit or enters):
        bitmap_set(state.words, state.offsets, after)
    return hit


@kernel
def share(state, item):
    return float(state.held[item])


class BeladyBypass(OfflinePolicy):
    __doc__ = __doc__

    name = "belady-bypass"
    rule = "as belady, but a miss is inserted only if its next request is sooner than the furthest one held"
    reference = "Belady, IBM Systems Journal 1966"
    step, share = staticmethod(step), staticmethod(share)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.future())

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)
