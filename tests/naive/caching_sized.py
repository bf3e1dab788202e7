"""Caches that count bytes, and who comes and goes, as their definitions say.

Every twin returns for each request (hit, admitted, ids that went out in order).
"""

from __future__ import annotations


def _replay(requests, capacity, touch, choose):
    """A cache as a list of [item, size]; `touch(cache, k)` on a hit, `choose(cache)` the index to evict."""
    cache, out = [], []
    for item, size in requests:
        at = next((k for k, (i, _) in enumerate(cache) if i == item), None)
        if at is not None:
            touch(cache, at)
            out.append((True, False, []))
            continue
        if size > capacity:
            out.append((False, False, []))
            continue
        gone = []
        while sum(s for _, s in cache) + size > capacity:
            gone.append(cache.pop(choose(cache))[0])
        cache.append([item, size])
        out.append((False, True, gone))
    return out


def lru(requests, capacity):
    """The end of the list is the most recent."""
    return _replay(requests, capacity, lambda cache, k: cache.append(cache.pop(k)), lambda cache: 0)


def fifo(requests, capacity):
    """A hit changes nothing."""
    return _replay(requests, capacity, lambda cache, k: None, lambda cache: 0)


def random_replacement(requests, capacity, below):
    """Slots; the last drawn is filled by the newcomer, others by the item of the last slot."""
    slots, size, out = [], {}, []
    for item, bytes_ in requests:
        if item in slots:
            out.append((True, False, []))
            continue
        if bytes_ > capacity:
            out.append((False, False, []))
            continue
        gone, hole = [], None
        while sum(size[i] for i in slots if i is not None) + bytes_ > capacity:
            if hole is not None:
                last = slots.pop()
                if hole < len(slots):
                    slots[hole] = last
            hole = below(len(slots))
            gone.append(slots[hole])
            slots[hole] = None
        if hole is None:
            slots.append(item)
        else:
            slots[hole] = item
        size[item] = bytes_
        out.append((False, True, gone))
    return out


def lfu(requests, capacity):
    """Perfect LFU: the lowest (count, time) leave until it fits, if each has a smaller count; else nobody."""
    count, last, size, cache, out = {}, {}, {}, set(), []
    for t, (item, bytes_) in enumerate(requests):
        count[item] = count.get(item, 0) + 1
        last[item] = t
        if item in cache:
            out.append((True, False, []))
            continue
        gone, free = [], capacity - sum(size[i] for i in cache)
        for loser in sorted(cache, key=lambda i: (count[i], last[i])):
            if free >= bytes_:
                break
            gone.append(loser)
            free += size[loser]
        if bytes_ > capacity or any(count[i] >= count[item] for i in gone):
            out.append((False, False, []))
            continue
        cache -= set(gone)
        cache.add(item)
        size[item] = bytes_
        out.append((False, True, gone))
    return out


def ogb(items, capacity, n, eta, numbers, project):
    """OGB with the ids that leave, as a set: item i is held when its fraction is at least its number."""
    x, out = [capacity / n] * n, []
    for i in items:
        before = {k for k in range(n) if x[k] >= numbers[k]}
        y = list(x)
        y[i] += eta
        x = project(y, capacity)
        after = {k for k in range(n) if x[k] >= numbers[k]}
        out.append((i in before, i in after - before, before - after))
    return out
