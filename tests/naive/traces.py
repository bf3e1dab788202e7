"""Traces and their statistics, as their definitions say."""

from __future__ import annotations


def intern(keys):
    """Dense ids in order of first appearance, by a dict."""
    known = {}
    return [known.setdefault(k, len(known)) for k in keys], list(known)


def next_use(items):
    """Position of the next request of the same item, len(items) where there is none."""
    items = list(items)
    return [items.index(x, t + 1) if x in items[t + 1 :] else len(items) for t, x in enumerate(items)]


def reuse_distance(items):
    """Distinct other items between two requests of one item; -1 at its first request."""
    items = list(items)
    out = []
    for t, x in enumerate(items):
        before = [s for s in range(t) if items[s] == x]
        out.append(len(set(items[before[-1] + 1 : t])) if before else -1)
    return out


def working_set(items, window):
    """Distinct items of each window of requests; the last one may be shorter."""
    items = list(items)
    return [len(set(items[s : s + window])) for s in range(0, len(items), window)]
