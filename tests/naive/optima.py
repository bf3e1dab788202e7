"""Comparators by exhaustive search, as their definitions say. Tiny inputs only."""

from __future__ import annotations

from itertools import combinations


def subsets(things, largest):
    """All subsets of at most `largest` things, as frozensets."""
    things = list(things)
    return [frozenset(s) for k in range(min(largest, len(things)) + 1) for s in combinations(things, k)]


def static(items, capacity, weights=None, fetch_cost=0.0):
    """Best prefilled set when each item of the set costs `fetch_cost`."""
    w = weights if weights is not None else dict.fromkeys(items, 1.0)
    return max(sum(w[i] for i in items if i in s) - fetch_cost * len(s) for s in subsets(set(items), capacity))


def static_fetch_charged(items, capacity):
    """Best set that starts empty and fetches its items when they are first requested."""
    best = 0
    for s in subsets(set(items), capacity):
        held, hits = set(), 0
        for i in items:
            hits += i in held
            if i in s:
                held.add(i)
        best = max(best, hits)
    return best


def paging(items, capacity, *, bypass):
    """Most hits of a cache that starts empty and fetches only what is requested: DP over its contents."""
    states = {frozenset(): 0}
    for i in items:
        after: dict[frozenset, int] = {}
        for held, hits in states.items():
            hits += i in held
            full = held | {i}
            for keep in subsets(full, capacity):
                if bypass or i in keep:
                    after[keep] = max(after.get(keep, -1), hits)
        states = after
    return max(states.values())


def sequences(items, capacity, *, move_cost=0.0, budget=None, switches=None, prefilled=True):
    """Best sequence of sets x_1 .. x_T, x_t chosen before request t, paying for what is inserted.

    `move_cost` for each inserted item; at most `budget` insertions; at most `switches` changes of the set.
    The first set is free if `prefilled`, else it counts as insertions from the empty set.
    """
    everything = subsets(set(items), capacity)
    empty = frozenset()
    states = {}
    for s in everything:
        used = 0 if prefilled else len(s)
        states[(s, used if budget is not None else 0, 0)] = -(0.0 if prefilled else move_cost * len(s)) + (
            items[0] in s
        )
    if not prefilled and budget is not None:
        states = {k: v for k, v in states.items() if k[1] <= budget}
    for i in items[1:]:
        after: dict = {}
        for (held, used, changes), value in states.items():
            for s in everything:
                inserted = len(s - held)
                u = used + inserted if budget is not None else 0
                k = changes + (s != held) if switches is not None else 0
                if (budget is not None and u > budget) or (switches is not None and k > switches):
                    continue
                v = value - move_cost * inserted + (i in s)
                key = (s, u, k)
                if v > after.get(key, float("-inf")):
                    after[key] = v
        states = after
    assert empty in everything
    return max(states.values())


def _intervals(items):
    last, out = {}, []
    for t, i in enumerate(items):
        if i in last:
            out.append((last[i], t))
        last[i] = t
    return out


def stabbed_bound(items, places, gaps, *, forced):
    """`places` for each gap of the set, and 1 for each reuse interval that contains none of them."""
    inside = ((s + 1 if forced else s, e) for s, e in _intervals(items))
    return places * len(gaps) + sum(not any(a <= g < b for g in gaps) for a, b in inside)


def fits(items, sizes, capacity, hits):
    """Whether the intervals that end in a hit fit into every gap."""
    kept = [(s, e) for s, e in _intervals(items) if hits[e]]
    return all(sum(sizes[items[s]] for s, e in kept if s <= t < e) <= capacity for t in range(len(items)))


def sized(items, sizes, costs, capacity):
    """Best value of a set of reuse intervals that fits into every gap, by trying all of them."""
    jobs = _intervals(items)
    best = 0

    def search(k, kept, value):
        nonlocal best
        best = max(best, value)
        if k == len(jobs):
            return
        s, e = jobs[k]
        load = [sum(sizes[items[a]] for a, b in kept if a <= t < b) for t in range(s, e)]
        if max(load) + sizes[items[s]] <= capacity:
            search(k + 1, [*kept, (s, e)], value + costs[e])
        search(k + 1, kept, value)

    search(0, [], 0)
    return best
