"""Compiled loops behind the comparators of unit-size caches. Imports little, so that it compiles once."""

from __future__ import annotations

from olearn._jit import kernel
from olearn.geometry.maxindex import bitmap_clear, bitmap_has, bitmap_max, bitmap_set


@kernel(inline=True)
def top_add(counts, levels, capacity, item, v, above):
    """One more for `item` in a running sum of the `capacity` largest counts.

    `v` is the capacity-th largest count (0 while fewer items are counted), `above` the number of counts
    greater than v, ``levels[c]`` the number of items with count c >= 1. Returns what the sum gains (0 or
    1), and v and `above` after the step. See :func:`olearn.optima.static.static_prefix`.
    """
    n = counts[item]
    counts[item] = n + 1
    levels[n + 1] += 1
    levels[n] -= 1
    if n < v:
        return 0, v, above
    if n == v:
        above += 1
        if above == capacity:  # all of the top are greater than v: the least of them has v + 1
            v += 1
            above -= levels[v]
    return 1, v, above


@kernel(inline=True)
def top_remove(counts, levels, capacity, item, v, above):
    """The inverse of :func:`top_add`: one less for `item`; returns what the sum loses, v and `above`."""
    n = counts[item]
    counts[item] = n - 1
    levels[n] -= 1
    levels[n - 1] += 1
    if n > v:
        if n == v + 1:
            above -= 1
        return 1, v, above
    if n == v and above + levels[v] < capacity:  # v was held by just enough items
        above += levels[v]
        return 1, v - 1, above
    return 0, v, above


@kernel
def prefix_curve(items, counts, levels, capacity, skipped, checkpoints, out):
    """Sum of the `capacity` largest numbers of requests beyond the first `skipped` of each item.

    Written at each checkpoint (a number of requests). `counts` starts at ``-skipped``.
    """
    v = 0
    above = 0
    total = 0
    k = 0
    for t in range(items.size):
        i = items[t]
        if counts[i] < 0:
            counts[i] += 1
        else:
            gain, v, above = top_add(counts, levels, capacity, i, v, above)
            total += gain
        if checkpoints[k] == t + 1:
            out[k] = total
            k += 1
            if k == checkpoints.size:
                return


@kernel
def belady_loop(words, offsets, nexts, capacity, forced, hits):
    """Belady's rule over one trace; writes hits and, for each request, the interval that overflowed.

    A next use is read once, at its request, so its cell is used again: ``nexts[t]`` becomes the end
    (next use) of the interval that had to be given up in the gap after request t, or -1. With `forced`,
    the requested item takes one of the places during that gap.
    """
    never = nexts.size
    held = 0  # items with a next use
    spent = 0  # with forced insertion: items without a next use that still sit in the cache
    places = capacity - 1 if forced else capacity
    for t in range(nexts.size):
        hit = bitmap_has(words, t)
        hits[t] = hit
        after = nexts[t]
        nexts[t] = -1
        if hit:
            bitmap_clear(words, offsets, t)
            held -= 1
        if forced:
            # Everybody but the requested item must fit into the other places.
            if held + spent > places:
                if spent > 0:
                    spent -= 1
                else:
                    last = bitmap_max(words, offsets)
                    bitmap_clear(words, offsets, last)
                    nexts[t] = last
                    held -= 1
            if after < never:
                bitmap_set(words, offsets, after)
                held += 1
            else:
                spent += 1
        elif after < never:
            bitmap_set(words, offsets, after)
            held += 1
            if held > places:
                last = bitmap_max(words, offsets)
                bitmap_clear(words, offsets, last)
                nexts[t] = last
                held -= 1


@kernel
def packing_points(dropped, stabbed):
    """Mark the gaps of the dual solution in `stabbed` (uint8, zeros); returns how many there are.

    From the end backwards: the latest overflow whose dropped interval misses the gap marked last.
    """
    last = dropped.size
    count = 0
    for back in range(dropped.size):
        t = dropped.size - 1 - back
        if dropped[t] >= 0 and dropped[t] <= last:
            stabbed[t] = 1
            last = t
            count += 1
    return count


@kernel
def packing_bound(nexts, stabbed, places, forced):
    """``places`` for each marked gap, and 1 for each reuse interval that contains none.

    The interval of request s with next use e contains the gaps s .. e-1, with `forced` s+1 .. e-1. One
    sequential pass from the end; `marked` is the first marked gap from the interval's first gap on.
    """
    bound = 0
    marked = nexts.size
    for back in range(nexts.size):
        s = nexts.size - 1 - back
        if forced and nexts[s] < nexts.size and marked >= nexts[s]:
            bound += 1
        if stabbed[s]:
            marked = s
            bound += places
        if not forced and nexts[s] < nexts.size and marked >= nexts[s]:
            bound += 1
    return bound


@kernel
def segment_values(items, bounds, capacity, counts, levels, out):
    """``out[i, j]``: sum of the `capacity` largest counts of the windows i .. j taken together.

    Window j holds the requests ``bounds[j] .. bounds[j+1]-1``. O(T) for each first window.
    """
    windows = bounds.size - 1
    for i in range(windows):
        v = 0
        above = 0
        total = 0
        for j in range(i, windows):
            for t in range(bounds[j], bounds[j + 1]):
                gain, v, above = top_add(counts, levels, capacity, items[t], v, above)
                total += gain
            out[i, j] = total
        for t in range(bounds[i], bounds[windows]):
            levels[counts[items[t]]] = 0
            counts[items[t]] = 0
