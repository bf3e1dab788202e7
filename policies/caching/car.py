"""CAR: clock with adaptive replacement, ARC's adaptation with two clocks in place of two lists.

Rule: T1 and T2 are clocks (FIFO queues with a bit an item), B1 and B2 remember what left them. A hit sets
the item's bit. To evict: while T1 is at least max(1, p) long look at its oldest item, else at that of T2;
with its bit set the item loses it and goes to the young end of T2; without, it leaves, remembered in B1 or
B2. An item that no list remembers enters T1, after the oldest of B1 is forgotten if T1 and B1 are at C, or
else that of B2 if all four lists are at 2C. One that B1 remembers raises the target p by max(1, |B2|/|B1|),
one in B2 lowers it by max(1, |B1|/|B2|), and enters T2.

Sizes: the paper counts pages; here lengths, p and C are in bytes. An item larger than the cache never enters.

Cost: O(1) amortised per request; a hit writes one record. Memory: 4 bytes per item, at most 44 per cached
item, ghosts included.

Regret: none is declared. On the cyclic sequence over 2C+1 items nothing is requested while it is held or
remembered: no hit at all, while the best static set has a hit ratio of C/(2C+1).

References
----------
.. [1] S. Bansal and D. S. Modha, "CAR: clock with adaptive replacement", FAST 2004.

Examples
--------
>>> cache = CAR(capacity=2, catalog_size=4)
>>> [cache.request(i) for i in (0, 1, 0, 2, 0, 1)]
[False, False, True, False, True, False]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.caching._classic import Classic
from olearn.policies.caching._ledger import entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import (
    LOAD,
    TAG,
    Queue,
    Ring,
    new_queue,
    new_ring,
    oldest,
    push,
    ring_pop,
    ring_push,
    ring_remove,
    weight,
)

#: Tags of records: which list an item is in. T1 and T2 with the bit set are MARKED more.
AWAY, T1, T2, B1, B2 = range(5)
MARKED = 4


class State(NamedTuple):
    """The two clocks and their ghosts."""

    record: np.ndarray  # int32 (N,)
    t1: Ring
    t2: Ring
    b1: Queue
    b2: Queue
    target: np.ndarray  # float64 (1,): p
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    booked: Any  # int64 (N,) in bytes, else None: what an item in one of the lists counts for there
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, size: np.ndarray | None = None) -> State:
    """An empty cache."""
    room = catalog_size if size is not None else min(capacity, catalog_size)
    return State(
        np.zeros(catalog_size, np.int32),
        new_ring(room),
        new_ring(room),
        new_queue(min(2 * room, catalog_size)),
        new_queue(min(2 * room, catalog_size)),
        np.zeros(1),
        capacity,
        size,
        None if size is None else np.zeros(catalog_size, np.int64),
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    tag = state.record[item] & TAG
    if AWAY < tag <= T2:
        state.record[item] = tag + MARKED
        return True
    if tag > B2:
        return True
    _miss(state, item, tag, log)
    return False


@kernel
def _miss(state, item, tag, log):
    if too_large(state, item):
        return
    record, target = state.record, state.target
    t1, t2, b1, b2 = state.t1.ends, state.t2.ends, state.b1.ends, state.b2.ends
    while full(state, item):
        evict(state, log)
    w = weight(state.size, item)
    if tag == AWAY:
        while b1[LOAD] > 0 and t1[LOAD] + b1[LOAD] + w > state.capacity:
            _forget(state, state.b1, B1)
        while b2[LOAD] > 0 and t1[LOAD] + t2[LOAD] + b1[LOAD] + b2[LOAD] + w > 2 * state.capacity:
            _forget(state, state.b2, B2)
    elif tag == B1:
        target[0] = min(target[0] + max(b2[LOAD] / b1[LOAD], 1.0), float(state.capacity))
        b1[LOAD] -= weight(state.booked, item)
    else:
        target[0] = max(target[0] - max(b1[LOAD] / b2[LOAD], 1.0), 0.0)
        b2[LOAD] -= weight(state.booked, item)
    _book(state.booked, item, w)
    if tag == AWAY:
        ring_push(state.t1, item)
        t1[LOAD] += w
        record[item] = T1
    else:
        ring_push(state.t2, item)
        t2[LOAD] += w
        record[item] = T2
    entered(state, item, log)


@kernel(inline=True)
def _book(booked, item, w):
    if booked is not None:
        booked[item] = w


@kernel(inline=True)
def _forget(state, queue, tag):
    item = oldest(queue, state.record, tag)
    queue.ends[LOAD] -= weight(state.booked, item)
    state.record[item] = AWAY


@kernel
def evict(state, log):
    """Turn the hands until one item leaves."""
    record = state.record
    t1, t2 = state.t1.ends, state.t2.ends
    gone = False
    while not gone:
        first = t2[LOAD] == 0 or (t1[LOAD] > 0 and t1[LOAD] >= max(1.0, state.target[0]))
        item = ring_pop(state.t1) if first else ring_pop(state.t2)
        w = weight(state.booked, item)
        if first:
            t1[LOAD] -= w
        else:
            t2[LOAD] -= w
        if record[item] > MARKED:
            record[item] = T2
            ring_push(state.t2, item)
            t2[LOAD] += w
        else:
            if first:
                push(state.b1, record, item, B1)
                state.b1.ends[LOAD] += w
            else:
                push(state.b2, record, item, B2)
                state.b2.ends[LOAD] += w
            left(state, item, log)
            gone = True


@kernel
def remove(state, item, log):
    """Take an item out of its clock, which closes up: O(items held)."""
    w = weight(state.booked, item)
    if state.record[item] & (MARKED - 1) == T1:
        ring_remove(state.t1, item)
        state.t1.ends[LOAD] -= w
    else:
        ring_remove(state.t2, item)
        state.t2.ends[LOAD] -= w
    state.record[item] = AWAY
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    tag = state.record[item] & TAG
    return 1.0 if AWAY < tag <= T2 or tag > B2 else 0.0


class CAR(Classic):
    __doc__ = __doc__

    name = "car"
    touches = {"record": 1}
    rule = "two clocks, their shares adapted by hits on what each evicted lately"
    reference = "Bansal and Modha, FAST 2004"
    step, share = staticmethod(step), staticmethod(share)
    _evict, _remove = staticmethod(evict), staticmethod(remove)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, size)

    def held(self) -> np.ndarray:
        tags = self.state.record & TAG
        return (tags == T1) | (tags == T2) | (tags > B2)

    def needed(self) -> np.ndarray:
        return self.state.record & TAG != AWAY

    def _resize(self, state: State, capacity: int) -> State:
        state = super()._resize(state, capacity)
        np.minimum(state.target, capacity, out=state.target)
        return state
