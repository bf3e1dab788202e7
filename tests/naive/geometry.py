"""Projections, mirror steps and roundings as their definitions say: rationals, bisection, enumeration."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import combinations, pairwise, product

import numpy as np


def project_sum(y, sizes, total, cap):
    """Projection on ``{0 <= x <= cap, sum sizes x = total}`` in exact rational arithmetic."""
    y, s = [Fraction(float(v)) for v in y], [Fraction(float(v)) for v in sizes]
    total, cap = Fraction(float(total)), Fraction(float(cap))

    def at(tau):
        return [min(max(v - tau * w, 0), cap) for v, w in zip(y, s, strict=True)]

    def used(tau):
        return sum(w * x for w, x in zip(s, at(tau), strict=True))

    # the size used is linear in tau between the points where a coordinate leaves 0 or reaches the cap
    points = sorted(
        {v / w for v, w in zip(y, s, strict=True)} | {(v - cap) / w for v, w in zip(y, s, strict=True)}
    )
    low = max((p for p in points if used(p) >= total), default=points[0])
    high = min((p for p in points if used(p) <= total), default=points[-1])
    if used(low) == used(high):
        tau = low
    else:
        tau = low + (used(low) - total) / (used(low) - used(high)) * (high - low)
    return np.array([float(x) for x in at(tau)])


def entropic_sum(y, sizes, total, cap):
    """``min(cap, y / theta)`` with ``sum sizes x = total``, by trying every number of capped coordinates."""
    y, s = [Fraction(float(v)) for v in y], [Fraction(float(v)) for v in sizes]
    total, cap = Fraction(float(total)), Fraction(float(cap))
    order = sorted(range(len(y)), key=lambda i: -y[i])
    for count in range(len(y) + 1):
        at_cap, free = order[:count], order[count:]
        rest = total - cap * sum(s[i] for i in at_cap)
        weight = sum(s[i] * y[i] for i in free)
        x = [cap] * len(y)
        if weight == 0:
            if rest != 0:
                continue
            c = Fraction(0)
        else:
            c = rest / weight
        for i in free:
            x[i] = c * y[i]
        if rest >= 0 and all(x[i] <= cap for i in free) and all(c * y[i] >= cap for i in at_cap if c):
            return np.array([float(v) for v in x])
    raise ValueError("the positive coordinates do not reach the sum")


def bisect(f, low, high):
    """The zero of a decreasing function, to the last bit."""
    for _ in range(2000):
        middle = low + (high - low) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if f(middle) > 0 else (low, middle)
    return low + (high - low) / 2


def softmin(theta, sizes, total, cap):
    """``min(cap, exp(-theta/s - lam))`` with ``sum sizes x = total``, by bisection in 40 digits."""
    with localcontext() as context:
        context.prec = 40
        s = [Decimal(float(w)) for w in sizes]
        logs = [-Decimal(float(t)) / w for t, w in zip(theta, s, strict=True)]
        total, cap = Decimal(float(total)), Decimal(float(cap))

        def at(lam):
            return [min(cap, (v - lam).exp()) if v - lam < 60 else cap for v in logs]

        low, high = min(logs) - 800, max(logs) + 800
        for _ in range(130):
            middle = (low + high) / 2
            used = sum(w * x for w, x in zip(s, at(middle), strict=True))
            low, high = (middle, high) if used > total else (low, middle)
        return np.array([float(x) for x in at(high)])


def tsallis(theta, scale):
    """``4 / (theta - nu)^2`` on the simplex, by bisection of ``z = min theta - nu``."""
    d = [float(Fraction(float(t)) - Fraction(float(min(theta)))) for t in theta]
    z = bisect(lambda z: math.fsum((2 / (v + z)) ** 2 for v in d) - scale, 1e-150, 1e150)
    return np.array([(2 / (v + z)) ** 2 for v in d])


def logbarrier(theta, scale):
    """``1 / (theta - nu)`` on the simplex, by bisection."""
    d = [float(Fraction(float(t)) - Fraction(float(min(theta)))) for t in theta]
    z = bisect(lambda z: math.fsum(1 / (v + z) for v in d) - scale, 1e-150, 1e150)
    return np.array([1 / (v + z) for v in d])


def kkt_residual(x, y, sizes, total, cap):
    """How far `x` is from the Karush-Kuhn-Tucker conditions of ``min |x - y|^2``; a sum is taken relatively.

    Feasibility; and one tau with ``y - x = tau s`` where ``0 < x < cap``, ``<=`` at 0, ``>=`` at the cap.
    """
    x, y, s = (np.asarray(v, float) for v in (x, y, sizes))
    worst = max(0.0, -x.min(), (x - cap).max(), abs(math.fsum(s * x) - total) / max(total, 1e-300))
    slope = (y - x) / s
    inner = (x > 0) & (x < cap)
    taus = slope[inner]
    low = max([taus.max()] if taus.size else [-np.inf])
    high = min([taus.min()] if taus.size else [np.inf])
    low = max(low, *(slope[x <= 0]), -np.inf)  # a coordinate at 0 asks for tau >= y/s
    high = min(high, *(slope[x >= cap]), np.inf)  # one at the cap for tau <= (y - cap)/s
    return max(worst, low - high)


def extreme_points(n, k):
    """All extreme points of the capped simplex: floor(k) ones and one fraction."""
    whole = math.floor(k)
    f = k - whole
    for ones in combinations(range(n), whole):
        x = np.zeros(n)
        x[list(ones)] = 1.0
        if f == 0.0:
            yield x
            continue
        for i in set(range(n)) - set(ones):
            z = x.copy()
            z[i] = f
            yield z


def knapsack_extreme_points(sizes, budget):
    """All extreme points of the knapsack: zeros and ones but for one coordinate."""
    n = len(sizes)
    for i in range(n):
        others = [j for j in range(n) if j != i]
        for bits in product((0.0, 1.0), repeat=n - 1):
            x = np.zeros(n)
            x[others] = bits
            x[i] = (budget - x @ sizes) / sizes[i]
            if -1e-12 <= x[i] <= 1 + 1e-12:
                yield np.clip(x, 0.0, 1.0)


# -- roundings, given the random numbers that they draw ------------------------------------------------


def madow(x, u):
    """Item i is chosen if a tooth u, u+1, ... falls on its piece of the line, in rationals."""
    teeth = [Fraction(u) + m for m in range(len(x) + 1)]
    chosen, past = [], Fraction(0)
    for v in x:
        chosen.append(any(past <= t < past + Fraction(v) for t in teeth))
        past += Fraction(v)
    return chosen


def depround(x, sizes, residual, uniforms):
    """Pairs of fractional items, from the left, in rationals; one uniform a pair, one for a leftover."""
    x, s, uniforms = [Fraction(v) for v in x], [Fraction(v) for v in sizes], iter(uniforms)
    while True:
        open_items = [i for i, v in enumerate(x) if 0 < v < 1]
        if len(open_items) < 2:
            break
        # the survivor of the last pair goes on against the next item that nobody has met
        i, j = open_items[:2]
        a = min(1 - x[i], s[j] / s[i] * x[j])
        b = min(x[i], s[j] / s[i] * (1 - x[j]))
        if Fraction(next(uniforms)) * (a + b) < b:
            x[i], x[j] = x[i] + a, x[j] - a * s[i] / s[j]
        else:
            x[i], x[j] = x[i] - b, x[j] + b * s[i] / s[j]
    for i in open_items:
        x[i] = Fraction(int(residual == "bernoulli" and Fraction(next(uniforms)) < x[i]))
    return [v == 1 for v in x]


def pivotal(x, uniform):
    """The tournament as a recursion; ``uniform(v)`` is the random number of node v, 0 that of the leftover."""
    leaves = 1
    while leaves < len(x):
        leaves *= 2
    chosen = [v == 1 for v in x]

    def play(v):
        if v >= leaves:
            i = v - leaves
            return (Fraction(x[i]) if i < len(x) and x[i] < 1 else Fraction(0)), i
        (a, left), (b, right) = play(2 * v), play(2 * v + 1)
        if a == 0 or b == 0:
            return (b, right) if a == 0 and b != 0 else (a, left)
        if a + b < 1:
            return a + b, (left if Fraction(uniform(v)) * (a + b) < a else right)
        first = Fraction(uniform(v)) * (2 - a - b) < 1 - b
        chosen[left if first else right] = True
        return a + b - 1, (right if first else left)

    rest, i = play(1)
    if rest > 0 and Fraction(uniform(0)) < rest:
        chosen[i] = True
    return chosen


def coupled(x, x_next, held, uniforms):
    """Stay with min(1, x'/x), enter with (x' - x)+/(1 - x), and round these chances by pairs."""
    chances = []
    for v, w, h in zip(map(Fraction, x), map(Fraction, x_next), held, strict=True):
        if h:
            chances.append(min(Fraction(1), w / v))
        else:
            chances.append(max(Fraction(0), w - v) / (1 - v) if v < 1 else Fraction(0))
    return depround(chances, [1] * len(x), "bernoulli", uniforms)


def swap(x, parts, uniforms):
    """The mixture as a list of (weight, set), then the merges with sets and sorted lists."""
    x, uniforms = [Fraction(v) for v in x], iter(uniforms)
    starts = [sum(parts[:p]) for p in range(len(parts))]
    cuts = {Fraction(0), Fraction(1)}
    for start, length in zip(starts, parts, strict=True):
        past = Fraction(0)
        for v in x[start : start + length]:
            past = (past + v) % 1
            cuts.add(past)
    cuts = sorted(cuts)
    merged, weight = None, Fraction(0)
    for low, high in pairwise(cuts):
        members = [
            [start + i for i, c in enumerate(madow(x[start : start + length], (low + high) / 2)) if c]
            for start, length in zip(starts, parts, strict=True)
        ]
        if merged is None:
            merged, weight = [set(m) for m in members], high - low
            continue
        for mine, other in zip(merged, members, strict=True):
            out, into = sorted(mine - set(other)), sorted(set(other) - mine)
            for pair in range(max(len(out), len(into))):
                if Fraction(next(uniforms)) * (weight + high - low) >= weight:
                    mine -= set(out[pair : pair + 1])
                    mine |= set(into[pair : pair + 1])
        weight += high - low
    inside = set().union(*merged)
    return [i in inside for i in range(len(x))]
