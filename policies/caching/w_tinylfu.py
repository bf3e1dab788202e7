"""W-TinyLFU: an LRU window in front of a segmented LRU cache whose entrance is guarded by frequencies.

Rule: a new item enters the window (an LRU list, a share `window` of the capacity, 1 %). What falls out of a
full window is a candidate for the main cache (segmented LRU: probation and, `protected` = 80 % of it,
protected). While that has room the candidate enters probation. Else it is compared with the victim, the
oldest item of probation (of protected, where that is empty): it takes its place if it was requested more
often, and is evicted otherwise. A hit in probation promotes to protected, whose overflow goes back to
probation. Requests are counted up to 15, and all counts are halved after every 10 C requests, less half of
those counted so far, so that they stay fresh.

The counts are exact, one for each item: ids are dense here, so there is nothing to gain from the paper's
count-min sketch with its collisions, nor from its doorkeeper. That makes a replay independent of hash
functions.

Sizes (the "aggregated victims" of [2]_): shares are shares of the bytes; a candidate enters if its count
exceeds the sum of those of all the items that would have to leave for it; an item larger than the window is
a candidate at once; counts are halved after 10 requests for each item held at most so far.

Cost: O(1) amortised per request; an item's record and its count share a cache line. Memory: 8 bytes per
item, at most 48 per cached item.

Regret: none is declared. When popularity changes, newcomers lose against counts of up to 15 until these
have been halved away: phases of a few C requests, each with items of its own requested in turn, make
its regret grow linearly.

References
----------
.. [1] G. Einziger, R. Friedman and B. Manes, "TinyLFU: a highly efficient cache admission policy", ACM
   Transactions on Storage 13(4), 2017.
.. [2] G. Einziger, O. Eytan, R. Friedman and B. Manes, "Lightweight robust size aware cache management",
   ACM Transactions on Storage 18(3), 2022.

Examples
--------
>>> cache = WTinyLFU(capacity=3, catalog_size=5)
>>> [cache.request(i) for i in (0, 1, 0, 1, 2, 3, 4, 0, 1)]
[False, False, True, True, False, False, False, True, True]
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.policies.caching._base import Common
from olearn.policies.caching._classic import Classic, check_share
from olearn.policies.caching._ledger import PEAK, entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import LOAD, OLD, TAG, TAG_BITS, Queue, new_queue, oldest, push, weight

#: Tags of records: which list an item is in.
AWAY, WINDOW, PROBATION, PROTECTED = range(4)
#: Counts are kept in the lowest bits of a word, above them the number of halvings they have seen.
COUNT_BITS = 4
MOST = (1 << COUNT_BITS) - 1
#: Requests counted between two halvings, for each item of capacity.
SAMPLE = 10


class State(NamedTuple):
    """The three lists; of item i, ``record[2i]`` is its place and ``record[2i+1]`` its count. Logs hold 2i."""

    record: np.ndarray  # int32 (2N,)
    window: Queue
    probation: Queue
    protected: Queue
    limits: np.ndarray  # int64 (3,): of window, main cache, protected
    clock: np.ndarray  # int64 (2,): requests counted since the last halving, halvings
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(
    capacity: int,
    catalog_size: int,
    window: float = 0.01,
    protected: float = 0.8,
    size: np.ndarray | None = None,
) -> State:
    """An empty cache."""
    first = max(1, int(window * capacity))
    main = capacity - first
    limits = np.array([first, main, int(protected * main)], np.int64)
    rooms = [catalog_size] * 3 if size is not None else [min(n, catalog_size) for n in (first, main, main)]
    candidates, probation, guarded = (new_queue(n) for n in rooms)
    return State(
        np.zeros(2 * catalog_size, np.int32),
        candidates,
        probation,
        guarded,
        limits,
        np.zeros(2, np.int64),
        capacity,
        size,
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    record = state.record
    node = 2 * item
    tag = record[node] & TAG
    _count(state, node + 1)
    if tag == PROTECTED:
        push(state.protected, record, node, PROTECTED)
        return True
    if tag == WINDOW:
        push(state.window, record, node, WINDOW)
        return True
    if tag == PROBATION:
        _promote(state, node)
        return True
    _miss(state, item, log)
    return False


@kernel(inline=True)
def _count(state, at):
    record, clock = state.record, state.clock
    n = _current(record[at], clock[1])
    record[at] = (clock[1] << COUNT_BITS) | (n + 1 if n < MOST else n)
    clock[0] += 1
    if clock[0] >= SAMPLE * _items(state.size, state.capacity, state.stats):
        clock[0] //= 2
        clock[1] += 1


@kernel(inline=True)
def _items(size, capacity, stats):
    if size is None:
        return capacity
    return np.int64(max(stats[PEAK], 1.0))


@kernel(inline=True)
def _current(word, halvings):
    """A count as it is now: halved once for each halving since it was written."""
    missed = halvings - (word >> COUNT_BITS)
    return (word & MOST) >> missed if missed < COUNT_BITS else 0


@kernel(inline=True)
def _promote(state, node):
    record, low, high = state.record, state.probation, state.protected
    w = weight(state.size, node >> 1)
    low.ends[LOAD] -= w
    high.ends[LOAD] += w
    push(high, record, node, PROTECTED)
    while high.ends[LOAD] > state.limits[2]:
        back = oldest(high, record, PROTECTED)
        w = weight(state.size, back >> 1)
        high.ends[LOAD] -= w
        low.ends[LOAD] += w
        push(low, record, back, PROBATION)


@kernel
def _miss(state, item, log):
    if too_large(state, item):
        return
    record, window = state.record, state.window
    w = weight(state.size, item)
    node = 2 * item
    if w > state.limits[0]:
        if _wins(state, node, w, log):
            push(state.probation, record, node, PROBATION)
            state.probation.ends[LOAD] += w
            entered(state, item, log)
        return
    while window.ends[LOAD] + w > state.limits[0]:
        candidate = oldest(window, record, WINDOW)
        c = weight(state.size, candidate >> 1)
        window.ends[LOAD] -= c
        if _wins(state, candidate, c, log):
            push(state.probation, record, candidate, PROBATION)
            state.probation.ends[LOAD] += c
        else:
            record[candidate] = AWAY
            left(state, candidate >> 1, log)
    while full(state, item):
        evict(state, log)
    push(window, record, node, WINDOW)
    window.ends[LOAD] += w
    entered(state, item, log)


@kernel(inline=True)
def _wins(state, candidate, w, log):
    """Whether a candidate of weight `w` may enter the main cache; what has to leave for it has left then."""
    record, low, high, halvings = state.record, state.probation, state.protected, state.clock[1]
    main = state.limits[1]
    if w > main:
        return False
    excess = low.ends[LOAD] + high.ends[LOAD] + w - main
    if excess <= 0:
        return True
    count = _current(record[candidate + 1], halvings)
    if not _outweighs(state, count, excess):
        return False
    while low.ends[LOAD] + high.ends[LOAD] + w > main:
        if low.ends[LOAD] > 0:
            victim = oldest(low, record, PROBATION)
            low.ends[LOAD] -= weight(state.size, victim >> 1)
        else:
            victim = oldest(high, record, PROTECTED)
            high.ends[LOAD] -= weight(state.size, victim >> 1)
        record[victim] = AWAY
        left(state, victim >> 1, log)
    return True


@kernel(inline=True)
def _outweighs(state, count, excess):
    """Whether `count` exceeds the counts of the victims that free `excess`, taken together."""
    record, low, high = state.record, state.probation, state.protected
    if low.ends[LOAD] > 0:
        oldest(low, record, PROBATION)
    if high.ends[LOAD] > 0:
        oldest(high, record, PROTECTED)
    left_low = low.ends[LOAD]
    at = low.ends[OLD]
    against = 0
    while excess > 0 and left_low > 0 and count > against:
        node = low.log[at]
        if record[node] == ((at << TAG_BITS) | PROBATION):
            w = weight(state.size, node >> 1)
            left_low -= w
            excess -= w
            against += _current(record[node + 1], state.clock[1])
        at += 1
    at = high.ends[OLD]
    while excess > 0 and count > against:
        node = high.log[at]
        if record[node] == ((at << TAG_BITS) | PROTECTED):
            excess -= weight(state.size, node >> 1)
            against += _current(record[node + 1], state.clock[1])
        at += 1
    return count > against


@kernel
def peek(state):
    """The item that a popular newcomer would replace."""
    record = state.record
    if state.probation.ends[LOAD] > 0:
        return np.int64(oldest(state.probation, record, PROBATION) >> 1)
    if state.protected.ends[LOAD] > 0:
        return np.int64(oldest(state.protected, record, PROTECTED) >> 1)
    if state.window.ends[LOAD] > 0:
        return np.int64(oldest(state.window, record, WINDOW) >> 1)
    return np.int64(-1)


@kernel
def evict(state, log):
    """Evict the oldest item of the main cache, or of the window where that is empty."""
    item = peek(state)
    if item >= 0:
        remove(state, item, log)


@kernel
def remove(state, item, log):
    """Take out an item that is held; its count stays."""
    tag = state.record[2 * item] & TAG
    w = weight(state.size, item)
    if tag == WINDOW:
        state.window.ends[LOAD] -= w
    elif tag == PROBATION:
        state.probation.ends[LOAD] -= w
    else:
        state.protected.ends[LOAD] -= w
    state.record[2 * item] = AWAY
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.record[2 * item] & TAG != AWAY else 0.0


class WTinyLFU(Classic):
    __doc__ = __doc__

    name = "w-tinylfu"
    touches = {"record": 2}
    rule = "an LRU window, then segmented LRU that admits what is requested more often than its victim"
    reference = "Einziger, Friedman and Manes, ACM TOS 2017"
    step, share = staticmethod(step), staticmethod(share)
    _peek, _evict, _remove = staticmethod(peek), staticmethod(evict), staticmethod(remove)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        window: float = 0.01,
        protected: float = 0.8,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.window = window
        self.protected = protected

    def validate(self) -> None:
        super().validate()
        check_share(self.name, "window", self.window)
        check_share(self.name, "protected", self.protected)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, self.window, self.protected, size)

    def needed(self) -> np.ndarray:
        """What is held, and what has a count: after four halvings without a request there is none."""
        record, halvings = self.state.record, int(self.state.clock[1])
        words = record[1::2]
        missed = halvings - (words >> COUNT_BITS)
        counts = (words & MOST) >> np.minimum(missed, COUNT_BITS)
        return (record[0::2] & TAG != AWAY) | (counts > 0)

    def held(self) -> np.ndarray:
        return self.state.record[::2] & TAG != AWAY
