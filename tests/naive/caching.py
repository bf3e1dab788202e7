"""Caching policies, as their definitions say."""

from __future__ import annotations

import functools
from collections import Counter, OrderedDict

import numpy as np


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


def fifo(items, capacity):
    """Hits of FIFO, by a list."""
    cache, hits = [], []
    for i in items:
        hits.append(i in cache)
        if i not in cache:
            cache.append(i)
            if len(cache) > capacity:
                cache.pop(0)
    return hits


def random_replacement(items, capacity, below):
    """Hits of random replacement; ``below(n)`` draws a slot."""
    slots, hits = [], []
    for i in items:
        hits.append(i in slots)
        if i not in slots:
            if len(slots) < capacity:
                slots.append(i)
            else:
                slots[below(capacity)] = i
    return hits


def lfu(items, capacity):
    """Hits of perfect LFU: out goes the lowest (count, time of the last request), for a larger count."""
    count, last, cache, hits = Counter(), {}, set(), []
    for t, i in enumerate(items):
        hits.append(i in cache)
        count[i] += 1
        last[i] = t
        if i in cache:
            continue
        if len(cache) < capacity:
            cache.add(i)
            continue
        lowest = min(cache, key=lambda k: (count[k], last[k]))
        if count[i] > count[lowest]:
            cache.remove(lowest)
            cache.add(i)
    return hits


def ftpl(items, capacity, noise):
    """Hits of follow the perturbed leader: the top of counts + noise, sorted anew at each request."""
    score, hits = np.array(noise, dtype=float), []
    for i in items:
        top = np.argsort(score)[-capacity:]
        hits.append(i in top)
        score[i] += 1
    return hits


def project_capped(y, capacity):
    """Exact Euclidean projection onto {0 <= x <= 1, sum x = C}: try every breakpoint of tau.

    sum(clip(y - tau, 0, 1)) is piecewise linear and falls in tau; find the piece, solve it.
    """
    y = np.asarray(y, dtype=float)
    points = np.unique(np.concatenate([y, y - 1.0]))
    sums = [np.clip(y - p, 0, 1).sum() for p in points]
    for k in range(len(points) - 1):
        if sums[k] >= capacity >= sums[k + 1]:
            if sums[k] == sums[k + 1]:
                tau = points[k]
            else:
                tau = points[k] + (sums[k] - capacity) / (sums[k] - sums[k + 1]) * (points[k + 1] - points[k])
            return np.clip(y - tau, 0, 1)
    return np.ones_like(y)  # capacity = N


def ogd(items, capacity, n, eta):
    """Rewards and final point of online gradient ascent with a full projection at each request."""
    x, rewards = np.full(n, capacity / n), []
    for i in items:
        rewards.append(x[i])
        y = x.copy()
        y[i] += eta
        x = project_capped(y, capacity)
    return rewards, x


def ogb(items, capacity, n, eta, numbers):
    """Hits of OGB: item i is held when its fraction is at least its number."""
    x, hits = np.full(n, capacity / n), []
    for i in items:
        hits.append(x[i] >= numbers[i])
        y = x.copy()
        y[i] += eta
        x = project_capped(y, capacity)
    return hits


def project_entropic(y, capacity):
    """Exact Bregman projection of y > 0 under the negative entropy: cap the largest k, scale the rest."""
    y = np.asarray(y, dtype=float)
    order = np.argsort(-y)
    for k in range(len(y) + 1):
        rest = order[k:]
        if len(rest) == 0:
            return np.ones_like(y)
        m = (capacity - k) / y[rest].sum()
        if m * y[rest].max() <= 1 + 1e-15:
            x = np.ones_like(y)
            x[rest] = m * y[rest]
            return x
    raise AssertionError("no cap count fits")


def omd(items, capacity, n, eta):
    """Rewards and final point of entropic mirror ascent with a full projection at each request."""
    x, rewards = np.full(n, capacity / n), []
    for i in items:
        rewards.append(x[i])
        y = x.copy()
        y[i] *= np.exp(eta)
        x = project_entropic(y, capacity)
    return rewards, x


def most_hits(items, capacity, bypass):
    """The most hits of any cache that starts empty, by trying everything (tiny inputs only)."""
    items = tuple(items)

    @functools.cache
    def best(t, cache):
        if t == len(items):
            return 0
        i = items[t]
        if i in cache:
            return 1 + best(t + 1, cache)
        options = [cache] if bypass else []
        if len(cache) < capacity:
            options.append(cache | {i})
        else:
            options += [cache - {k} | {i} for k in cache]
        return max(best(t + 1, frozenset(o)) for o in options)

    return best(0, frozenset())


def best_static(items, capacity):
    """Hits of the best set held from the start."""
    return sum(n for _, n in Counter(items).most_common(capacity))
