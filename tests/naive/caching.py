"""Caching policies, as their definitions say."""

from __future__ import annotations

from collections import OrderedDict


def lru(items, capacity):
    """Hits of LRU, by an ordered dict."""
    cache, hits = OrderedDict(), []
    for i in items:
        hits.append(i in cache)
        cache.pop(i, None)
        cache[i] = True
        if len(cache) > capacity:
            cache.popitem(last=False)
    return hits
