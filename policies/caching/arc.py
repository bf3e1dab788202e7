"""ARC: adaptive replacement, a recency list and a frequency list whose shares two ghost lists adapt.

Rule: T1 holds items requested once lately, T2 those requested again, both in order of last request; B1 and
B2 remember items that left T1 and T2. A hit moves the item to the young end of T2. On a miss, an item
remembered in B1 raises the target p of T1 by max(|B2|/|B1|, 1), one in B2 lowers it by max(|B1|/|B2|, 1)
(lengths before the item leaves its ghost list), and the item enters T2; any other enters T1. To evict: the
oldest of T1 if T1 is longer than p (or as long, where the item came from B2), else the oldest of T2,
remembered in B1 or B2. For an item from neither ghost list, first: with T1 and B1 at C, the oldest of B1
is forgotten (if there is none, the oldest of T1 goes and is not remembered); else with all four lists at
2C the oldest of B2 is forgotten.

Sizes: the paper counts pages; here lengths, p and C are in bytes and the same conditions are asked for each
victim.

Cost: O(1) amortised per request; a hit writes one record and one entry of a log. Memory: 4 bytes per item,
at most 64 per cached item, ghosts included.

Regret: none is declared. On the cyclic sequence over C+1 items, T1 and B1 together hold what LRU
would, T2 stays empty and there is no hit, while the best static set has a hit ratio of C/(C+1).

References
----------
.. [1] N. Megiddo and D. S. Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003.

Examples
--------
>>> cache = ARC(capacity=2, catalog_size=4)
>>> [cache.request(i) for i in (0, 1, 0, 2, 0, 1)]
[False, False, True, False, True, False]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.caching._classic import Classic
from olearn.policies.caching._ledger import entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import LOAD, TAG, Queue, new_queue, oldest, push, weight

#: Tags of records: which list an item is in.
AWAY, T1, T2, B1, B2 = range(5)


class State(NamedTuple):
    """The four lists."""

    record: np.ndarray  # int32 (N,)
    t1: Queue
    t2: Queue
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
    ghosts = min(2 * room, catalog_size)
    return State(
        np.zeros(catalog_size, np.int32),
        new_queue(room),
        new_queue(room),
        new_queue(room),
        new_queue(ghosts),
        np.zeros(1),
        capacity,
        size,
        None if size is None else np.zeros(catalog_size, np.int64),
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    record = state.record
    tag = record[item] & TAG
    if tag in (T1, T2):
        if tag == T1:
            w = weight(state.booked, item)
            state.t1.ends[LOAD] -= w
            state.t2.ends[LOAD] += w
        push(state.t2, record, item, T2)
        return True
    _miss(state, item, tag, log)
    return False


@kernel
def _miss(state, item, tag, log):
    if too_large(state, item):
        return
    record, target = state.record, state.target
    b1, b2 = state.b1.ends, state.b2.ends
    if tag == B1:
        target[0] = min(target[0] + max(b2[LOAD] / b1[LOAD], 1.0), float(state.capacity))
        b1[LOAD] -= weight(state.booked, item)
        record[item] = AWAY
    elif tag == B2:
        target[0] = max(target[0] - max(b1[LOAD] / b2[LOAD], 1.0), 0.0)
        b2[LOAD] -= weight(state.booked, item)
        record[item] = AWAY
    w = weight(state.size, item)
    while full(state, item):
        if tag == AWAY:
            _make_room(state, w, log)
        else:
            _replace(state, tag == B2, log)
    _book(state.booked, item, w)
    if tag == AWAY:
        push(state.t1, record, item, T1)
        state.t1.ends[LOAD] += w
    else:
        push(state.t2, record, item, T2)
        state.t2.ends[LOAD] += w
    entered(state, item, log)


@kernel(inline=True)
def _book(booked, item, w):
    if booked is not None:
        booked[item] = w


@kernel(inline=True)
def _make_room(state, w, log):
    """Evict one item for an item of weight `w` that no list remembers (case IV of the paper)."""
    t1, t2, b1, b2 = state.t1.ends, state.t2.ends, state.b1.ends, state.b2.ends
    if t1[LOAD] + b1[LOAD] + w > state.capacity:
        if b1[LOAD] > 0:
            _forget(state, state.b1, B1)
            _replace(state, False, log)
        else:
            item = oldest(state.t1, state.record, T1)
            t1[LOAD] -= weight(state.booked, item)
            state.record[item] = AWAY
            left(state, item, log)
    else:
        if t1[LOAD] + t2[LOAD] + b1[LOAD] + b2[LOAD] >= 2 * state.capacity and b2[LOAD] > 0:
            _forget(state, state.b2, B2)
        _replace(state, False, log)


@kernel(inline=True)
def _forget(state, queue, tag):
    item = oldest(queue, state.record, tag)
    queue.ends[LOAD] -= weight(state.booked, item)
    state.record[item] = AWAY


@kernel
def _replace(state, from_b2, log):
    """Move the oldest of T1 or T2 to its ghost list."""
    record = state.record
    first = state.t1.ends[LOAD]
    p = state.target[0]
    if (first > 0 and (first > p or (from_b2 and first == p))) or state.t2.ends[LOAD] == 0:
        item = oldest(state.t1, record, T1)
        w = weight(state.booked, item)
        state.t1.ends[LOAD] -= w
        state.b1.ends[LOAD] += w
        push(state.b1, record, item, B1)
    else:
        item = oldest(state.t2, record, T2)
        w = weight(state.booked, item)
        state.t2.ends[LOAD] -= w
        state.b2.ends[LOAD] += w
        push(state.b2, record, item, B2)
    left(state, item, log)


@kernel
def evict(state, log):
    """Evict one item as a miss of an unknown item would, and remember it."""
    _make_room(state, 1, log)


@kernel
def remove(state, item, log):
    """Forget an item that is held."""
    if state.record[item] & TAG == T1:
        state.t1.ends[LOAD] -= weight(state.booked, item)
    else:
        state.t2.ends[LOAD] -= weight(state.booked, item)
    state.record[item] = AWAY
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    tag = state.record[item] & TAG
    return 1.0 if tag in (T1, T2) else 0.0


class ARC(Classic):
    __doc__ = __doc__

    name = "arc"
    touches = {"record": 1}
    rule = "a recency and a frequency list, their shares adapted by hits on what each evicted lately"
    reference = "Megiddo and Modha, FAST 2003"
    step, share = staticmethod(step), staticmethod(share)
    _evict, _remove = staticmethod(evict), staticmethod(remove)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, size)

    def held(self) -> np.ndarray:
        tags = self.state.record & TAG
        return (tags == T1) | (tags == T2)

    def needed(self) -> np.ndarray:
        return self.state.record & TAG != AWAY

    def _resize(self, state: State, capacity: int) -> State:
        state = super()._resize(state, capacity)
        np.minimum(state.target, capacity, out=state.target)
        return state
