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
