"""No-regret caching policies as their definitions say: full projections, full sorts, dense loops."""

from __future__ import annotations

import math

import numpy as np

from tests.naive.caching import project_capped


def schedule(kind, a):
    """The step as a function of the requests and of those that moved x, this one included."""
    if kind == "fixed":
        return lambda t, moves: a
    if kind == "sqrt":
        return lambda t, moves: a / math.sqrt(t)
    if kind == "adagrad":
        return lambda t, moves: a / math.sqrt(moves)
    return lambda t, moves: a / math.sqrt(2 ** (moves.bit_length() - 1))


def ascent(items, capacity, n, step):
    """Points x_1 .. x_{T+1} of online gradient ascent with steps ``step(t, moves)``, shape (T+1, n)."""
    x, points, moves = np.full(n, capacity / n), [np.full(n, capacity / n)], 0
    for t, i in enumerate(items, 1):
        if x[i] < 1 - 1e-12:
            moves += 1
            y = x.copy()
            y[i] += step(t, moves)
            x = project_capped(y, capacity)
        points.append(x)
    return np.array(points)


def sampled(items, points, numbers, batch=1):
    """Hits of a cache that holds the items with x >= p, renewed after every `batch` requests."""
    hits = []
    for t, i in enumerate(items):
        start = t - t % batch
        hits.append(bool(points[start][i] >= numbers[i]))
    return hits


def dual_averaging(items, capacity, n, eta):
    """Rewards and final point of dual averaging; ``eta(t)`` is the step that chooses the point of request t."""
    count, rewards = np.zeros(n), []
    for t, i in enumerate(items, 1):
        x = project_capped(capacity / n + eta(t) * count, capacity)
        rewards.append(x[i])
        count[i] += 1
    return rewards, project_capped(capacity / n + eta(len(items) + 1) * count, capacity)


def renewed(a):
    """a / sqrt(t), renewed at times that grow by a 64th."""
    steps, at = {1: a}, 1
    while at < 1000:
        step = a / math.sqrt(at)
        length = max(1, at // 64)
        for t in range(at, at + length):
            steps[t] = step
        at += length
    return steps.__getitem__


def perturbed(items, capacity, noise, a, growth, predictions=None):
    """Hits and the last cache of the perturbed leader, by sorting all scores at every request.

    ``predictions[t]`` stands for request t, -1 for none; None where nothing is ever predicted.
    """
    n = len(noise)
    counts, hits = np.zeros(n), []
    now = renewed = 1.0 if predictions is None else 4.0

    def cache(t):
        score = counts + a * math.sqrt(renewed) * noise
        if predictions is not None and t < len(predictions) and predictions[t] >= 0:
            score[predictions[t]] += 1.0
        return set(np.argsort(-score)[:capacity].tolist())

    for t, i in enumerate(items):
        hits.append(i in cache(t))
        guess = -1 if predictions is None or t >= len(predictions) else predictions[t]
        now += 1.0 if guess < 0 else 0.0 if guess == i else 4.0
        counts[i] += 1
        if now > renewed and now >= (1 + growth) * renewed:
            renewed = now
    return hits, cache(len(items))


def proximal(items, capacity, n, b, predictions):
    """Rewards and the next point of optimistic FTRL-proximal; ``predictions[t]`` for request t, -1: none."""
    played, sigmas, counts, rewards, errors = [], [], np.zeros(n), [], 0.0
    points = [np.full(n, capacity / n)]
    for t in range(len(items) + 1):
        hint = np.zeros(n)
        if t < len(predictions) and predictions[t] >= 0:
            hint[predictions[t]] = 1.0
        total = max(sum(sigmas), 1e-9)
        centre = sum((s * x for s, x in zip(sigmas, played, strict=True)), np.zeros(n))
        x = project_capped((centre + counts + hint) / total, capacity)
        points.append(x)
        if t == len(items):
            break
        rewards.append(x[items[t]])
        request = np.zeros(n)
        request[items[t]] = 1.0
        errors += float(((request - hint) ** 2).sum())
        played.append(x)
        sigmas.append(b * math.sqrt(errors) - sum(sigmas))
        counts += request
    return rewards, points[-1]


def cut_sample(items, points, numbers, capacity):
    """Hits, cuts and the set at the end of the hard-capacity rounding; ``points[t]`` before request t."""
    inside = [i for i in range(len(numbers)) if points[0][i] >= numbers[i]]
    inside.sort(key=lambda i: numbers[i] - points[0][i])
    held, cuts, hits = set(inside[:capacity]), len(inside[capacity:]), []
    for t, item in enumerate(items):
        hits.append(item in held)
        x = points[t + 1]
        held = {i for i in held | {item} if x[i] >= numbers[i]}
        if len(held) > capacity:
            held.remove(min(held, key=lambda i: (x[i] - numbers[i], i)))
            cuts += 1
    return hits, cuts, held


def batched_leader(items, capacity, noise, batch):
    """Hits and the last cache of the perturbed leader that is renewed after every `batch` requests."""
    counts, hits = np.zeros(len(noise)), []
    held = set(np.argsort(-noise)[:capacity].tolist())
    for t, i in enumerate(items, 1):
        hits.append(i in held)
        counts[i] += 1
        if t % batch == 0:
            held = set(np.argsort(-(counts + noise))[:capacity].tolist())
    return hits, held


def fixed_share(items, capacity, n, eta, alpha):
    """Rewards and final point: the entropic projection by bisection, then the mixture."""
    x, rewards = np.full(n, capacity / n), []
    for i in items:
        rewards.append(x[i])
        y = x.copy()
        y[i] *= math.exp(eta)
        low, high = 0.0, 1.0
        for _ in range(200):
            m = (low + high) / 2
            low, high = (m, high) if np.minimum(1.0, m * y).sum() < capacity else (low, m)
        x = (1 - alpha) * np.minimum(1.0, high * y) + alpha * capacity / n
    return rewards, x


def entropic_batches(items, capacity, n, eta, batch):
    """Rewards and final point of mirror ascent in batches: the entropic projection by bisection."""
    x, rewards = np.full(n, capacity / n), []
    for start in range(0, len(items), batch):
        part = items[start : start + batch]
        rewards += [x[i] for i in part]
        if len(part) == batch:
            y = x * np.exp(eta * np.bincount(part, minlength=n))
            low, high = 0.0, 1.0
            for _ in range(200):
                m = (low + high) / 2
                low, high = (m, high) if np.minimum(1.0, m * y).sum() < capacity else (low, m)
            x = np.minimum(1.0, high * y)
    return rewards, x


def semi_bandit(items, capacity, n, eta, sets):
    """Fractions before each request of OSMD that held the given sets."""
    x, points = np.full(n, capacity / n), []
    for item, held in zip(items, sets, strict=True):
        points.append(x)
        y = x.copy()
        for i in held - {item}:
            y[i] = max(1e-12, x[i] * math.exp(-eta / x[i]))
        low, high = 0.0, 1e15
        for _ in range(300):
            m = (low + high) / 2
            low, high = (m, high) if np.minimum(1.0, m * y).sum() < capacity else (low, m)
        x = np.minimum(1.0, high * y)
    return points
