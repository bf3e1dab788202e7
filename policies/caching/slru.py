"""SLRU: segments of LRU lists; a hit promotes to the next segment, an overflow demotes to the one below.

Rule: the capacity is cut into `segments` equal LRU lists (4; Karedla's paper has 2: probationary and
protected). A hit moves the item to the young end of the segment above (in the topmost, to its young end);
where that segment is full, its oldest item moves down to the young end of the segment below, and so on:
what the lowest can't hold is evicted. A new item enters the lowest segment; while the cache fills up, the
lowest one with room. On a miss with a full cache the oldest item of the lowest segment that holds something
is evicted.

Sizes: segments are equal shares of the bytes; an item larger than a segment never enters.

Cost: O(segments) amortised per request at worst. Memory: 4 bytes per item, at most 16 per cached item and
segment.

Regret: none is declared. On the cyclic sequence over 2C items no item is requested while it is in the lowest
segment once the others are full: its regret grows linearly against the best static set (1/2).

References
----------
.. [1] R. Karedla, J. S. Love and B. G. Wherry, "Caching strategies to improve disk system performance",
   IEEE Computer 27(3), 1994.
.. [2] Q. Huang et al., "An analysis of Facebook photo caching", SOSP 2013 (S4LRU: four segments).

Examples
--------
>>> cache = SLRU(capacity=4, catalog_size=8, segments=2)
>>> [cache.request(i) for i in (0, 1, 0, 2, 3, 4, 5, 0)]
[False, False, True, False, False, False, False, True]
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.errors import ParameterError, check_positive_int
from olearn.policies.caching._base import Common
from olearn.policies.caching._classic import Classic
from olearn.policies.caching._ledger import entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import LOAD, OLD, TAG, TAG_BITS, YOUNG, weight

#: As many as tags tell apart.
MOST_SEGMENTS = TAG


class State(NamedTuple):
    """The segments, lowest first; a record's tag is the segment plus 1."""

    record: np.ndarray  # int32 (N,)
    logs: np.ndarray  # int32 (segments, R)
    ends: np.ndarray  # int64 (segments, 3): as of a Queue
    limit: int
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    stats: np.ndarray  # float64 (STATS,)


def init(capacity: int, catalog_size: int, segments: int = 4, size: np.ndarray | None = None) -> State:
    """An empty cache."""
    room = catalog_size if size is not None else min(capacity, catalog_size)
    return State(
        np.zeros(catalog_size, np.int32),
        np.zeros((segments, 2 * room + 1), np.int32),
        np.zeros((segments, 3), np.int64),
        max(1, capacity // segments),
        capacity,
        size,
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    record = state.record
    tag = record[item] & TAG
    if tag == 0:
        _miss(state, item, log)
        return False
    segment = tag - 1
    if tag < state.ends.shape[0]:
        w = weight(state.size, item)
        state.ends[segment, LOAD] -= w
        record[item] = 0
        segment += 1
        if state.ends[segment, LOAD] + w > state.limit:
            _cool(state, segment, w, log)
        state.ends[segment, LOAD] += w
    _push(state, segment, item)
    return True


@kernel
def _miss(state, item, log):
    if too_large(state, item) or not _small_enough(state.size, item, state.limit):
        return
    while full(state, item):
        evict(state, log)
    w = weight(state.size, item)
    ends = state.ends
    segment = 0
    while segment < ends.shape[0] and ends[segment, LOAD] + w > state.limit:
        segment += 1
    if segment == ends.shape[0]:
        segment = 0
    _push(state, segment, item)
    ends[segment, LOAD] += w
    entered(state, item, log)


@kernel(inline=True)
def _small_enough(size, item, limit):
    if size is None:
        return True
    return size[item] <= limit


@kernel
def _cool(state, segment, w, log):
    """Make room for `w` in a segment.

    Its oldest item moves down one segment; whatever that one has to give up for it moves down first. The
    items on their way down are at most one a segment, the lowest of them at `level`.
    """
    ends, limit, size = state.ends, state.limit, state.size
    # moving[k]: nothing is stored; an item on its way is found again as the oldest of its segment.
    level = segment
    need = w
    while ends[segment, LOAD] + w > limit:
        # go down while the segment below has no room for the oldest of this one
        item = _oldest(state, level)
        need = weight(size, item)
        if level == 0:
            ends[0, LOAD] -= need
            state.record[item] = 0
            left(state, item, log)
            level = segment
        elif ends[level - 1, LOAD] + need > limit and ends[level - 1, LOAD] > 0:
            level -= 1
        else:
            ends[level, LOAD] -= need
            _push(state, level - 1, item)
            ends[level - 1, LOAD] += need
            level = segment


@kernel(inline=True)
def _push(state, segment, item):
    """Append an item at the young end of a segment (:func:`_queues.push` for a row of logs)."""
    ends = state.ends
    at = ends[segment, YOUNG]
    if at == state.logs.shape[1]:
        at = _compact(state, segment)
    state.logs[segment, at] = item
    state.record[item] = (at << TAG_BITS) | (segment + 1)
    ends[segment, YOUNG] = at + 1


@kernel
def _compact(state, segment):
    logs, ends, record = state.logs, state.ends, state.record
    to = 0
    for at in range(ends[segment, OLD], ends[segment, YOUNG]):
        item = logs[segment, at]
        if record[item] == ((at << TAG_BITS) | (segment + 1)):
            logs[segment, to] = item
            record[item] = (to << TAG_BITS) | (segment + 1)
            to += 1
    ends[segment, OLD] = 0
    ends[segment, YOUNG] = to
    return to


@kernel(inline=True)
def _oldest(state, segment):
    logs, ends, record = state.logs, state.ends, state.record
    at = ends[segment, OLD]
    item = logs[segment, at]
    while record[item] != ((at << TAG_BITS) | (segment + 1)):
        at += 1
        item = logs[segment, at]
    ends[segment, OLD] = at
    return item


@kernel
def peek(state):
    """The next victim: the oldest of the lowest segment that holds something."""
    for segment in range(state.ends.shape[0]):
        if state.ends[segment, LOAD] > 0:
            return np.int64(_oldest(state, segment))
    return np.int64(-1)


@kernel
def evict(state, log):
    """Evict one item."""
    remove(state, peek(state), log)


@kernel
def remove(state, item, log):
    """Forget an item that is held."""
    state.ends[(state.record[item] & TAG) - 1, LOAD] -= weight(state.size, item)
    state.record[item] = 0
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    return 1.0 if state.record[item] & TAG != 0 else 0.0


class SLRU(Classic):
    __doc__ = __doc__

    name = "slru"
    touches = {"record": 1}
    rule = "LRU in segments: a hit promotes by one, what overflows goes down by one"
    reference = "Karedla, Love and Wherry, IEEE Computer 1994"
    step, share = staticmethod(step), staticmethod(share)
    _peek, _evict, _remove = staticmethod(peek), staticmethod(evict), staticmethod(remove)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        segments: int = 4,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.segments = segments

    def validate(self) -> None:
        super().validate()
        if check_positive_int("segments", self.segments) > MOST_SEGMENTS:
            raise ParameterError(
                f"{self.name}: segments must be between 1 and {MOST_SEGMENTS}, got {self.segments}"
            )

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, self.segments, size)

    def held(self) -> np.ndarray:
        return self.state.record != 0

    def needed(self) -> np.ndarray:
        return self.state.record != 0
