"""SIEVE: a FIFO queue with a hand that spares what was requested since it last came by.

Rule: a hit only marks the item. On a miss with a full cache the hand moves from where it last stopped
towards the newest item (and from there on to the oldest again), takes the mark off marked items and
evicts the first without one. New items enter at the young end, unmarked. Unlike in CLOCK, items spared
keep their place, so that new items are sifted quickly and popular ones stay behind the hand.

Sizes: the hand evicts until the new item fits. An item larger than the cache never enters.

Cost: O(1) amortised per request; a hit reads one byte. Memory: 1 byte per item, 8 per cached item.

Regret: none is declared. On the cyclic sequence over C+1 items SIEVE has no hit, while the best static
set has a hit ratio of C/(C+1), so its regret grows linearly.

References
----------
.. [1] Y. Zhang, J. Yang, Y. Yue, Y. Vigfusson and K. V. Rashmi, "SIEVE is simpler than LRU: an efficient
   turn-key eviction algorithm for web caches", NSDI 2024.

Examples
--------
>>> cache = Sieve(capacity=2, catalog_size=4)
>>> [cache.request(i) for i in (0, 1, 0, 2, 0, 1)]
[False, False, True, False, True, False]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.caching._classic import Classic
from olearn.policies.caching._ledger import entered, full, left, new_stats, too_large

#: What ``mark`` says of an item.
AWAY, HELD, REQUESTED = range(3)
#: Cells of ``ends``: the items spared in this round stand in queue[:KEPT], those ahead of the hand in
#: queue[HAND:YOUNG]. In between are the places of those evicted.
KEPT, HAND, YOUNG = range(3)


class State(NamedTuple):
    """The queue, oldest first, as an array that the hand closes up as it goes."""

    mark: np.ndarray  # uint8 (N,)
    queue: np.ndarray  # int32 (2 * room + 1,)
    ends: np.ndarray  # int64 (3,)
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, size: np.ndarray | None = None) -> State:
    """An empty cache."""
    room = catalog_size if size is not None else min(capacity, catalog_size)
    return State(
        np.zeros(catalog_size, np.uint8),
        np.zeros(2 * room + 1, np.int32),
        np.zeros(3, np.int64),
        capacity,
        size,
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    mark = state.mark
    if mark[item] != AWAY:
        mark[item] = REQUESTED
        return True
    if too_large(state, item):
        return False
    while full(state, item):
        evict(state, log)
    ends = state.ends
    at = ends[YOUNG]
    if at == state.queue.size:
        at = _close_up(state)
    state.queue[at] = item
    ends[YOUNG] = at + 1
    mark[item] = HELD
    entered(state, item, log)
    return False


@kernel(inline=True)
def evict(state, log):
    mark, queue, ends = state.mark, state.queue, state.ends
    kept = ends[KEPT]
    hand = ends[HAND]
    item = queue[hand]
    while mark[item] == REQUESTED:
        mark[item] = HELD
        queue[kept] = item
        kept += 1
        hand += 1
        if hand == ends[YOUNG]:  # past the newest item: on to the oldest
            ends[YOUNG] = kept
            kept = 0
            hand = 0
        item = queue[hand]
    hand += 1
    if hand == ends[YOUNG]:
        ends[YOUNG] = kept
        kept = 0
        hand = 0
    ends[KEPT] = kept
    ends[HAND] = hand
    mark[item] = AWAY
    left(state, item, log)


@kernel
def _close_up(state):
    """Make room at the young end: at least half of the array are places of items evicted."""
    queue, ends = state.queue, state.ends
    to = ends[KEPT]
    hand = to
    for at in range(ends[HAND], ends[YOUNG]):
        queue[to] = queue[at]
        to += 1
    ends[HAND] = hand
    ends[YOUNG] = to
    return to


@kernel
def peek(state):
    """The next victim: the first without a mark from the hand on, or else the one at the hand."""
    mark, queue, ends = state.mark, state.queue, state.ends
    for at in range(ends[HAND], ends[YOUNG]):
        if mark[queue[at]] == HELD:
            return np.int64(queue[at])
    for at in range(ends[KEPT]):
        if mark[queue[at]] == HELD:
            return np.int64(queue[at])
    return np.int64(queue[ends[HAND]] if ends[YOUNG] > 0 else -1)


@kernel
def remove(state, item, log):
    """Take an item out of the middle: the queue closes up, O(items held)."""
    queue, ends = state.queue, state.ends
    kept = ends[KEPT]
    to = 0
    for at in range(kept):
        if queue[at] != item:
            queue[to] = queue[at]
            to += 1
    ends[KEPT] = to
    hand = to
    for at in range(ends[HAND], ends[YOUNG]):
        if queue[at] != item:
            queue[to] = queue[at]
            to += 1
    ends[HAND] = hand
    ends[YOUNG] = to
    if hand == to:  # the hand stood on the newest item
        ends[KEPT] = 0
        ends[HAND] = 0
    state.mark[item] = AWAY
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.mark[item] != AWAY else 0.0


class Sieve(Classic):
    __doc__ = __doc__

    name = "sieve"
    touches = {"mark": 1}
    rule = "a hand sweeps a FIFO queue, spares items requested since its last visit, evicts the first other"
    reference = "Zhang, Yang, Yue, Vigfusson and Rashmi, NSDI 2024"
    step, share = staticmethod(step), staticmethod(share)
    _peek, _evict, _remove = staticmethod(peek), staticmethod(evict), staticmethod(remove)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, size)

    def held(self) -> np.ndarray:
        return self.state.mark != AWAY

    def needed(self) -> np.ndarray:
        return self.state.mark != AWAY
