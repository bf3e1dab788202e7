"""Compiled loops over dense item ids. Imported only when one of them is needed."""

from __future__ import annotations

import numpy as np

from olearn._jit import kernel

_GOLDEN, _32 = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


@kernel
def intern_keys(keys, table, order, count, items):
    """Give each key its id, new keys the next free one; returns how many ids there are then.

    `table` (uint64, two cells a slot, a power of two of slots) holds a key and its id plus 1, or 0 in a
    free slot; collisions go to the next slot. `order` (uint64) holds the keys by id.
    """
    last = table.size // 2 - 1
    for t in range(keys.size):
        key = keys[t]
        hashed = key * _GOLDEN
        slot = np.int64((hashed ^ (hashed >> _32)) & np.uint64(last))
        while table[2 * slot + 1] != 0 and table[2 * slot] != key:
            slot = (slot + 1) & last
        label = np.int64(table[2 * slot + 1])
        if label == 0:
            order[count] = key
            count += 1
            label = count
            table[2 * slot] = key
            table[2 * slot + 1] = label
        items[t] = label - 1
    return count


@kernel
def relabel(items, new, order):
    """Rename `items` in place to 0, 1, ... by first appearance; returns how many there are.

    `new` holds -1 for every old id; old ids are written into `order` in the order of the new ones.
    """
    count = 0
    for t in range(items.size):
        i = items[t]
        label = new[i]
        if label < 0:
            label = count
            new[i] = label
            order[label] = i
            count += 1
        items[t] = label
    return count
