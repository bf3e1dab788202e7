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


def lfu_hits(items, capacity, tie):
    """Hits of perfect LFU (counts are kept for ever, the requested item always enters).

    `tie(candidates)` picks the victim among the held items of the smallest count, which are given in
    order of their last request, the oldest first.
    """
    counts, last, held, hits = {}, {}, set(), 0
    for t, x in enumerate(items):
        counts[x] = counts.get(x, 0) + 1
        last[x] = t
        if x in held:
            hits += 1
            continue
        if len(held) == capacity:
            least = min(counts[i] for i in held)
            held.remove(tie(sorted((i for i in held if counts[i] == least), key=last.get)))
        held.add(x)
    return hits


def blocks_of(offset, length, size):
    """Numbers of the blocks of `size` bytes that a range of bytes touches; a range of none touches one."""
    return sorted({byte // size for byte in (offset, *range(offset, offset + length))})


def known_sizes(rows):
    """Sizes of (item, size, is a read): a read of 0 takes the last size known, else the next one, else 0."""
    out = []
    for t, (item, size, read) in enumerate(rows):
        if size == 0 and read:
            before = [s for i, s, _ in rows[:t] if i == item and s > 0]
            after = [s for i, s, _ in rows[t + 1 :] if i == item and s > 0]
            size = before[-1] if before else after[0] if after else 0
        out.append(size)
    return out
