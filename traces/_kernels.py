"""Compiled loops over dense item ids. Imported only when one of them is needed."""

from __future__ import annotations

from olearn._jit import kernel


@kernel
def fill_next_use(items, last, nexts):
    """Write into `nexts` where each item is requested next; `last` starts as T everywhere."""
    for back in range(items.size):
        t = items.size - 1 - back
        i = items[t]
        nexts[t] = last[i]
        last[i] = t


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
