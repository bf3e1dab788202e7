"""Projections, mirror steps and roundings as their definitions say: rationals, bisection, enumeration."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import combinations, product

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
