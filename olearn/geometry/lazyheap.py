"""A min-heap of items whose keys only grow: growth costs nothing until the item reaches the top.

Caches of the follow-the-leader kind rank items by a score that only a request to the item itself
can raise. So a request just writes the new score; the heap keeps the old key, which is then too
small, and the item is put in its place when it surfaces. The smallest *true* key is found by
refreshing the top until it is not stale.

Every kernel takes ``keys`` (K,) and ``items`` int32 (K,), of which the first `size` cells are the
heap, each node's children at 4i+1 .. 4i+4: a quarter of the levels of a binary heap, and the four
children share a cache line.
"""

from __future__ import annotations

from olearn._jit import kernel


@kernel
def push(keys, items, size, key, item):
    """Add an item; returns the new size. O(log K)."""
    i = size
    parent = (i - 1) >> 2
    while i > 0 and key < keys[parent]:
        keys[i] = keys[parent]
        items[i] = items[parent]
        i = parent
        parent = (i - 1) >> 2
    keys[i] = key
    items[i] = item
    return size + 1


@kernel(inline=True)
def _sink(keys, items, size, i, key, item):
    """Put `item` with `key` into cell i or below it, so that the cells below are in order again."""
    child = 4 * i + 1
    placed = False
    while child < size and not placed:
        last = child + 4 if child + 4 < size else size
        least = child
        for c in range(child + 1, last):
            if keys[c] < keys[least]:
                least = c
        if keys[least] < key:
            keys[i] = keys[least]
            items[i] = items[least]
            i = least
            child = 4 * i + 1
        else:
            placed = True
    keys[i] = key
    items[i] = item


@kernel
def replace_top(keys, items, size, key, item):
    """Put `item` with `key` in place of the top and restore the heap. O(log K)."""
    _sink(keys, items, size, 0, key, item)


@kernel
def discard(keys, items, size, item):
    """Take out an item that is in the heap, wherever it is; returns the new size. O(K), to find it."""
    i = 0
    while items[i] != item:
        i += 1
    last = size - 1
    if i < last:
        key, moved = keys[last], items[last]
        if i > 0 and key < keys[(i - 1) >> 2]:
            push(keys, items, i, key, moved)  # only cells above i change: the heap is in order below it
        else:
            _sink(keys, items, last, i, key, moved)
    return last


@kernel
def pop(keys, items, size):
    """Remove the top; returns the new size. O(log K)."""
    last = size - 1
    if last > 0:
        replace_top(keys, items, last, keys[last], items[last])
    return last


@kernel
def refresh_top(keys, items, size, scores):
    """Bring the item with the smallest true score to the top; returns that item.

    `scores` (N,) holds the true keys, at least as large as those in the heap. Each turn of the loop
    makes one stale key true, so there are at most as many turns as scores were raised since: O(log K)
    amortised over the requests.
    """
    top = items[0]
    while keys[0] < scores[top]:
        replace_top(keys, items, size, scores[top], top)
        top = items[0]
    return top


@kernel
def delete(keys, items, size, item):
    """Take `item` out, wherever it stands; returns the new size. O(K)."""
    at = 0
    while items[at] != item:
        at += 1
    last = size - 1
    key = keys[last]
    moved = items[last]
    if at == last:
        return last
    # The last entry fills the gap: up if it is smaller than the parents there, else down.
    parent = (at - 1) >> 2
    while at > 0 and key < keys[parent]:
        keys[at] = keys[parent]
        items[at] = items[parent]
        at = parent
        parent = (at - 1) >> 2
    child = 4 * at + 1
    placed = False
    while child < last and not placed:
        end = child + 4 if child + 4 < last else last
        least = child
        for c in range(child + 1, end):
            if keys[c] < keys[least]:
                least = c
        if keys[least] < key:
            keys[at] = keys[least]
            items[at] = items[least]
            at = least
            child = 4 * at + 1
        else:
            placed = True
    keys[at] = key
    items[at] = moved
    return last
