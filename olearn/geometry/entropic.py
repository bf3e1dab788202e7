"""Entropic (Bregman) projection kernels: simplex, capped simplex and knapsack.

The Bregman projection of ``y >= 0`` on ``{0 <= x <= cap, sum s x = k}`` under the weighted negative
entropy ``sum s x ln x`` is ``x_i = min(cap, y_i / theta)``: because the entropy carries the sizes s,
one theta serves all coordinates [1]_. theta solves ``sum s min(cap, y / theta) = k``.

* Start with nobody at the cap and repeat ``theta = sum_{free} s y / (k - cap sum_{capped} s)``. The
  sum is concave in 1/theta, so theta only falls and the capped set only grows; when it stops growing
  theta is exact. This takes 2 to 5 passes on ordinary vectors.
* If it has not stopped after 40 passes (values spread over hundreds of orders of magnitude, where every
  pass may cap one coordinate), theta is bisected over the floats: 64 passes settle the capped set.
* :func:`softmin` does the same from ``theta = -s ln y``, in logarithms, for mirror descent that has run
  for ever: weights that differ by ``exp(1e6)`` are no problem.

Cost: O(n) a pass. No allocation. The linear-domain kernels take ``out is y``.

References
----------
.. [1] T. Si Salem, G. Castellano, G. Neglia, F. Pianese and A. Araldo, "Toward inference delivery
   networks: distributing machine learning with optimality guarantees", IEEE/ACM ToN 32(1), 2024.
"""

from __future__ import annotations

import math

import numpy as np

from olearn._jit import kernel

_MAX = np.finfo(np.float64).max
_MONOTONE = 40
_NEAR = 1.0 / 256.0
# Adding one of these to a number below 1 leaves it, in units of 2^-30 or 2^-60, in the low bits of the sum.
_FIRST = np.float64(1.5 * 2.0**22)
_SECOND = np.float64(1.5 * 2.0**-8)
_FIRST_BITS = _FIRST.view(np.int64)
_SECOND_BITS = _SECOND.view(np.int64)


@kernel
def _free(y, sizes, limit, f1, f2):
    """Of the coordinates with ``y f1 f2 < limit``: ``sum s y f1 f2`` and the largest y; size of the others.

    `sizes` of length 0 means that all are 1. ``f1 f2`` is a power of two that brings the free y below 1.
    Without sizes the terms are added as whole numbers of 2^-60 and the largest is found by its bits:
    both in any order, so the pass is vectorised (see :mod:`olearn.geometry.euclidean`).
    """
    n = y.size
    free = 0.0
    capped = 0.0
    largest = 0.0
    if sizes.size == 0:
        nothing = np.float64(0.0)
        units = np.int64(0)
        parts = np.int64(0)
        top = np.int64(0)
        count = np.int64(0)
        for i in range(n):
            v = y[i] * f1 * f2
            count += v >= limit
            bits = np.float64(y[i] if v < limit else nothing).view(np.int64)
            v = v if v < limit else nothing
            top = bits if bits > top else top
            units += np.float64(v + _FIRST).view(np.int64) - _FIRST_BITS
            parts += np.float64((v - ((v + _FIRST) - _FIRST)) + _SECOND).view(np.int64) - _SECOND_BITS
        free = units * 2.0**-30 + parts * 2.0**-60
        return free, np.float64(count), np.int64(top).view(np.float64)
    for block in range((n + 255) // 256):  # sums of sums: the rounding error stays small
        part = 0.0
        for i in range(256 * block, min(256 * block + 256, n)):
            v = y[i] * f1 * f2
            if v >= limit:
                capped += sizes[i]
            else:
                part += sizes[i] * v
                largest = y[i] if y[i] > largest else largest
        free += part
    return free, capped, largest


@kernel
def _half_powers(y):
    """Two powers of two whose product brings y > 0 to [0.5, 1); one alone could overflow."""
    e = -math.frexp(y)[1]
    return math.ldexp(1.0, e // 2), math.ldexp(1.0, e - e // 2)


@kernel
def _threshold(y, sizes, k, cap):
    """theta with ``sum s min(cap, y / theta) = k``, as (t, f1, f2): ``theta = t / (f1 f2)``."""
    top = np.int64(0)
    bad = np.int64(0)
    for i in range(y.size):
        bad += y[i] != y[i]
        bits = np.float64(y[i]).view(np.int64)
        top = bits if bits > top else top
    largest = np.int64(top).view(np.float64)
    if bad > 0 or not (0.0 < largest <= _MAX):
        return math.nan, 1.0, 1.0
    f1, f2 = _half_powers(largest)
    limit = math.inf
    before = -1.0
    t = math.inf
    for _ in range(_MONOTONE):
        free, capped, largest = _free(y, sizes, limit, f1, f2)
        left = k - cap * capped
        if capped == before:
            return t, f1, f2
        if largest == 0.0 or left <= 0.0:  # those at the cap are all there are, or use up k to the last bit
            if cap * capped < k * (1.0 - 1e-12):
                return math.nan, f1, f2
            return _smallest_capped(y, limit, f1, f2) / cap, f1, f2
        if largest * f1 * f2 < _NEAR:  # the largest are all capped: look closer at the others
            g1, g2 = _half_powers(largest)
            limit = limit * (g1 / f1) * (g2 / f2)
            f1, f2 = g1, g2
            free, capped, largest = _free(y, sizes, limit, f1, f2)
        before = capped
        t = free / left
        limit = cap * t
    return _bisected(y, sizes, k, cap, limit / f1 / f2)


@kernel
def _smallest_capped(y, limit, f1, f2):
    smallest = math.inf
    for i in range(y.size):
        v = y[i] * f1 * f2
        if limit <= v < smallest:
            smallest = v
    return smallest


@kernel
def _bisected(y, sizes, k, cap, limit):
    """The capped set by bisection over the floats of the limit ``cap theta``, then its closed form."""
    left = np.int64(1)  # the smallest positive float
    right = np.float64(min(limit, _MAX)).view(np.int64)
    f1 = 1.0
    f2 = 1.0
    free = 0.0
    capped = 0.0
    largest = 0.0
    for step in range(66):
        middle = (left & right) + ((left ^ right) >> 1)
        if step >= 64:
            middle = right
        at = np.int64(middle).view(np.float64)
        # the last pass looks at the coordinates below the cap from nearby
        f1, f2 = _half_powers(largest if step == 65 and largest > 0.0 else at)
        free, capped, largest = _free(y, sizes, at * f1 * f2, f1, f2)
        if step < 64:
            if cap * (free / (at * f1 * f2)) + cap * capped >= k:
                left = middle
            else:
                right = middle
    if free > 0.0 and k > cap * capped:
        return free / (k - cap * capped), f1, f2
    return np.int64(right).view(np.float64) / cap * f1 * f2, f1, f2


@kernel
def _capped_share(y, t, f1, f2, cap, out):
    for i in range(y.size):
        x = (y[i] * f1 * f2) / t
        out[i] = cap if x >= cap else x  # a NaN stays one


@kernel
def entropic_knapsack(y, sizes, budget, cap, out):
    """Entropic projection on ``{0 <= x <= cap, sum sizes x = budget}``: ``x = min(cap, y / theta)``.

    Parameters
    ----------
    y : float64 array, shape (n,)
        The point, >= 0; coordinates at 0 stay at 0.
    sizes : float64 array, shape (n,) or (0,)
        Weights of the sum and of the entropy; of length 0: all are 1.
    budget, cap : float
        Value of the sum, largest value of a coordinate.
    out : float64 array, shape (n,)
        Receives the projection; may be `y`.

    Returns
    -------
    float
        theta; inf for an empty budget, 0 if everything fits, NaN if `y` holds a NaN or its positive
        coordinates can't reach the budget.

    Examples
    --------
    >>> out = np.empty(3)
    >>> sizes = np.array([1.0, 2.0, 1.0])
    >>> float(entropic_knapsack(np.array([9.0, 1.0, 1.0]), sizes, 2.5, 1.0, out)), out
    (2.0, array([1. , 0.5, 0.5]))
    """
    if budget <= 0.0:
        out[:] = 0.0
        return math.inf
    whole = 0.0
    if sizes.size > 0:
        for i in range(y.size):
            whole += sizes[i]
    else:
        whole = np.float64(y.size)
    if budget >= cap * whole:
        out[:] = cap
        return 0.0
    t, f1, f2 = _threshold(y, sizes, budget, cap)
    _capped_share(y, t, f1, f2, cap, out)
    return t / f1 / f2


@kernel
def _log_free(theta, sizes, base, cut):
    """With ``l_i = -theta_i / s_i``, of the coordinates with ``l - base < cut``: the largest l and
    ``sum s exp(l - that)``; size of the others.
    """
    weighted = sizes.size > 0
    top = -math.inf
    capped = 0.0
    for i in range(theta.size):
        s = sizes[i] if weighted else 1.0
        v = -theta[i] / s
        if v - base >= cut:
            capped += s
        elif v > top:
            top = v
    total = 0.0
    for i in range(theta.size):
        s = sizes[i] if weighted else 1.0
        v = -theta[i] / s
        if v - base < cut:
            total += s * math.exp(v - top)
    return top, total, capped


@kernel
def _log_threshold(theta, sizes, k, cap):
    """(base, lam) with ``sum s min(cap, exp(l - base - lam)) = k``, wherever the l lie.

    base is one of the l, so that ``l - base`` is exact where it matters.
    """
    log_cap = math.log(cap)
    base, total, _ = _log_free(theta, sizes, 0.0, math.inf)
    lam = math.log(total / k)
    before = 0.0
    for _ in range(_MONOTONE):
        top, total, capped = _log_free(theta, sizes, base, lam + log_cap)
        if capped == before or total == 0.0 or k <= cap * capped:
            return base, lam  # exact; or those at the cap are all there are, or use up k
        before = capped
        base = top
        lam = math.log(total / (k - cap * capped))
    # every pass caps a few only: bisect for the capped set instead
    right = lam
    left = lam
    width = 1.0
    for _ in range(1000):  # walk down until the sum exceeds k
        left = right - width
        top, total, capped = _log_free(theta, sizes, base, left + log_cap)
        if cap * capped + total * math.exp(min(top - base - left, 700.0)) >= k or total == 0.0:
            break
        width *= 2.0
    for _ in range(200):
        middle = 0.5 * left + 0.5 * right
        if not (left < middle < right):
            break
        top, total, capped = _log_free(theta, sizes, base, middle + log_cap)
        if cap * capped + total * math.exp(min(top - base - middle, 700.0)) >= k:
            left = middle
        else:
            right = middle
    top, total, capped = _log_free(theta, sizes, base, right + log_cap)
    if total > 0.0 and k > cap * capped:
        return top, math.log(total / (k - cap * capped))
    return base, right


@kernel
def softmin(theta, sizes, budget, cap, out):
    """The minimiser of ``<theta, x> + sum s x ln x`` over ``{0 <= x <= cap, sum s x = budget}``.

    With ``cap = budget`` and no sizes this is ``budget * softmax(-theta)``. Computed in logarithms: theta
    may have any finite size. One exponential a coordinate; where the coordinates at the cap lie more
    than 600 above the others in logarithms, a few more.

    Parameters
    ----------
    theta : float64 array, shape (n,)
        For instance the learning rate times the cumulative loss; read only.
    sizes, budget, cap
        As in :func:`entropic_knapsack`.
    out : float64 array, shape (n,)
        Receives x; must not overlap `theta`.

    Returns
    -------
    float
        0, or NaN if `theta` holds one.

    Examples
    --------
    >>> out = np.empty(3)
    >>> _ = softmin(np.array([0.0, 5000.0, 5000.0]), np.empty(0), 2.0, 1.0, out)
    >>> out
    array([1. , 0.5, 0.5])
    """
    n = theta.size
    if budget <= 0.0:
        out[:] = 0.0
        return 0.0
    weighted = sizes.size > 0
    top = -math.inf
    bad = False
    whole = 0.0
    for i in range(n):
        s = sizes[i] if weighted else 1.0
        v = -theta[i] / s
        out[i] = v
        whole += s
        bad = bad or v != v
        top = v if v > top else top
    if bad or not (-_MAX <= top <= _MAX):
        out[:] = math.nan
        return math.nan
    if budget >= cap * whole:
        out[:] = cap
        return 0.0
    total = 0.0
    for i in range(n):
        v = math.exp(out[i] - top)
        out[i] = v
        total += v
    if cap >= budget and not weighted:  # the simplex: nobody can pass the cap
        level = total / budget
        f1 = 1.0
        f2 = 1.0
    else:
        level, f1, f2 = _threshold(out, sizes, budget, cap)
    if level / f1 / f2 > 1e-260:
        _capped_share(out, level, f1, f2, cap, out)
        return 0.0
    base, lam = _log_threshold(theta, sizes, budget, cap)
    log_cap = math.log(cap)
    for i in range(n):
        s = sizes[i] if weighted else 1.0
        v = (-theta[i] / s - base) - lam
        out[i] = cap if v >= log_cap else math.exp(v)
    return 0.0


@kernel
def entropic_log(v, sizes, budget, cap, work, out):
    """The projection of :func:`entropic_knapsack` in logarithms: ``out = min(ln cap, v - lam)``.

    For mirror ascent that has run for ever: no weight underflows, so every coordinate can come back. The
    budget must be positive and below ``cap sum sizes``.

    Parameters
    ----------
    v : float64 array, shape (n,)
        Logarithms of the point, finite.
    sizes : float64 array, shape (n,)
        Weights of the sum and of the entropy.
    budget, cap : float
    work : float64 array, shape (n,)
        Workspace.
    out : float64 array, shape (n,)
        Receives the logarithms of the projection; may be `v`.

    Returns
    -------
    float
        lam.

    Examples
    --------
    >>> out = np.empty(3)
    >>> v = np.log([9.0, 1.0, 1.0])
    >>> lam = entropic_log(v, np.array([1.0, 2.0, 1.0]), 2.5, 1.0, np.empty(3), out)
    >>> round(float(lam), 6), np.exp(out).round(6)
    (0.693147, array([1. , 0.5, 0.5]))
    """
    for i in range(v.size):
        work[i] = -v[i] * sizes[i]
    base, lam = _log_threshold(work, sizes, budget, cap)
    log_cap = math.log(cap)
    for i in range(v.size):
        x = (v[i] - base) - lam
        out[i] = log_cap if x >= log_cap else x
    return base + lam


@kernel
def entropic_simplex(y, scale, out, no_sizes):
    """Entropic projection on the simplex: ``x = scale y / sum y``; `no_sizes` is a float64 array of length 0.

    Examples
    --------
    >>> out = np.empty(2)
    >>> float(entropic_simplex(np.array([1.0, 3.0]), 1.0, out, np.empty(0))), out
    (4.0, array([0.25, 0.75]))
    """
    return entropic_knapsack(y, no_sizes, scale, scale, out)
