"""GDSF (greedy dual, size, frequency): LFU with dynamic aging per byte, so that small items stay longer.

Rule: an item's priority is L + F/s, where F counts its requests since it came in, itself included, s is
its size (1 where sizes don't count) and L is the priority of the item evicted last (0 at first), as it
stood at the item's last request. On a miss the item takes its priority first; then the smallest leaves, among
several the one whose last request is longest ago, until all fit. The newcomer can be that one: then it does
not enter. All items cost the same to fetch.

Sizes: part of the rule. An item larger than the cache never enters.

Cost: O(log C) amortised per miss, O(1) per hit. Memory: 20 bytes per item, 20 per cached item.

Regret: none is declared. On the cyclic sequence over C+1 items of size 1 there is no hit at all, while the
best static set has a hit ratio of C/(C+1).

References
----------
.. [1] L. Cherkasova, "Improving WWW proxies performance with greedy-dual-size-frequency caching policy",
   HP Laboratories report HPL-98-69R1, 1998.

Examples
--------
>>> cache = GDSF(capacity=4, catalog_size=4, unit="bytes")
>>> [cache.request(i, size=s) for i, s in ((0, 1), (1, 3), (2, 2), (0, 1), (1, 3))]
[False, False, False, True, False]
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.caching._classic import Classic
from olearn.policies.caching._ledger import OCCUPANCY, entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import weight

#: F/s is counted in millionths of a request per byte, which keeps small quotients apart from L.
SCALE = 1e6


class State(NamedTuple):
    """Priorities of the items held and a lazy heap of them, ordered by (priority, last request)."""

    value: np.ndarray  # float64 (N,)
    last: np.ndarray  # int64 (N,): time of the last request; 0 says away
    requests: np.ndarray  # int32 (N,)
    keys: np.ndarray  # float64 (places,)
    times: np.ndarray  # int64 (places,)
    items: np.ndarray  # int32 (places,)
    clock: np.ndarray  # int64 (1,)
    floor: np.ndarray  # float64 (1,): L
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, size: np.ndarray | None = None) -> State:
    """An empty cache."""
    places = catalog_size if size is not None else min(capacity, catalog_size)
    return State(
        np.zeros(catalog_size),
        np.zeros(catalog_size, np.int64),
        np.zeros(catalog_size, np.int32),
        np.zeros(places),
        np.zeros(places, np.int64),
        np.zeros(places, np.int32),
        np.zeros(1, np.int64),
        np.zeros(1),
        capacity,
        size,
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    now = state.clock[0] + 1
    state.clock[0] = now
    if state.last[item] != 0:
        n = state.requests[item] + 1
        state.requests[item] = n
        state.value[item] = state.floor[0] + n * SCALE / max(weight(state.size, item), 1)
        state.last[item] = now
        return True
    _miss(state, item, log)
    return False


@kernel
def _miss(state, item, log):
    if too_large(state, item):
        return
    now = state.clock[0]
    value = state.floor[0] + SCALE / max(weight(state.size, item), 1)
    while full(state, item):
        _refresh(state)
        if value < state.keys[0]:  # the newcomer is the victim
            state.floor[0] = value
            return
        evict(state, log)
    state.requests[item] = 1
    state.value[item] = value
    state.last[item] = now
    at = np.int64(state.stats[OCCUPANCY])
    _place(state, at, value, now, item)
    _up(state, at)
    entered(state, item, log)


@kernel(inline=True)
def _place(state, at, key, time, item):
    state.keys[at] = key
    state.times[at] = time
    state.items[at] = item


@kernel(inline=True)
def _copy(state, to, at):
    state.keys[to] = state.keys[at]
    state.times[to] = state.times[at]
    state.items[to] = state.items[at]


@kernel(inline=True)
def _before(state, key, time, at):
    return key < state.keys[at] or (key == state.keys[at] and time < state.times[at])


@kernel
def _up(state, at):
    key, time, item = state.keys[at], state.times[at], state.items[at]
    parent = (at - 1) >> 2
    while at > 0 and _before(state, key, time, parent):
        _copy(state, at, parent)
        at = parent
        parent = (at - 1) >> 2
    _place(state, at, key, time, item)


@kernel
def _down(state, at, held):
    key, time, item = state.keys[at], state.times[at], state.items[at]
    child = 4 * at + 1
    placed = False
    while child < held and not placed:
        end = child + 4 if child + 4 < held else held
        least = child
        for c in range(child + 1, end):
            if _before(state, state.keys[c], state.times[c], least):
                least = c
        if _before(state, key, time, least):
            placed = True
        else:
            _copy(state, at, least)
            at = least
            child = 4 * at + 1
    _place(state, at, key, time, item)


@kernel
def _refresh(state):
    """Bring the smallest true priority to the top: those in the heap are too small where there were hits."""
    held = np.int64(state.stats[OCCUPANCY])
    top = state.items[0]
    while state.times[0] < state.last[top]:
        _place(state, 0, state.value[top], state.last[top], top)
        _down(state, 0, held)
        top = state.items[0]


@kernel
def peek(state):
    if state.stats[OCCUPANCY] == 0.0:
        return np.int64(-1)
    _refresh(state)
    return np.int64(state.items[0])


@kernel
def evict(state, log):
    _refresh(state)
    victim = state.items[0]
    state.floor[0] = state.keys[0]
    _take_out(state, 0)
    state.last[victim] = 0
    left(state, victim, log)


@kernel
def _take_out(state, at):
    end = np.int64(state.stats[OCCUPANCY]) - 1
    if at < end:
        _copy(state, at, end)
        _up(state, at)
        _down(state, at, end)


@kernel
def remove(state, item, log):
    """Take out an item that is held: O(items held). L stays."""
    at = 0
    while state.items[at] != item:
        at += 1
    _take_out(state, at)
    state.last[item] = 0
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.last[item] != 0 else 0.0


class GDSF(Classic):
    __doc__ = __doc__

    name = "gdsf"
    touches = {"value": 1, "last": 1, "requests": 1}
    rule = "evict the smallest L + F/s: requests per byte plus the priority of the last one evicted"
    reference = "Cherkasova, HPL-98-69R1 1998"
    step, share = staticmethod(step), staticmethod(share)
    _peek, _evict, _remove = staticmethod(peek), staticmethod(evict), staticmethod(remove)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, size)

    def held(self) -> np.ndarray:
        return self.state.last != 0

    def needed(self) -> np.ndarray:
        return self.state.last != 0
