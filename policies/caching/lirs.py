"""LIRS: keep the items with a low inter-reference recency: requested twice within a short time.

Rule: most of the capacity holds LIR items, a small share (`hir`, 1 %) resident HIR items, in a FIFO queue
Q. The stack S orders items by last request: the LIR ones and, above the oldest of these, HIR ones, of
which some are resident and others only remembered. A LIR item requested moves to the top of S. An HIR item
requested while in S becomes LIR (its two last requests are closer than the age of the oldest LIR item)
and the LIR item at the bottom of S becomes a resident HIR item at the end of Q; one that is not in S goes
to the top of S and to the end of Q. HIR items at the bottom of S are dropped from it ("pruning"). On a miss
with a full cache the front of Q is evicted, and remembered if it is in S. Items enter as LIR while there is
room. S holds at most `stack` (2) times the capacity; beyond, the oldest remembered item is forgotten (the
paper lets it be bounded and finds little loss).

Sizes: the paper counts blocks; here shares are shares of the bytes, and an item larger than the HIR share
never enters.

Cost: O(1) amortised per request. Memory: 8 bytes per item and, in logs, at most 48 per cached item at stack=2.

Regret: none is declared. When popularity changes, LIR items nobody wants any more stay until HIR items are
requested twice within a round of S: requests to ever new pairs (a, b, .. a, b, ..) just longer apart than Q
have no hit, while other items are kept for nothing; the best static set of a phase wins by a constant
factor.

References
----------
.. [1] S. Jiang and X. Zhang, "LIRS: an efficient low inter-reference recency set replacement policy to
   improve buffer cache performance", SIGMETRICS 2002.

Examples
--------
>>> cache = LIRS(capacity=3, catalog_size=5)
>>> [cache.request(i) for i in (0, 1, 2, 3, 0, 1, 4, 0, 1)]
[False, False, False, False, True, True, False, True, True]
"""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

import numpy as np

from olearn._jit import kernel
from olearn.policies.caching._base import Common
from olearn.policies.caching._classic import Classic, check_share
from olearn.policies.caching._ledger import entered, full, left, new_stats, too_large
from olearn.policies.caching._queues import (
    OLD,
    TAG,
    TAG_BITS,
    YOUNG,
    Queue,
    new_queue,
    oldest,
    push,
    weight,
)

#: Tags of records in S: away; in S as LIR, as resident HIR, as remembered HIR; resident HIR outside S.
AWAY, LIR, HIR, GHOST, QUEUED = range(5)
#: The tag of a place in Q.
PLACED = 1
#: A further cell of the stack's ``ends``: no remembered item stands below this entry.
FIRST_GHOST = 3
#: Cells of ``loads`` and ``limits``: LIR items, resident HIR items, the stack.
HOT, COLD, STACK = range(3)


class State(NamedTuple):
    """Both structures; of item i, ``record[2i]`` is its place in S and status, ``record[2i+1]`` its place in Q.

    Logs hold these indices into ``record``, so an item's two places share a cache line.
    """

    record: np.ndarray  # int32 (2N,)
    stack: Queue
    queue: Queue
    loads: np.ndarray  # int64 (3,)
    limits: np.ndarray  # int64 (3,)
    capacity: int
    size: Any  # int32 or int64 (N,) in bytes, else None
    booked: Any  # int64 (N,) in bytes, else None: what an item in S or Q counts for there
    stats: np.ndarray  # float64 (STATS,)


def init(
    capacity: int, catalog_size: int, hir: float = 0.01, stack: float = 2.0, size: np.ndarray | None = None
) -> State:
    """An empty cache."""
    room = catalog_size if size is not None else min(capacity, catalog_size)
    cold = max(1, int(hir * capacity))
    limits = np.array([capacity - cold, cold, int(stack * capacity)], np.int64)
    log = new_queue(catalog_size if size is not None else min(int(limits[STACK]) + 1, catalog_size)).log
    return State(
        np.zeros(2 * catalog_size, np.int32),
        Queue(log, np.zeros(4, np.int64)),
        new_queue(room),
        np.zeros(3, np.int64),
        limits,
        capacity,
        size,
        None if size is None else np.zeros(catalog_size, np.int64),
        new_stats(),
    )


@kernel(inline=True)
def step(state, item, log):
    record = state.record
    at = record[2 * item]
    status = at & TAG
    if status == LIR:
        _to_top(state, item, LIR)
        if at >> TAG_BITS == state.stack.ends[OLD]:
            _prune(state)
        return True
    if status in (HIR, QUEUED):
        _hit_hir(state, item, status)
        return True
    _miss(state, item, status, log)
    return False


@kernel
def _hit_hir(state, item, status):
    w = weight(state.booked, item)
    if status == HIR:
        state.record[2 * item + 1] = 0
        state.loads[COLD] -= w
        state.loads[HOT] += w
        _to_top(state, item, LIR)
        while state.loads[HOT] > state.limits[HOT]:
            _demote(state)
    else:
        state.loads[STACK] += w
        _to_top(state, item, HIR)
        push(state.queue, state.record, 2 * item + 1, PLACED)
        _trim(state)


@kernel
def _miss(state, item, status, log):
    if too_large(state, item) or not _small_enough(state.size, item, state.limits):
        return
    record, loads = state.record, state.loads
    if status == GHOST:
        loads[STACK] -= weight(state.booked, item)
        record[2 * item] = AWAY
    recent = status == GHOST
    while full(state, item):
        recent = evict(state, log) and recent
    w = weight(state.size, item)
    _book(state.booked, item, w)
    loads[STACK] += w
    if recent or loads[HOT] + w <= state.limits[HOT]:
        loads[HOT] += w
        _to_top(state, item, LIR)
        while loads[HOT] > state.limits[HOT]:
            _demote(state)
    else:
        loads[COLD] += w
        _to_top(state, item, HIR)
        push(state.queue, record, 2 * item + 1, PLACED)
        if loads[HOT] == 0:
            _prune(state)
    _trim(state)
    entered(state, item, log)


@kernel(inline=True)
def _small_enough(size, item, limits):
    if size is None:
        return True
    return size[item] <= limits[COLD]


@kernel(inline=True)
def _book(booked, item, w):
    if booked is not None:
        booked[item] = w


@kernel(inline=True)
def _to_top(state, item, status):
    """Put an item on top of S; an entry it has further down goes stale."""
    ends = state.stack.ends
    at = ends[YOUNG]
    if at == state.stack.log.size:
        at = _compact(state)
    state.stack.log[at] = item
    state.record[2 * item] = (at << TAG_BITS) | status
    ends[YOUNG] = at + 1


@kernel
def _compact(state):
    """Move the valid entries of S to the front."""
    log, ends, record = state.stack.log, state.stack.ends, state.record
    first = ends[FIRST_GHOST]
    to = 0
    for at in range(ends[OLD], ends[YOUNG]):
        if at == first:
            ends[FIRST_GHOST] = to
        item = log[at]
        if _stands(record[2 * item], at):
            log[to] = item
            record[2 * item] = (to << TAG_BITS) | (record[2 * item] & TAG)
            to += 1
    if first >= ends[YOUNG]:
        ends[FIRST_GHOST] = to
    ends[OLD] = 0
    ends[YOUNG] = to
    return to


@kernel(inline=True)
def _stands(record, at):
    """Whether an entry of S is the item's valid one."""
    status = record & TAG
    return record >> TAG_BITS == at and status != AWAY and status != QUEUED


@kernel
def _prune(state):
    """Drop what lies below the oldest LIR item."""
    log, ends, record = state.stack.log, state.stack.ends, state.record
    at = ends[OLD]
    bottom = False
    while not bottom and at < ends[YOUNG]:
        item = log[at]
        r = record[2 * item]
        if _stands(r, at):
            status = r & TAG
            if status == LIR:
                bottom = True
            else:
                record[2 * item] = QUEUED if status == HIR else AWAY
                state.loads[STACK] -= weight(state.booked, item)
        if not bottom:
            at += 1
    ends[OLD] = at
    if ends[FIRST_GHOST] < at:
        ends[FIRST_GHOST] = at


@kernel
def _demote(state):
    """The LIR item at the bottom of S goes to the end of Q."""
    _prune(state)
    item = state.stack.log[state.stack.ends[OLD]]
    w = weight(state.booked, item)
    state.record[2 * item] = QUEUED
    state.loads[STACK] -= w
    state.loads[HOT] -= w
    state.loads[COLD] += w
    push(state.queue, state.record, 2 * item + 1, PLACED)
    _prune(state)


@kernel
def _trim(state):
    """Forget the oldest remembered items while S is too long."""
    log, ends, record, loads = state.stack.log, state.stack.ends, state.record, state.loads
    at = ends[FIRST_GHOST]
    while loads[STACK] > state.limits[STACK] and at < ends[YOUNG]:
        item = log[at]
        r = record[2 * item]
        if r & TAG == GHOST and r >> TAG_BITS == at:
            record[2 * item] = AWAY
            loads[STACK] -= weight(state.booked, item)
        at += 1
    if at < ends[YOUNG]:
        ends[FIRST_GHOST] = at


@kernel
def evict(state, log):
    """Evict the front of Q. Returns whether S stayed as it was but for that item's status."""
    record, loads = state.record, state.loads
    kept = True
    if loads[COLD] == 0:
        _demote(state)
        kept = False
    item = oldest(state.queue, record, PLACED) >> 1
    record[2 * item + 1] = 0
    loads[COLD] -= weight(state.booked, item)
    record[2 * item] = (record[2 * item] & ~TAG) | GHOST if record[2 * item] & TAG == HIR else AWAY
    left(state, item, log)
    return kept


@kernel
def remove(state, item, log):
    """Forget an item that is held."""
    record, loads = state.record, state.loads
    w = weight(state.booked, item)
    status = record[2 * item] & TAG
    loads[HOT if status == LIR else COLD] -= w
    if status != QUEUED:
        loads[STACK] -= w
    record[2 * item] = AWAY
    record[2 * item + 1] = 0
    if status == LIR:
        _prune(state)
    left(state, item, log)


@kernel(inline=True)
def share(state, item):
    status = state.record[2 * item] & TAG
    return 1.0 if status in (LIR, HIR, QUEUED) else 0.0


class LIRS(Classic):
    __doc__ = __doc__

    name = "lirs"
    touches = {"record": 2}
    rule = "keep what was requested twice within a short time; a small queue holds the rest"
    reference = "Jiang and Zhang, SIGMETRICS 2002"
    step, share = staticmethod(step), staticmethod(share)
    _evict, _remove = staticmethod(evict), staticmethod(remove)

    def __init__(
        self,
        capacity: int,
        catalog_size: int,
        horizon: int | None = None,
        *,
        hir: float = 0.01,
        stack: float = 2.0,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(capacity, catalog_size, horizon, seed=seed, **common)
        self.hir = hir
        self.stack = stack

    def validate(self) -> None:
        super().validate()
        check_share(self.name, "hir", self.hir)
        check_share(self.name, "stack", self.stack, least=1.0, upto=16.0)

    def _make(self, capacity: int, catalog_size: int, size: np.ndarray | None) -> State:
        return init(capacity, catalog_size, self.hir, self.stack, size)

    def held(self) -> np.ndarray:
        status = self.state.record[::2] & TAG
        return (status == LIR) | (status == HIR) | (status == QUEUED)

    def needed(self) -> np.ndarray:
        return self.state.record[::2] & TAG != AWAY
