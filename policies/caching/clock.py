"""CLOCK (FIFO with reinsertion, second chance): FIFO that spares what was requested since its last turn.

Rule: a hit sets the item's bit. On a miss with a full cache the hand looks at the oldest item: with its
bit set, the item loses the bit and goes back to the young end; the first item without one is evicted.
New items enter at the young end with the bit clear.

Sizes: the hand evicts until the new item fits. An item larger than the cache never enters.

Cost: O(1) amortised per request; a hit reads one byte. Memory: 1 byte per item, 4 per cached item.

Regret: none is declared. On the cyclic sequence over C+1 items CLOCK has no hit, while the best static
set has a hit ratio of C/(C+1), so its regret grows linearly.

References
----------
.. [1] F. J. Corbato, "A paging experiment with the Multics system", MIT Project MAC, 1968.
.. [2] A. S. Tanenbaum and H. Bos, "Modern operating systems", 4th ed., 2014, section 3.4 (second chance).

Examples
--------
>>> cache = Clock(capacity=2, catalog_size=4)
>>> [cache.request(i) for i in (0, 1, 0, 2, 0, 1)]
[False, False, True, False, True, False]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.caching._classic import Classic
from olearn.policies.caching._ledger import entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import COUNT, HEAD, Ring, new_ring, ring_pop, ring_push, ring_remove

#: What ``mark`` says of an item.
AWAY, HELD, REQUESTED = range(3)


class State(NamedTuple):
    """The ring of the items held and a byte for each item."""

    mark: np.ndarray  # uint8 (N,)
    queue: Ring
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, size: np.ndarray | None = None) -> State:
    """An empty cache."""
    room = catalog_size if size is not None else min(capacity, catalog_size)
    return State(np.zeros(catalog_size, np.uint8), new_ring(room), capacity, size, new_stats())


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
    ring_push(state.queue, item)
    mark[item] = HELD
    entered(state, item, log)
    return False


@kernel(inline=True)
def evict(state, log):
    mark = state.mark
    item = ring_pop(state.queue)
    while mark[item] == REQUESTED:
        mark[item] = HELD
        ring_push(state.queue, item)
        item = ring_pop(state.queue)
    mark[item] = AWAY
    left(state, item, log)


@kernel
def peek(state):
    """The next victim: the oldest without a bit, or else the oldest."""
    ring, ends = state.queue.ring, state.queue.ends
    at = ends[HEAD]
    for _ in range(ends[COUNT]):
        if state.mark[ring[at]] == HELD:
            return np.int64(ring[at])
        at = at + 1 if at + 1 < ring.size else 0
    return np.int64(ring[ends[HEAD]] if ends[COUNT] > 0 else -1)


@kernel
def remove(state, item, log):
    """Take an item out of the middle: the ring closes up, O(items held)."""
    ring_remove(state.queue, item)
    state.mark[item] = AWAY
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.mark[item] != AWAY else 0.0


class Clock(Classic):
    __doc__ = __doc__

    name = "clock"
    touches = {"mark": 1}
    rule = "FIFO, but an item requested since its last turn goes round once more"
    reference = "Corbato, MIT Project MAC 1968"
    step, share = staticmethod(step), staticmethod(share)
    _peek, _evict, _remove = staticmethod(peek), staticmethod(evict), staticmethod(remove)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, size)

    def held(self) -> np.ndarray:
        return self.state.mark != AWAY

    def needed(self) -> np.ndarray:
        return self.state.mark != AWAY
