"""Compiled loops for caches whose items have sizes: greedy packing, Belady by bytes, prices."""

from __future__ import annotations

import numpy as np

from olearn._jit import kernel
from olearn.geometry.maxindex import bitmap_clear, bitmap_has, bitmap_max, bitmap_set


@kernel(inline=True)
def tree_lift(tree, node):
    """Move what both children share into the parent, so that the larger child holds 0."""
    sibling = node ^ 1
    top = max(tree[node], tree[sibling])
    tree[node] -= top
    tree[sibling] -= top
    tree[node >> 1] += top


@kernel(inline=True)
def tree_max(tree, leaves, a, b):
    """Largest value at the positions a .. b-1 (a < b); a value is the sum of its path to the root."""
    s = leaves + a
    t = leaves + b + 1
    left = -np.inf
    right = -np.inf
    while s ^ t != 1:
        if s & 1 == 0:
            left = max(left, tree[s ^ 1])
        if t & 1 == 1:
            right = max(right, tree[t ^ 1])
        s >>= 1
        t >>= 1
        left += tree[s]
        right += tree[t]
    best = max(left, right)
    while s > 1:
        s >>= 1
        best += tree[s]
    return best


@kernel(inline=True)
def tree_add(tree, leaves, a, b, value):
    """Add `value` at the positions a .. b-1 (a < b)."""
    s = leaves + a
    t = leaves + b + 1
    while s ^ t != 1:
        if s & 1 == 0:
            tree[s ^ 1] += value
        if t & 1 == 1:
            tree[t ^ 1] += value
        tree_lift(tree, s)
        tree_lift(tree, t)
        s >>= 1
        t >>= 1
    while s > 1:
        tree_lift(tree, s)
        s >>= 1


@kernel
def pack_greedily(order, starts, ends, sizes, capacity, tree, chosen):
    """Keep intervals in the given order where every gap still has room; `chosen` (uint8) may hold some.

    The intervals chosen before the call are kept. `tree` (float64, zeros) has a power of two of leaves,
    at least two more than there are gaps.
    """
    leaves = tree.size >> 1
    for j in range(chosen.size):
        if chosen[j]:
            tree_add(tree, leaves, starts[j], ends[j], sizes[j])
    for k in range(order.size):
        j = order[k]
        if not chosen[j] and tree_max(tree, leaves, starts[j], ends[j]) + sizes[j] <= capacity:
            tree_add(tree, leaves, starts[j], ends[j], sizes[j])
            chosen[j] = 1


@kernel
def belady_bytes(words, offsets, nexts, items, sizes, capacity, hits):
    """Belady's rule by bytes, with bypass: the furthest next uses leave until the rest fits."""
    used = 0.0
    for t in range(nexts.size):
        hit = bitmap_has(words, t)
        hits[t] = hit
        size = sizes[items[t]]
        if hit:
            bitmap_clear(words, offsets, t)
            used -= size
        if nexts[t] < nexts.size and size <= capacity:
            bitmap_set(words, offsets, nexts[t])
            used += size
            while used > capacity:
                last = bitmap_max(words, offsets)
                bitmap_clear(words, offsets, last)
                used -= sizes[items[last]]


@kernel
def priced_bound(starts, ends, sizes, values, prefix, change):
    """Sum over intervals of the part of their value that exceeds the price of their space.

    ``prefix[g]`` is the price of the gaps before g; `change` (float64, gaps + 1) is overwritten by the
    jumps of the space that the intervals worth their price would take.
    """
    for g in range(change.size):
        change[g] = 0.0
    total = 0.0
    for j in range(starts.size):
        left = values[j] - sizes[j] * (prefix[ends[j]] - prefix[starts[j]])
        if left > 0.0:
            total += left
            change[starts[j]] += sizes[j]
            change[ends[j]] -= sizes[j]
    return total
