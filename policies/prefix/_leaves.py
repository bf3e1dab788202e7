"""Caches of chains that evict the leaf with the smallest key: a heap of the leaves of what is held.

Only the deepest held block of a chain can be a leaf, so a request takes at most one block out of the heap
and puts one back; a leaf that leaves makes its parent a leaf. Keys are pairs (first, second), compared in
turn, smaller leaves first; a policy writes the keys of its chain's blocks before the chain is placed.

A chain's new blocks are written from the beginning on; where `bypass` is set, only while the block's key is
larger than that of the leaf which would have to leave.

Cost: O(log C) an eviction, O(1) a block else. Memory: 30 bytes a block of the tree.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from olearn._jit import kernel
from olearn.policies.prefix._base import EVICTED, OCCUPANCY, PEAK, STATS, WRITTEN


class Leaves(NamedTuple):
    """What is held, and the heap of its leaves that are not in use."""

    parents: np.ndarray  # int32 (N,)
    first: np.ndarray  # float64 (N,): keys
    second: np.ndarray  # float64 (N,)
    held: np.ndarray  # uint8 (N,)
    children: np.ndarray  # int32 (N,): held children
    heap: np.ndarray  # int32 (C,)
    at: np.ndarray  # int32 (N,): position in the heap, -1 outside
    size: np.ndarray  # int64 (1,): of the heap
    mark: np.ndarray  # int64 (N,): the request that uses the block
    clock: np.ndarray  # int64 (1,): requests served
    level: np.ndarray  # float64 (1,): first key of the last block evicted
    capacity: int
    bypass: bool
    stats: np.ndarray  # float64 (4,)


def leaves(parents: np.ndarray, capacity: int, bypass: bool = False) -> Leaves:
    """An empty cache."""
    n = parents.size
    return Leaves(
        parents,
        np.zeros(n),
        np.zeros(n),
        np.zeros(n, np.uint8),
        np.zeros(n, np.int32),
        np.zeros(capacity, np.int32),
        np.full(n, -1, np.int32),
        np.zeros(1, np.int64),
        np.full(n, -1, np.int64),
        np.zeros(1, np.int64),
        np.zeros(1),
        capacity,
        bypass,
        np.zeros(STATS),
    )


@kernel(inline=True)
def _below(s, a, b):
    """Whether block a's key is smaller than block b's; ids settle ties, so the order is total."""
    if s.first[a] != s.first[b]:
        return s.first[a] < s.first[b]
    if s.second[a] != s.second[b]:
        return s.second[a] < s.second[b]
    return a > b  # of equals the later, deeper block


@kernel
def _up(s, i):
    heap, at = s.heap, s.at
    block = heap[i]
    while i > 0:
        above = (i - 1) >> 1
        if not _below(s, block, heap[above]):
            break
        heap[i] = heap[above]
        at[heap[i]] = i
        i = above
    heap[i] = block
    at[block] = i


@kernel
def _down(s, i):
    heap, at = s.heap, s.at
    size = s.size[0]
    block = heap[i]
    child = 2 * i + 1
    while child < size:
        if child + 1 < size and _below(s, heap[child + 1], heap[child]):
            child += 1
        if not _below(s, heap[child], block):
            break
        heap[i] = heap[child]
        at[heap[i]] = i
        i = child
        child = 2 * i + 1
    heap[i] = block
    at[block] = i


@kernel
def push(s, block):
    """Put a leaf into the heap."""
    i = s.size[0]
    s.size[0] = i + 1
    s.heap[i] = block
    _up(s, i)


@kernel
def remove(s, block):
    """Take a block out of the heap."""
    i = np.int64(s.at[block])
    last = s.size[0] - 1
    s.size[0] = last
    s.at[block] = -1
    if i < last:
        moved = s.heap[last]
        s.heap[i] = moved
        s.at[moved] = i
        _up(s, i)
        _down(s, np.int64(s.at[moved]))


@kernel(inline=True)
def leading(s, chain):
    """How many leading blocks are held; puts the chain in use."""
    now = s.clock[0]
    hits = 0
    alive = True
    for block in chain:
        s.mark[block] = now
        alive = alive and s.held[block] != 0
        hits += alive
    if hits > 0 and s.at[chain[hits - 1]] >= 0:
        remove(s, chain[hits - 1])
    return hits


@kernel
def place(s, chain, hits):
    """Write the blocks of `chain` after the first `hits`; then it is not in use any more."""
    stats = s.stats
    size = np.int64(stats[OCCUPANCY])
    keep = min(np.int64(chain.size), s.capacity)
    last = hits - 1
    for k in range(hits, keep):
        block = chain[k]
        if size == s.capacity:
            if s.size[0] == 0:
                break
            victim = s.heap[0]
            if s.bypass and not s.first[victim] < s.first[block]:
                break
            remove(s, victim)
            s.held[victim] = 0
            s.level[0] = s.first[victim]
            stats[EVICTED] += 1.0
            size -= 1
            above = s.parents[victim]
            if above >= 0:
                s.children[above] -= 1
                if s.children[above] == 0 and s.mark[above] != s.clock[0]:
                    push(s, above)
        s.held[block] = 1
        size += 1
        stats[WRITTEN] += 1.0
        if k > 0:
            s.children[chain[k - 1]] += 1
        last = k
    if last >= 0 and s.children[chain[last]] == 0:
        push(s, chain[last])
    s.clock[0] += 1
    stats[OCCUPANCY] = size
    stats[PEAK] = max(stats[PEAK], float(size))
