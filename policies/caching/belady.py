"""Belady's MIN: evict the item whose next request is furthest away. Every miss is inserted.

It has the most hits of all policies that insert every missed item, so it is an offline row in a
replay, not a policy to deploy. It starts empty: every item's first request is a miss. `static` starts
full, which is why the best static set can have more hits.

Cost: O(log64 T) per request. The queue holds next uses, and these are distinct positions of the
trace, so it is a set of bits (:mod:`olearn.geometry.maxindex`): 20 million requests take half a
second. Items that are never used again leave first. Memory: 8.2 bytes per request, 1 per item.

References
----------
.. [1] L. A. Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems
   Journal 5(2), 1966.
.. [2] R. L. Mattson et al., "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2),
   1970 (optimality).

Examples
--------
>>> requests = [0, 1, 2, 0, 1, 2]
>>> Belady(capacity=2, catalog_size=3, requests=requests).request_many(requests).tolist()
[False, False, False, True, False, True]
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

#: Places in ``cells``.
CLOCK, DEAD = range(2)


class State(NamedTuple):
    """The next uses of the items held, as bits; items held that are never used again, as a stack."""

    requests: np.ndarray  # int32 (T,)
    nexts: np.ndarray  # int32 (T,)
    words: np.ndarray  # uint64
    offsets: np.ndarray  # int64
    dead: np.ndarray  # int32 (C,)
    held: np.ndarray  # uint8 (N,)
    cells: np.ndarray  # int64 (2,): requests served, height of the stack
    stats: np.ndarray  # float64 (5,)


def init(capacity: int, catalog_size: int, requests: np.ndarray) -> State:
    """An empty cache."""
    words, offsets = bitmap_new(max(requests.size, 1))
    return State(
        requests,
        next_use(requests, catalog_size),
        words,
        offsets,
        np.zeros(capacity, np.int32),
        np.zeros(catalog_size, np.uint8),
        np.zeros(2, np.int64),
        np.zeros(STATS),
    )


@kernel(inline=True)
def step(state, item, log):
    held, cells, stats = state.held, state.cells, state.stats
    t = cells[CLOCK]
    cells[CLOCK] = t + 1
    hit = held[item] != 0
    if hit:
        bitmap_clear(state.words, state.offsets, t)
    else:
        stats[FETCHED] += 1.0
        if stats[OCCUPANCY] >= state.dead.size:
            if cells[DEAD] > 0:
                cells[DEAD] -= 1
                victim = state.dead[cells[DEAD]]
            else:
                furthest = bitmap_max(state.words, state.offsets)
                bitmap_clear(state.words, state.offsets, furthest)
                victim = state.requests[furthest]
            held[victim] = 0
            stats[EVICTED] += 1.0
            note_left(log, victim)
        else:
            stats[OCCUPANCY] += 1.0
            stats[PEAK] = stats[OCCUPANCY]
        held[item] = 1
        note_entered(log)
    after = state.nexts[t]
    if after < state.nexts.size:
        bitmap_set(state.words, state.offsets, after)
    else:
        state.dead[cells[DEAD]] = item
        cells[DEAD] += 1
    return hit


@kernel
def share(state, item):
    return float(state.held[item])


class Belady(OfflinePolicy):
    __doc__ = __doc__

    name = "belady"
    rule = "evict the item whose next request is furthest away; every miss is inserted (MIN)"
    reference = "Belady, IBM Systems Journal 1966"
    step, share = staticmethod(step), staticmethod(share)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.future())

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)
