"""Perfect LFU: keep the items requested most often so far, counting every request since the start.

Rule: every request raises the item's count, held or not. On a miss with a full cache the requested
item enters if its count exceeds the smallest count held; the item that leaves has that smallest
count and, among those, the oldest last request. Only the requested item can enter: this is "follow
the leader" without prefetching, ties going to the item held.

Cost: O(log C) amortised per request, O(1) on a hit; `remove` O(C). Memory: 9 bytes per item, 12 per cached
item (in bytes mode 29 per item). Counts are perfect: no item ever requested is forgotten.

Sizes: on a miss, the items with the smallest counts would leave until the new one fits; it enters if its
count exceeds the count of each of them, and otherwise nothing changes.

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

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.geometry import lazyheap
from olearn.policies.caching._base import CachingPolicy, extended, resized
from olearn.policies.caching._ledger import (
    OCCUPANCY,
    entered,
    excess,
    full,
    left,
    new_stats,
    too_large,
    weight,
)

#: A score is (count << TIME_BITS) + time of the last request: one int64 that orders by both.
TIME_BITS = 32


class State(NamedTuple):
    """Scores of all items, and a lazy heap of those held."""

    score: np.ndarray  # int64 (N,)
    held: np.ndarray  # uint8 (N,)
    keys: np.ndarray  # int64 (places,)
    items: np.ndarray  # int32 (places,)
    losers: Any  # int32 (N,) in bytes, else None: those that would leave for the item that wants to enter
    clock: np.ndarray  # int64 (1,)
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, places: int, size: np.ndarray | None = None) -> State:
    """An empty cache."""
    return State(
        np.zeros(catalog_size, np.int64),
        np.zeros(catalog_size, np.uint8),
        np.zeros(places, np.int64),
        np.zeros(places, np.int32),
        None if size is None else np.zeros(catalog_size, np.int32),
        np.zeros(1, np.int64),
        capacity,
        size,
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    score = state.score
    clock = state.clock
    clock[0] += 1
    score[item] = (((score[item] >> TIME_BITS) + 1) << TIME_BITS) + clock[0]
    if state.held[item] != 0:
        return True
    _admit(state, item, log, state.size)
    return False


@kernel
def _admit(state, item, log, size):
    """A miss: enter if there is room, or in place of the lowest scores where those are lower."""
    if size is None:
        _admit_unit(state, item, log)
    else:
        _admit_sized(state, item, log)


@kernel(inline=True)
def _admit_unit(state, item, log):
    score, keys, items = state.score, state.keys, state.items
    held = np.int64(state.stats[OCCUPANCY])
    if not full(state, item):
        lazyheap.push(keys, items, held, score[item], item)
        state.held[item] = 1
        entered(state, item, log)
        return
    # A stale key is too low: the top can only turn out to be higher.
    victim = lazyheap.refresh_top(keys, items, held, score)
    if (score[item] >> TIME_BITS) > (keys[0] >> TIME_BITS):
        state.held[victim] = 0
        left(state, victim, log)
        entered(state, item, log)
        state.held[item] = 1
        lazyheap.replace_top(keys, items, held, score[item], item)


@kernel
def _admit_sized(state, item, log):
    """First see who would have to leave, then let all of them go or none."""
    if too_large(state, item):
        return
    score, keys, items, losers = state.score, state.keys, state.items, state.losers
    held = np.int64(state.stats[OCCUPANCY])
    lacking = excess(state, item)
    taken = 0
    wins = True
    while wins and lacking > 0.0:
        victim = lazyheap.refresh_top(keys, items, held, score)
        wins = (score[item] >> TIME_BITS) > (keys[0] >> TIME_BITS)
        if wins:
            held = lazyheap.pop(keys, items, held)
            lacking -= weight(state, victim)
            losers[taken] = victim
            taken += 1
    for k in range(taken):
        victim = losers[k]
        if wins:
            state.held[victim] = 0
            left(state, victim, log)
        else:
            held = lazyheap.push(keys, items, held, score[victim], victim)
    if wins:
        lazyheap.push(keys, items, held, score[item], item)
        state.held[item] = 1
        entered(state, item, log)


@kernel
def peek(state):
    return lazyheap.refresh_top(state.keys, state.items, np.int64(state.stats[OCCUPANCY]), state.score)


@kernel
def remove(state, item, log):
    lazyheap.discard(state.keys, state.items, np.int64(state.stats[OCCUPANCY]), item)
    state.held[item] = 0
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return float(state.held[item])


class LFU(CachingPolicy):
    __doc__ = __doc__

    name = "lfu"
    touches = {"score": 1, "held": 1}
    rule = "keep the items with the most requests so far (perfect LFU); ties go to the item held"
    reference = "Breslau et al., INFOCOM 1999"
    takes_sizes = True
    step, share = staticmethod(step), staticmethod(share)
    _peek, _remove = staticmethod(peek), staticmethod(remove)

    def _init(self) -> State:
        return init(self.capacity, self.catalog_size, self.places, self._sizes())

    def fractions(self) -> np.ndarray:
        return self.state.held.astype(np.float64)

    def _extend(self, state: State, catalog_size: int) -> State:
        score, held = extended(state.score, catalog_size, 0), extended(state.held, catalog_size, 0)
        state = state._replace(score=score, held=held)
        if self.unit == "bytes":
            losers = resized(state.losers, catalog_size)
            state = self._places(state, catalog_size)._replace(losers=losers)
        return state

    def _resize(self, state: State, capacity: int) -> State:
        state = state._replace(capacity=capacity)
        return self._places(state, capacity) if self.unit == "items" else state

    @staticmethod
    def _places(state: State, places: int) -> State:
        return state._replace(keys=resized(state.keys, places), items=resized(state.items, places))
