"""Caches that evict the item with the smallest key, one heap a group; a batch is never evicted for itself.

Keys are pairs (first, second), compared in turn, then the larger id. A policy takes the batch's items in
use (:func:`take`), writes their keys, and puts them back (:func:`give`), which loads what was missing; or
changes keys of items at rest (:func:`rekey`).

Cost: O(log C) an item. Memory: 29 bytes an item and 4 a slot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel

LOADED, EVICTED, OCCUPANCY = range(3)


class Slots(NamedTuple):
    """What is held, and for each group the heap of its items not in use: ``heap[g * C : g * C + size[g]]``."""

    group: np.ndarray  # int32 (N,)
    first: np.ndarray  # float64 (N,)
    second: np.ndarray  # float64 (N,)
    held: np.ndarray  # uint8 (N,)
    at: np.ndarray  # int32 (N,): position in its group's heap, -1 outside
    heap: np.ndarray  # int32 (G C,)
    size: np.ndarray  # int64 (G,): of the heap
    filled: np.ndarray  # int64 (G,): items held
    clock: np.ndarray  # int64 (1,): batches served
    capacity: int
    stats: np.ndarray  # float64 (3,)


def slots(groups: np.ndarray, capacity: int) -> Slots:
    """Empty caches."""
    n, g = groups.size, int(groups.max(initial=0)) + 1
    return Slots(
        groups,
        np.zeros(n),
        np.zeros(n),
        np.zeros(n, np.uint8),
        np.full(n, -1, np.int32),
        np.zeros(g * capacity, np.int32),
        np.zeros(g, np.int64),
        np.zeros(g, np.int64),
        np.zeros(1, np.int64),
        capacity,
        np.zeros(3),
    )


@kernel(inline=True)
def _below(s, a, b):
    if s.first[a] != s.first[b]:
        return s.first[a] < s.first[b]
    if s.second[a] != s.second[b]:
        return s.second[a] < s.second[b]
    return a > b


@kernel
def _up(s, base, i):
    item = s.heap[base + i]
    while i > 0:
        above = (i - 1) >> 1
        other = s.heap[base + above]
        if not _below(s, item, other):
            break
        s.heap[base + i] = other
        s.at[other] = i
        i = above
    s.heap[base + i] = item
    s.at[item] = i


@kernel
def _down(s, base, i, size):
    item = s.heap[base + i]
    child = 2 * i + 1
    while child < size:
        if child + 1 < size and _below(s, s.heap[base + child + 1], s.heap[base + child]):
            child += 1
        other = s.heap[base + child]
        if not _below(s, other, item):
            break
        s.heap[base + i] = other
        s.at[other] = i
        i = child
        child = 2 * i + 1
    s.heap[base + i] = item
    s.at[item] = i


@kernel
def _push(s, item):
    g = s.group[item]
    i = s.size[g]
    s.size[g] = i + 1
    s.heap[g * s.capacity + i] = item
    _up(s, g * s.capacity, i)


@kernel
def _remove(s, item):
    g = s.group[item]
    base = g * s.capacity
    i = np.int64(s.at[item])
    last = s.size[g] - 1
    s.size[g] = last
    s.at[item] = -1
    if i < last:
        moved = s.heap[base + last]
        s.heap[base + i] = moved
        s.at[moved] = i
        _up(s, base, i)
        _down(s, base, np.int64(s.at[moved]), last)


@kernel(inline=True)
def take(s, batch, hits):
    """Say what is held and put it in use."""
    for k in range(batch.size):
        hits[k] = s.held[batch[k]] != 0
        if hits[k]:
            _remove(s, batch[k])


@kernel
def give(s, batch, hits):
    """Load what was missing, evicting items with the smallest keys, and put the batch to rest."""
    for k in range(batch.size):
        if not hits[k]:
            g = s.group[batch[k]]
            if s.filled[g] == s.capacity:
                evict(s, g)
            s.held[batch[k]] = 1
            s.filled[g] += 1
            s.stats[LOADED] += 1.0
            s.stats[OCCUPANCY] += 1.0
    for k in range(batch.size):
        _push(s, batch[k])
    s.clock[0] += 1


@kernel
def evict(s, g):
    """Evict the item of group `g` with the smallest key; returns it."""
    victim = s.heap[g * s.capacity]
    _remove(s, victim)
    s.held[victim] = 0
    s.filled[g] -= 1
    s.stats[EVICTED] += 1.0
    s.stats[OCCUPANCY] -= 1.0
    return victim


@kernel
def rekey(s, item, first, second):
    """Change the key of an item, at rest or not held."""
    s.first[item] = first
    s.second[item] = second
    if s.at[item] >= 0:
        base = s.group[item] * s.capacity
        _up(s, base, np.int64(s.at[item]))
        _down(s, base, np.int64(s.at[item]), s.size[s.group[item]])


@kernel
def admit(s, item):
    """Load an item before it is asked for, evicting one with a smaller key; says whether it did."""
    g = s.group[item]
    if s.held[item]:
        return False
    if s.filled[g] == s.capacity:
        if s.size[g] == 0 or not _below(s, s.heap[g * s.capacity], item):
            return False
        evict(s, g)
    s.held[item] = 1
    s.filled[g] += 1
    s.stats[LOADED] += 1.0
    s.stats[OCCUPANCY] += 1.0
    _push(s, item)
    return True
