"""Perfect LFU: keep the items requested most often so far, counting every request since the start.

Rule: every request raises the item's count, held or not. On a miss with a full cache the requested
item enters if its count exceeds the smallest count held; the item that leaves has that smallest
count and, among those, the oldest last request. Only the requested item can enter: this is "follow
the leader" without prefetching, ties going to the item held.

Cost: O(log C) amortised per request, O(1) on a hit. Memory: 9 bytes per item, 12 per cached item.

Regret: none is declared. On the alternating adversary (phases in which the items LFU has just
learnt to keep are not asked for any more) its regret grows linearly.

References
----------
.. [1] L. Breslau et al., "Web caching and Zipf-like distributions: evidence and implications",
   INFOCOM 1999 (perfect LFU).

Examples
--------
>>> cache = LFU(capacity=1, catalog_size=3)
>>> [cache.request(i) for i in (0, 0, 1, 0, 1, 1, 1)]
[False, True, False, True, False, False, False]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.geometry import lazyheap
from olearn.policies.caching._base import EVICTED, FETCHED, OCCUPANCY, PEAK, STATS, CachingPolicy, extended

#: A score is (count << TIME_BITS) + time of the last request: one int64 that orders by both.
TIME_BITS = 32


class State(NamedTuple):
    """Scores of all items, and a lazy heap of those held."""

    score: np.ndarray  # int64 (N,)
    held: np.ndarray  # uint8 (N,)
    keys: np.ndarray  # int64 (C,)
    items: np.ndarray  # int32 (C,)
    clock: np.ndarray  # int64 (1,)
    stats: np.ndarray  # float64 (5,)


def init(capacity: int, catalog_size: int) -> State:
    """An empty cache."""
    return State(
        np.zeros(catalog_size, np.int64),
        np.zeros(catalog_size, np.uint8),
        np.zeros(capacity, np.int64),
        np.zeros(capacity, np.int32),
        np.zeros(1, np.int64),
        np.zeros(STATS),
    )


@kernel(inline=True)
def step(state, item):
    score = state.score
    clock = state.clock
    clock[0] += 1
    score[item] = (((score[item] >> TIME_BITS) + 1) << TIME_BITS) + clock[0]
    if state.held[item] != 0:
        return True
    _admit(state, item)
    return False


@kernel
def _admit(state, item):
    """A miss: enter if there is room, or in place of the lowest score where that is lower."""
    score, held, keys, items, stats = state.score, state.held, state.keys, state.items, state.stats
    size = np.int64(stats[OCCUPANCY])
    if size < keys.size:
        lazyheap.push(keys, items, size, score[item], item)
        held[item] = 1
        stats[FETCHED] += 1.0
        stats[OCCUPANCY] += 1.0
        stats[PEAK] = stats[OCCUPANCY]
        return
    # A stale key is too low: the top can only turn out to be higher.
    victim = lazyheap.refresh_top(keys, items, size, score)
    if (score[item] >> TIME_BITS) > (keys[0] >> TIME_BITS):
        held[victim] = 0
        held[item] = 1
        stats[FETCHED] += 1.0
        stats[EVICTED] += 1.0
        lazyheap.replace_top(keys, items, size, score[item], item)


@kernel
def run(state, items, rewards):
    for t in range(items.size):
        rewards[t] = step(state, items[t])


@kernel
def share(state, item):
    return float(state.held[item])


class LFU(CachingPolicy):
    __doc__ = __doc__

    name = "lfu"
    rule = "keep the items with the most requests so far (perfect LFU); ties go to the item held"
    reference = "Breslau et al., INFOCOM 1999"
    step, run, share = staticmethod(step), staticmethod(run), staticmethod(share)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size)

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        score = extended(state.score, catalog_size, 0)
        return state._replace(score=score, held=extended(state.held, catalog_size, 0))
