"""S3-FIFO: a small FIFO queue filters, a main one with reinsertion keeps, a ghost queue remembers.

Rule: a new item enters the small queue S (10 % of the capacity), or the main queue M where the ghost queue
G remembers it. A hit raises the item's counter, at most to 3. To evict while M is within its 90 % and S is
not empty, the oldest of S goes: to M with its counter cleared if that is at least `threshold` (2), and on to
the next; else out, remembered in G. Otherwise the oldest of M goes: back to the young end of M with its
counter lowered by 1, or out if the counter is 0. G is a FIFO queue of ids worth `ghost` (90 %) of the
capacity; an item that comes back leaves it. Until the first eviction, what finds S full enters M.

Sizes: the shares are shares of the bytes, and an item enters only if it is smaller than the small queue (the
paper leaves sizes open: what the queue can't hold can't be filtered by it).

Cost: O(1) amortised per request; a hit reads one byte. Memory: 5 bytes per item, 8 per cached item, and
8 to 16 for an entry of G.

Regret: none is declared. On the sequence that asks for every item twice, some way past the small queue's
length apart (a loop over 2C items), S3-FIFO has few hits while the best static set has half: its regret
grows linearly.

References
----------
.. [1] J. Yang, Y. Zhang, Z. Qiu, Y. Yue and K. V. Rashmi, "FIFO queues are all you need for cache
   eviction", SOSP 2023.

Examples
--------
>>> cache = S3FIFO(capacity=2, catalog_size=4)
>>> [cache.request(i) for i in (0, 1, 0, 2, 0, 1)]
[False, False, True, False, False, True]
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.errors import ParameterError, check_int
from olearn.policies.caching._base import Common
from olearn.policies.caching._classic import Classic, check_share
from olearn.policies.caching._ledger import entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import (
    COUNT,
    LOAD,
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

#: What ``mark`` says of an item: away, in S with a counter of 0 .. 3, in M with one, in G.
AWAY, SMALL, MAIN, GHOST = 0, 1, 5, 9
MOST = 3
#: The tag of an entry of G.
REMEMBERED = 1


class State(NamedTuple):
    """The three queues."""

    mark: np.ndarray  # uint8 (N,)
    record: np.ndarray  # int32 (N,): the place in the ghost queue
    small: Ring
    main: Ring
    ghost: Queue
    limits: np.ndarray  # int64 (3,): of S, M and G
    warm: np.ndarray  # int64 (1,): whether something was evicted yet
    threshold: int
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    remembered: Any  # int64 (N,) in bytes, else None: the size an item had when it went to the ghost queue
    stats: np.ndarray  # float64 (STATS,)


def init(
    capacity: int,
    catalog_size: int,
    small: float = 0.1,
    ghost: float = 0.9,
    threshold: int = 2,
    size: np.ndarray | None = None,
) -> State:
    """An empty cache."""
    room = catalog_size if size is not None else min(capacity, catalog_size)
    first = max(1, int(small * capacity))
    limits = np.array([first, capacity - first, int(ghost * capacity)], np.int64)
    return State(
        np.zeros(catalog_size, np.uint8),
        np.zeros(catalog_size, np.int32),
        new_ring(room),
        new_ring(room),
        new_queue(min(int(limits[2]), catalog_size) if size is None else catalog_size),
        limits,
        np.zeros(1, np.int64),
        threshold,
        capacity,
        size,
        None if size is None else np.zeros(catalog_size, np.int64),
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    mark = state.mark
    m = mark[item]
    if m != AWAY and m != GHOST:
        if (m - SMALL) & MOST != MOST:
            mark[item] = m + 1
        return True
    if too_large(state, item) or not _small_enough(state.size, item, state.limits):
        return False
    if m == GHOST:
        state.ghost.ends[LOAD] -= weight(state.remembered, item)
        state.record[item] = 0
    while full(state, item):
        evict(state, log)
    small, w = state.small.ends, weight(state.size, item)
    if m == GHOST or (state.warm[0] == 0 and small[LOAD] >= state.limits[0]):
        ring_push(state.main, item)
        state.main.ends[LOAD] += w
        mark[item] = MAIN
    else:
        ring_push(state.small, item)
        small[LOAD] += w
        mark[item] = SMALL
    entered(state, item, log)
    return False


@kernel(inline=True)
def _small_enough(size, item, limits):
    if size is None:
        return True
    return size[item] < limits[0]


@kernel
def evict(state, log):
    """Evict one item."""
    mark, small, main, size = state.mark, state.small.ends, state.main.ends, state.size
    state.warm[0] = 1
    gone = False
    if main[LOAD] <= state.limits[1]:
        while not gone and small[COUNT] > 0:
            item = ring_pop(state.small)
            w = weight(size, item)
            small[LOAD] -= w
            if mark[item] - SMALL >= state.threshold:
                mark[item] = MAIN
                ring_push(state.main, item)
                main[LOAD] += w
            else:
                mark[item] = AWAY
                left(state, item, log)
                _remember(state, item, w)
                gone = True
    while not gone:
        item = ring_pop(state.main)
        m = mark[item]
        if m == MAIN:
            main[LOAD] -= weight(size, item)
            mark[item] = AWAY
            left(state, item, log)
            gone = True
        else:
            mark[item] = m - 1
            ring_push(state.main, item)


@kernel(inline=True)
def _remember(state, item, w):
    ghost, record = state.ghost, state.record
    if w > state.limits[2]:
        return
    while ghost.ends[LOAD] + w > state.limits[2]:
        old = oldest(ghost, record, REMEMBERED)
        ghost.ends[LOAD] -= weight(state.remembered, old)
        record[old] = 0
        state.mark[old] = AWAY
    push(ghost, record, item, REMEMBERED)
    ghost.ends[LOAD] += w
    _note_size(state.remembered, item, w)
    state.mark[item] = GHOST


@kernel(inline=True)
def _note_size(remembered, item, w):
    if remembered is not None:
        remembered[item] = w


@kernel
def remove(state, item, log):
    """Take an item out of the middle of its queue, which closes up: O(items held)."""
    if state.mark[item] < MAIN:
        ring_remove(state.small, item)
        state.small.ends[LOAD] -= weight(state.size, item)
    else:
        ring_remove(state.main, item)
        state.main.ends[LOAD] -= weight(state.size, item)
    state.mark[item] = AWAY
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    m = state.mark[item]
    return 1.0 if m != AWAY and m != GHOST else 0.0


class S3FIFO(Classic):
    __doc__ = __doc__

    name = "s3-fifo"
    touches = {"mark": 1, "record": 1}
    rule = "a small FIFO queue filters newcomers, a main one with reinsertion keeps, a ghost queue recalls"
    reference = "Yang, Zhang, Qiu, Yue and Rashmi, SOSP 2023"
    step, share = staticmethod(step), staticmethod(share)
    _evict, _remove = staticmethod(evict), staticmethod(remove)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        small: float = 0.1,
        ghost: float = 0.9,
        threshold: int = 2,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.small = small
        self.ghost = ghost
        self.threshold = threshold

    def validate(self) -> None:
        super().validate()
        check_share(self.name, "small", self.small)
        check_share(self.name, "ghost", self.ghost, upto=16.0)
        if check_int("threshold", self.threshold, minimum=0) > MOST:
            raise ParameterError(f"{self.name}: threshold must be between 0 and {MOST}, got {self.threshold}")

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, self.small, self.ghost, self.threshold, size)

    def held(self) -> np.ndarray:
        return (self.state.mark != AWAY) & (self.state.mark != GHOST)

    def needed(self) -> np.ndarray:
        return self.state.mark != AWAY
