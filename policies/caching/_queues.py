"""Queues of items for the classics: FIFO rings, and logs that serve as lists in order of last touch.

A linked list costs three random cache lines at a move (the item and its two neighbours). A :class:`Queue`
is a log instead: an item that comes in, or is touched again, is appended, and the item's record says
where its valid entry stands; entries that the record doesn't point to are stale and skipped when the old
end reaches them. So a move writes one record (random) and one entry (next to the last one written). When
the log is full, its valid entries are moved to the front: O(1) amortised, since at least half were stale.

A record is an int32: ``slot << TAG_BITS | tag``, where the tag (1 .. 7) names the queue that holds the
item and 0 says that none does. One array of records serves all queues of a policy: an item is in at most
one of them, and moving it to another makes its entry in the first one stale without touching it.

A :class:`Ring` is a queue out of which items leave only at the old end: no records, no stale entries.

Both count what they hold in the cell LOAD: items, or bytes where sizes count. The caller books it, since
only the caller knows when an item leaves the middle of a log.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel

TAG_BITS = 3
TAG = (1 << TAG_BITS) - 1

#: Cells of ``ends`` of a queue: where the old end and the young end stand, and what it holds.
OLD, YOUNG, LOAD = range(3)
#: Cells of ``ends`` of a ring: the oldest entry, the number of entries, and what it holds (LOAD).
HEAD, COUNT = range(2)


class Queue(NamedTuple):
    """A log of items in order of last touch, oldest first."""

    log: np.ndarray  # int32 (R,)
    ends: np.ndarray  # int64 (3,): OLD, YOUNG, LOAD


class Ring(NamedTuple):
    """A FIFO queue in a ring."""

    ring: np.ndarray  # int32 (R,)
    ends: np.ndarray  # int64 (3,): HEAD, COUNT, LOAD


def new_queue(room: int) -> Queue:
    """An empty queue for up to `room` items."""
    return Queue(np.zeros(2 * room + min(2 * room, 1 << 20) + 1, np.int32), np.zeros(3, np.int64))


def new_ring(room: int) -> Ring:
    """An empty ring for up to `room` items."""
    return Ring(np.zeros(room, np.int32), np.zeros(3, np.int64))


@kernel(inline=True)
def push(queue, record, item, tag):
    """Append `item` at the young end and let its record point there."""
    ends = queue.ends
    at = ends[YOUNG]
    if at == queue.log.size:
        at = _compact(queue, record, tag)
    queue.log[at] = item
    record[item] = (at << TAG_BITS) | tag
    ends[YOUNG] = at + 1


@kernel
def _compact(queue, record, tag):
    """Move the valid entries to the front; returns the new young end."""
    log, ends = queue.log, queue.ends
    to = 0
    for at in range(ends[OLD], ends[YOUNG]):
        item = log[at]
        if record[item] == ((at << TAG_BITS) | tag):
            log[to] = item
            record[item] = (to << TAG_BITS) | tag
            to += 1
    ends[OLD] = 0
    ends[YOUNG] = to
    return to


@kernel(inline=True)
def oldest(queue, record, tag):
    """The item at the old end of a queue that holds something; stale entries ahead of it are dropped."""
    log, ends = queue.log, queue.ends
    at = ends[OLD]
    item = log[at]
    while record[item] != ((at << TAG_BITS) | tag):
        at += 1
        item = log[at]
    ends[OLD] = at
    return item


@kernel(inline=True)
def ring_push(queue, item):
    """Append `item` at the young end of a ring."""
    ring, ends = queue.ring, queue.ends
    at = ends[HEAD] + ends[COUNT]
    if at >= ring.size:
        at -= ring.size
    ring[at] = item
    ends[COUNT] += 1


@kernel(inline=True)
def ring_pop(queue):
    """Take the oldest item out of a ring that holds something."""
    ring, ends = queue.ring, queue.ends
    head = ends[HEAD]
    item = ring[head]
    head += 1
    if head == ring.size:
        head = 0
    ends[HEAD] = head
    ends[COUNT] -= 1
    return item


@kernel
def ring_remove(queue, item):
    """Take `item` out of the middle of a ring, the younger ones close up: O(entries)."""
    ring, ends = queue.ring, queue.ends
    to = ends[HEAD]
    at = to
    kept = 0
    for _ in range(ends[COUNT]):
        if ring[at] != item:
            ring[to] = ring[at]
            kept += 1
            to += 1
            if to == ring.size:
                to = 0
        at += 1
        if at == ring.size:
            at = 0
    ends[COUNT] = kept


@kernel(inline=True)
def weight(size, item):
    """What `item` weighs: 1 where sizes don't count."""
    if size is None:
        return 1
    return size[item]
