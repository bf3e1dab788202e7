"""2Q: a FIFO queue for newcomers, a ghost queue that recognises those who return, LRU for these.

Rule: a new item enters A1in, a FIFO queue; a hit there changes nothing. An item evicted from A1in is
remembered in A1out, a FIFO queue of ids; one that is requested while remembered enters Am, an LRU list, and
leaves A1out. To evict: the oldest of A1in if A1in exceeds its share `kin` (25 % of the capacity) or Am is
empty, else the least recently used of Am, which is not remembered. A1out holds ids worth `kout` (50 %) of
the capacity.

Sizes: the paper counts pages; here shares are shares of the bytes, an item larger than A1in's share never
enters, and Am keeps within what A1in's share leaves.

Cost: O(1) amortised per request. Memory: 4 bytes per item, at most 28 per cached item, ghosts included.

Regret: none is declared. On the cyclic sequence over 2C items every item has left both A1in and A1out
when it returns: no hit, while the best static set has a hit ratio of 1/2.

References
----------
.. [1] T. Johnson and D. Shasha, "2Q: a low overhead high performance buffer management replacement
   algorithm", VLDB 1994 (the full version, section 2.3).

Examples
--------
>>> cache = TwoQ(capacity=4, catalog_size=8)
>>> [cache.request(i) for i in (0, 1, 2, 3, 4, 0, 5, 0)]
[False, False, False, False, False, False, False, True]
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.policies.caching._base import Common
from olearn.policies.caching._classic import Classic, check_share
from olearn.policies.caching._ledger import entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import (
    COUNT,
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

#: Tags of records: which queue an item is in.
AWAY, IN, MAIN, OUT = range(4)


class State(NamedTuple):
    """The three queues."""

    record: np.ndarray  # int32 (N,)
    a1in: Ring
    a1out: Queue
    am: Queue
    limits: np.ndarray  # int64 (3,): of A1in, A1out and Am
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    booked: Any  # int64 (N,) in bytes, else None: what an item in a queue counts for there
    stats: np.ndarray  # float64 (STATS,)


def init(
    capacity: int, catalog_size: int, kin: float = 0.25, kout: float = 0.5, size: np.ndarray | None = None
) -> State:
    """An empty cache."""
    room = catalog_size if size is not None else min(capacity, catalog_size)
    first, out = int(kin * capacity), int(kout * capacity)
    return State(
        np.zeros(catalog_size, np.int32),
        new_ring(room),
        new_queue(catalog_size if size is not None else min(out, catalog_size)),
        new_queue(room),
        np.array([first, out, capacity - first], np.int64),
        capacity,
        size,
        None if size is None else np.zeros(catalog_size, np.int64),
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    tag = state.record[item] & TAG
    if tag == MAIN:
        push(state.am, state.record, item, MAIN)
        return True
    if tag == IN:
        return True
    _miss(state, item, tag, log)
    return False


@kernel
def _miss(state, item, tag, log):
    if too_large(state, item) or not _small_enough(state.size, item, state.limits):
        return
    record = state.record
    if tag == OUT:
        state.a1out.ends[LOAD] -= weight(state.booked, item)
        record[item] = AWAY
    while full(state, item):
        evict(state, log)
    w = weight(state.size, item)
    if tag == OUT:
        am = state.am.ends
        while am[LOAD] > 0 and am[LOAD] + w > state.limits[2]:
            _evict_main(state, log)
        push(state.am, record, item, MAIN)
        am[LOAD] += w
    else:
        ring_push(state.a1in, item)
        state.a1in.ends[LOAD] += w
        record[item] = IN
    _book(state.booked, item, w)
    entered(state, item, log)


@kernel(inline=True)
def _small_enough(size, item, limits):
    if size is None:
        return True
    return size[item] <= limits[0]


@kernel(inline=True)
def _book(booked, item, w):
    if booked is not None:
        booked[item] = w


@kernel
def evict(state, log):
    """Evict one item."""
    a1in = state.a1in.ends
    if (a1in[LOAD] > state.limits[0] or state.am.ends[LOAD] == 0) and a1in[COUNT] > 0:
        item = ring_pop(state.a1in)
        w = weight(state.booked, item)
        a1in[LOAD] -= w
        state.record[item] = AWAY
        left(state, item, log)
        _remember(state, item, w)
    else:
        _evict_main(state, log)


@kernel(inline=True)
def _evict_main(state, log):
    item = oldest(state.am, state.record, MAIN)
    state.am.ends[LOAD] -= weight(state.booked, item)
    state.record[item] = AWAY
    left(state, item, log)


@kernel(inline=True)
def _remember(state, item, w):
    out, record = state.a1out, state.record
    if w <= state.limits[1]:
        while out.ends[LOAD] + w > state.limits[1]:
            old = oldest(out, record, OUT)
            out.ends[LOAD] -= weight(state.booked, old)
            record[old] = AWAY
        push(out, record, item, OUT)
        out.ends[LOAD] += w


@kernel
def peek(state):
    """The next victim."""
    a1in = state.a1in.ends
    if a1in[COUNT] > 0 and (a1in[LOAD] > state.limits[0] or state.am.ends[LOAD] == 0):
        return np.int64(state.a1in.ring[a1in[0]])
    if state.am.ends[LOAD] > 0:
        return np.int64(oldest(state.am, state.record, MAIN))
    return np.int64(-1)


@kernel
def remove(state, item, log):
    """Take an item out; out of A1in, which closes up, that costs O(its length)."""
    w = weight(state.booked, item)
    if state.record[item] & TAG == IN:
        ring_remove(state.a1in, item)
        state.a1in.ends[LOAD] -= w
    else:
        state.am.ends[LOAD] -= w
    state.record[item] = AWAY
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    tag = state.record[item] & TAG
    return 1.0 if tag in (IN, MAIN) else 0.0


class TwoQ(Classic):
    __doc__ = __doc__

    name = "2q"
    touches = {"record": 1}
    rule = "FIFO for newcomers, a ghost queue that recognises who returns, LRU for these"
    reference = "Johnson and Shasha, VLDB 1994"
    step, share = staticmethod(step), staticmethod(share)
    _peek, _evict, _remove = staticmethod(peek), staticmethod(evict), staticmethod(remove)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        kin: float = 0.25,
        kout: float = 0.5,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.kin = kin
        self.kout = kout

    def validate(self) -> None:
        super().validate()
        check_share(self.name, "kin", self.kin)
        check_share(self.name, "kout", self.kout, upto=16.0)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, self.kin, self.kout, size)

    def held(self) -> np.ndarray:
        tags = self.state.record & TAG
        return (tags == IN) | (tags == MAIN)

    def needed(self) -> np.ndarray:
        return self.state.record & TAG != AWAY
