"""Euclidean projection kernels: box, ball, simplex, capped simplex and knapsack.

The capped simplex ``{0 <= x <= 1, sum x = k}`` and the simplex ``{x >= 0, sum x = k}`` are one
problem: both are ``{0 <= x <= cap, sum x = k}``, with ``cap = k`` on the simplex, where the cap
follows from the sum. The projection is ``x_i = clip(y_i - tau, 0, cap)`` with the multiplier tau at
which the sum is k [1]_; on the knapsack ``{0 <= x <= 1, sum s x = b}`` it is
``x_i = clip(y_i - tau s_i, 0, 1)``.

* tau is found by Newton's method on the piecewise linear sum, kept inside a bracket. Once a step
  changes neither which coordinates are 0 nor which are at the cap, that step was the closed form:
  the result is exact up to rounding. A warm start near the answer needs one or two passes; a cold
  start on a long vector solves a sample first.
* tau is kept as an unevaluated sum ``p + d`` of two floats. ``y_i - p`` is exact where it matters, so
  vectors of size 1e300 are projected as exactly as those of size 1.
* The sum is taken in fixed point: adding a large constant to a term leaves the term in the low bits of
  the sum, and those are added as whole numbers. Whole numbers can be added in any order, so LLVM
  vectorises the pass, and the result is the same bit on every processor, compiled or not.
* If 60 steps were not enough (spreads over hundreds of orders of magnitude), tau is bisected over the
  floats themselves: 64 passes settle it whatever the input.

Cost: O(n) a pass; 2 to 8 passes in practice, 160 at most. No allocation: `out` serves as workspace and
must not overlap `y`. Inputs are finite; nothing is checked here (the classes check), but a NaN in `y`
makes the returned multiplier NaN.

References
----------
.. [1] M. Held, P. Wolfe and H. Crowder, "Validation of subgradient optimization", Mathematical
   Programming 6, 1974.

Examples
--------
>>> import numpy as np
>>> out = np.empty(3)
>>> round(float(project_capped_simplex(np.array([0.5, 2.0, 0.1]), 1.5, out, np.nan)), 12)
0.05
>>> out
array([0.45, 1.  , 0.05])
"""

from __future__ import annotations

import math

import numpy as np

from olearn._jit import kernel

_EPSILON = 2.0**-52
_EXPONENT = np.int64(0x7FF0000000000000)
_MAX = np.finfo(np.float64).max
_SIGN = np.int64(0x7FFFFFFFFFFFFFFF)
_ROUNDOFF = 4e-16
_NEWTON = 60
_SAMPLED = 4096
_SHORT = 512


@kernel(inline=True)
def _power(cap):
    """The power of two in (cap, 2 cap]."""
    return 2.0 * np.int64(np.float64(cap).view(np.int64) & _EXPONENT).view(np.float64)


@kernel(inline=True)
def _bits(magic, a):
    """``a`` in units of the last place of `magic`, a number that swallows it: the bits of the sum say."""
    return np.float64(a + magic).view(np.int64) - np.float64(magic).view(np.int64)


@kernel
def _excess(y, p, d, k, cap):
    """``sum clip(y - p - d, 0, cap) - k``, how many terms are positive, how many at the cap.

    The terms are added as whole numbers of ``2^-52 max(1, n/2048)`` caps. One pass at 0.3 ns a term.
    """
    magic = 3.0 * _power(cap)
    for _ in range(32):  # coarser for long vectors, so that the sum stays below 2^62
        if y.size * 0.5 * _power(cap) < 1024.0 * magic / 3.0:
            break
        magic *= 2.0
    floor = np.float64(0.0)
    top = np.float64(cap)
    units = np.int64(0)
    positive = np.int64(0)
    capped = np.int64(0)
    for i in range(y.size):
        a = (y[i] - p) - d
        a = a if a > 0.0 else floor
        a = a if a < cap else top
        positive += a > 0.0
        capped += a >= cap
        units += _bits(magic, a)
    # the terms at the cap are taken out as whole numbers: what is left is as small as it can be
    units -= capped * _bits(magic, top)
    return units * (magic / 1.5 * _EPSILON) - (k - capped * cap), positive, capped


@kernel
def _fine_excess(y, p, d, k, cap):
    """:func:`_excess` with 60 bits below the cap: a second word takes what the first rounds off."""
    first = 1.5 * _power(cap) * 2.0**22
    second = first * 2.0**-30
    floor = np.float64(0.0)
    top = np.float64(cap)
    units = np.int64(0)
    parts = np.int64(0)
    positive = np.int64(0)
    capped = np.int64(0)
    for i in range(y.size):
        a = (y[i] - p) - d
        a = a if a > 0.0 else floor
        a = a if a < cap else top
        positive += a > 0.0
        capped += a >= cap
        units += _bits(first, a)
        parts += _bits(second, a - ((a + first) - first))
    units -= capped * _bits(first, top)
    parts -= capped * _bits(second, top - ((top + first) - first))
    step = first / 1.5 * _EPSILON
    return (units * step + parts * (step * 2.0**-30)) - (k - capped * cap), positive, capped


@kernel
def _write(y, p, d, k, cap, out):
    """Write ``clip(y - p - d, 0, cap)``; how many are positive, at the cap, and NaN."""
    positive = np.int64(0)
    capped = np.int64(0)
    bad = np.int64(0)
    for i in range(y.size):
        a = (y[i] - p) - d
        bad += a != a
        a = a if a > 0.0 else 0.0
        a = a if a < cap else cap
        positive += a > 0.0
        capped += a >= cap
        out[i] = a
    return positive, capped, bad


@kernel
def _short(y, k, cap, start, out):
    """Newton's method for a short vector: every pass writes the projection and measures it.

    Returns (tau, coordinates at the cap, done); not done asks for :func:`_search`.
    """
    magic = 3.0 * _power(cap)
    unit = magic / 1.5 * _EPSILON
    zero = np.float64(magic).view(np.int64)
    floor = np.float64(0.0)
    top = np.float64(cap)
    p = start
    d = 0.0
    for _ in range(12):
        units = np.int64(0)
        positive = np.int64(0)
        capped = np.int64(0)
        bad = np.int64(0)
        for i in range(y.size):
            a = (y[i] - p) - d
            bad += a != a
            a = a if a > 0.0 else floor
            a = a if a < cap else top
            out[i] = a
            positive += a > 0.0
            capped += a >= cap
            units += np.float64(a + magic).view(np.int64)  # may wrap around, and back below
        units -= y.size * zero + capped * _bits(magic, top)
        active = positive - capped
        rest = units * unit - (k - capped * cap)
        if bad > 0:
            return math.nan, 0, True
        if abs(rest) <= unit * (active + 1):  # nothing but rounding
            return p + d, capped, True
        if active == 0:
            return p, 0, False
        d += rest / active
        p_next = p + d
        d -= p_next - p
        p = p_next
    return p, 0, False


@kernel
def _extremes(y):
    """Smallest value, largest value and sum."""
    low = y[0]
    high = y[0]
    total = 0.0
    for i in range(y.size):
        v = y[i]
        total += v
        low = v if v < low else low
        high = v if v > high else high
    return low, high, total


@kernel
def _search(y, k, cap, start, out, finish):
    """Newton's method for tau from `start`; with `finish` the exact step and the projection too.

    Returns (tau, coordinates at the cap, done); not done means that the caller has to use the last resort.
    """
    left = -math.inf
    right = math.inf
    p = start
    d = 0.0
    written = False
    fine = False  # near the end; before, rougher sums will do
    tries = 0
    for step in range(_NEWTON):
        if fine:
            rest, positive, capped = _fine_excess(y, p, d, k, cap)
        else:
            rest, positive, capped = _excess(y, p, d, k, cap)
        active = positive - capped
        tau = p + d
        if fine or active == 0:
            if abs(rest) <= _ROUNDOFF * min(cap * (active + 1), k):
                if finish and not written:
                    _, _, bad = _write(y, p, d, k, cap, out)
                    if bad > 0:
                        return math.nan, 0, True
                return tau, capped, True
            if rest > 0.0:
                left = max(left, tau)
            else:
                right = min(right, tau)
        written = False
        if active > 0:
            move = rest / active
            close = 2.0 * active * abs(move) < cap  # few coordinates can have changed their state
            if close and (tries < 4 or left < tau + move < right):
                tries += 1
                if not finish:
                    return tau + move, capped, True
                if not fine:
                    fine = True
                    p = p + (d + move)
                    d = 0.0
                    continue
                d += move
                p_next = p + d
                d -= p_next - p
                p = p_next
                n, c, bad = _write(y, p, d, k, cap, out)
                if bad > 0:
                    return math.nan, 0, True
                if n == positive and c == capped:
                    return p + d, capped, True
                written = True
                continue
            target = tau + move
            if not fine:
                if rest > 0.0:
                    left = max(left, tau)
                else:
                    right = min(right, tau)
        else:
            target = math.nan
        if not (left < target < right) or step % 16 == 15:
            if left == -math.inf or right == math.inf:
                smallest, largest, _ = _extremes(y)
                left = max(left, smallest - cap)
                right = min(right, largest)
            target = 0.5 * left + 0.5 * right
        p = target
        d = 0.0
    return p + d, 0, False


@kernel
def _ordered(i):
    """Swap between the bits of a float and a whole number that grows with the float."""
    return i if i >= 0 else i ^ _SIGN


@kernel
def _last_resort(y, k, cap, out):
    """Bisect tau over the floats, then solve for the part below one unit in the last place."""
    left = _ordered(np.float64(-_MAX).view(np.int64))
    right = _ordered(np.float64(_MAX).view(np.int64))
    for _ in range(64):
        middle = (left & right) + ((left ^ right) >> 1)
        rest, _, _ = _fine_excess(y, np.int64(_ordered(middle)).view(np.float64), 0.0, k, cap)
        if rest >= 0.0:
            left = middle
        else:
            right = middle
    p = np.int64(_ordered(right)).view(np.float64)
    d = 0.0
    for _ in range(20):
        rest, _, _ = _fine_excess(y, p, d, k, cap)
        active = 0  # those that grow when tau shrinks
        for i in range(y.size):
            a = (y[i] - p) - d
            active += (a >= 0.0) & (a < cap)
        if abs(rest) <= _ROUNDOFF * min(cap * (active + 1), k) or active == 0:
            break
        d += rest / active
    _, capped, bad = _write(y, p, d, k, cap, out)
    return math.nan if bad > 0 else p + d, 0 if bad > 0 else capped


@kernel
def project_capped(y, k, cap, out, tau):
    """Euclidean projection on ``{0 <= x <= cap, sum x = k}``: simplex (``cap = k``) and capped simplex.

    Parameters and return value as in :func:`project_capped_simplex`.

    Examples
    --------
    >>> out = np.empty(3)
    >>> float(project_capped(np.array([0.0, 4.0, 5.0]), 3.0, 2.0, out, np.nan)), out
    (3.0, array([0., 1., 2.]))
    """
    n = y.size
    if k <= 0.0:
        out[:] = 0.0
        return math.inf
    if k >= n * cap:
        out[:] = cap
        return -math.inf
    cap = min(cap, k)  # follows from the sum; keeps the fixed point as fine as the sum asks for
    m = n
    start = tau
    if not (-_MAX <= start <= _MAX):  # cold: from the mean, or from the solution for a sample
        if n >= _SAMPLED:
            m = max(n // 64, 1024)
            stride = n // m
            for j in range(m):
                out[j] = y[j * stride]
        sample = out[:m] if m < n else y
        smallest, largest, total = _extremes(sample)
        start = (total - k * (m / n)) / m
        if not (start > smallest - cap):
            start = smallest - cap
        if not (start < largest):
            start = largest
    done = False
    capped = 0
    if n <= _SHORT:
        start, capped, done = _short(y, k, cap, start, out)
    for stage in range(2):  # one call, so that a caller compiles the search once
        last = stage == 1
        if not done and (last or m < n):
            target = k if last else k * (m / n)
            start, capped, done = _search(y if last else out[:m], target, cap, start, out, last)
            done = done and last
    if not done:
        start, capped = _last_resort(y, k, cap, out)
    if cap == k and capped > 0:
        # one coordinate takes everything: of the multipliers that say so, the one that needs no cap
        _, largest, _ = _extremes(y)
        _write(y, largest, -k, k, cap, out)
        start = largest - k
    return start


@kernel
def project_capped_simplex(y, k, out, tau):
    """Euclidean projection on ``{0 <= x <= 1, sum x = k}``.

    Parameters
    ----------
    y : float64 array, shape (n,)
        The point; read only.
    k : float
        The sum, 0 <= k <= n.
    out : float64 array, shape (n,)
        Receives the projection; must not overlap `y`.
    tau : float
        The multiplier to start from (the last one returned), NaN for a cold start.

    Returns
    -------
    float
        The multiplier: ``x = clip(y - tau, 0, 1)``; inf for k = 0, -inf for k = n, NaN if `y` has one.

    Examples
    --------
    >>> out = np.empty(4)
    >>> float(project_capped_simplex(np.array([3.0, 1.0, 1.0, -1.0]), 2, out, np.nan)), out
    (0.5, array([1. , 0.5, 0.5, 0. ]))
    """
    return project_capped(y, np.float64(k), 1.0, out, tau)


@kernel
def project_simplex(y, scale, out, tau):
    """Euclidean projection on ``{x >= 0, sum x = scale}``; as :func:`project_capped_simplex`.

    Examples
    --------
    >>> out = np.empty(3)
    >>> float(project_simplex(np.array([0.5, 1.0, -2.0]), 1.0, out, np.nan)), out
    (0.25, array([0.25, 0.75, 0.  ]))
    """
    return project_capped(y, np.float64(scale), np.float64(scale), out, tau)


@kernel
def _weighted(y, sizes, p, d):
    """On the knapsack at multiplier p + d: size used, slope, positive and capped coordinates."""
    total = 0.0
    slope = 0.0
    positive = 0
    capped = 0
    n = y.size
    for block in range((n + 255) // 256):  # sums of sums: the rounding error grows with sqrt(n) only
        used = 0.0
        square = 0.0
        for i in range(256 * block, min(256 * block + 256, n)):
            s = sizes[i]
            a = (y[i] - p * s) - d * s
            above = a > 0.0
            full = a >= 1.0
            positive += above
            capped += full
            a = a if above else 0.0
            used += s * (1.0 if full else a)
            square += s * s if above != full else 0.0
        total += used
        slope += square
    return total, slope, positive, capped


@kernel
def _knapsack_search(y, sizes, budget, left, right, start, largest_size):
    """Safeguarded Newton between `left` and `right`: the multiplier as an unevaluated sum (p, d)."""
    p = start
    d = 0.0
    seen_positive = -1  # state of the coordinates before the last step, if that was Newton's
    seen_capped = -1
    for step in range(4 * _NEWTON):
        total, slope, positive, capped = _weighted(y, sizes, p, d)
        rest = total - budget
        if abs(rest) <= _ROUNDOFF * min(budget, largest_size):
            break
        if positive == seen_positive and capped == seen_capped:
            d += rest / slope  # that step was the closed form; this one removes its rounding
            break
        if rest > 0.0:
            left = max(left, p)
        else:
            right = min(right, p)
        target = p + rest / slope if slope > 0.0 else math.nan
        if left < target < right and (step < 20 or step % 4 != 3):
            seen_positive = positive
            seen_capped = capped
        else:
            seen_positive = -1
            target = 0.5 * left + 0.5 * right
            if step >= 20:  # spread over many orders of magnitude: halve the floats in between
                low = _ordered(np.float64(left).view(np.int64))
                high = _ordered(np.float64(right).view(np.int64))
                target = np.int64(_ordered((low & high) + ((low ^ high) >> 1))).view(np.float64)
            if not (left < target < right):
                if slope > 0.0:  # tau lies between two neighbouring floats
                    d = rest / slope
                break
        p = target
    return p, d


@kernel
def project_knapsack(y, sizes, budget, out, tau):
    """Euclidean projection on ``{0 <= x <= 1, sum sizes x = budget}``.

    ``x_i = clip(y_i - tau sizes_i, 0, 1)``, by the safeguarded Newton's method of this module, with
    bisection over the floats from step 20 on. Exact up to the rounding of ``y_i - tau sizes_i``.

    Parameters
    ----------
    y, sizes : float64 array, shape (n,)
        The point and the sizes (> 0); read only.
    budget : float
        The size to use up, between 0 and ``sum(sizes)``.
    out : float64 array, shape (n,)
        Receives the projection; must not overlap `y` or `sizes`.
    tau : float
        The multiplier to start from, NaN for a cold start.

    Returns
    -------
    float
        tau; inf for an empty budget, -inf if everything fits, NaN if `y` holds one.

    Examples
    --------
    >>> out = np.empty(3)
    >>> tau = project_knapsack(np.array([0.5, 0.9, 0.2]), np.array([1.0, 2.0, 3.0]), 2.0, out, np.nan)
    >>> out.round(4), round(float(out @ [1.0, 2.0, 3.0]), 12)
    (array([0.4357, 0.7714, 0.0071]), 2.0)
    """
    n = y.size
    whole = 0.0
    mean = 0.0
    square = 0.0
    largest_size = 0.0
    left = math.inf  # tau at which everything is at its cap, and at which nothing is left
    right = -math.inf
    bad = False
    for i in range(n):
        v = y[i]
        s = sizes[i]
        bad = bad or v != v
        whole += s
        mean += v * s
        square += s * s
        largest_size = max(largest_size, s)
        left = min(left, (v - 1.0) / s)
        right = max(right, v / s)
    if bad:
        out[:] = math.nan
        return math.nan
    if budget <= 0.0:
        out[:] = 0.0
        return math.inf
    if budget >= whole:
        out[:] = 1.0
        return -math.inf
    left = max(left, -_MAX)
    right = min(right, _MAX)
    m = n
    p = tau
    d = 0.0
    share = budget
    if not (left < p < right):  # cold: as if no coordinate were at an end, or from a sample
        p = (mean - budget) / square
        if n >= _SAMPLED:
            m = max(n // 64, 1024)
            stride = n // m
            taken = 0.0
            for j in range(m):
                out[j] = y[j * stride]
                out[m + j] = sizes[j * stride]
                taken += out[m + j]
            share = budget * (taken / whole)
    for stage in range(2):  # one call, so that a caller compiles the search once
        last = stage == 1
        if last or m < n:
            p += d
            if not (left < p < right):
                p = 0.5 * left + 0.5 * right
            target = budget if last else share
            points = y if last else out[:m]
            weights = sizes if last else out[m : 2 * m]
            p, d = _knapsack_search(points, weights, target, left, right, p, largest_size)
    for i in range(n):
        a = (y[i] - p * sizes[i]) - d * sizes[i]
        a = a if a > 0.0 else 0.0
        out[i] = a if a < 1.0 else 1.0
    return p + d


@kernel
def project_box(y, low, high, out):
    """Euclidean projection on ``{low <= x <= high}``; `out` may be `y`."""
    for i in range(y.size):
        v = y[i]
        v = low[i] if v < low[i] else v
        out[i] = high[i] if v > high[i] else v


@kernel
def project_ball(y, centre, radius, out):
    """Euclidean projection on the ball; `out` may be `y`. Neither overflows nor underflows."""
    largest = 0.0
    for i in range(y.size):
        largest = max(largest, abs(0.5 * y[i] - 0.5 * centre[i]))
    if largest == 0.0 or radius == 0.0:
        for i in range(y.size):
            out[i] = centre[i]
        return
    total = 0.0
    for i in range(y.size):
        v = (0.5 * y[i] - 0.5 * centre[i]) / largest
        total += v * v
    norm = math.sqrt(total)  # of the offset, in units of 2 * largest
    inside = norm * largest <= 0.5 * radius
    for i in range(y.size):
        if inside:
            out[i] = y[i]
        else:
            out[i] = centre[i] + radius * (((0.5 * y[i] - 0.5 * centre[i]) / largest) / norm)
