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
_TINY = 5e-324
_MONOTONE = 40


@kernel
def _free(y, sizes, theta, cap, shrink):
    """Size-weighted sum of the coordinates below the cap, and the size of those at it.

    Coordinate i is at the cap if ``y_i >= cap * theta``. `sizes` of length 0 means that all are 1.
    The sum is multiplied by `shrink` so that it can't overflow.
    """
    weighted = sizes.size > 0
    limit = cap * theta
    free = 0.0
    capped = 0.0
    n = y.size
    for block in range((n + 255) // 256):
        part = 0.0
        for i in range(256 * block, min(256 * block + 256, n)):
            s = sizes[i] if weighted else 1.0
            if y[i] >= limit:
                capped += s
            else:
                part += s * (y[i] * shrink)
        free += part
    return free, capped


@kernel
def _threshold(y, sizes, k, cap):
    """theta with ``sum s min(cap, y / theta) = k``; 0 if all positive coordinates are at the cap."""
    largest = 0.0
    bad = False
    for i in range(y.size):
        v = y[i]
        bad = bad or v != v
        largest = v if v > largest else largest
    if bad or not (0.0 < largest <= _MAX):
        return math.nan
    shrink = 1.0
    if largest > 1e280:
        shrink = 2.0**-100
    elif largest < 1e-280:
        shrink = 2.0**100
    cap_size = 0.0
    theta = math.inf
    for _ in range(_MONOTONE):
        free, capped = _free(y, sizes, theta, cap, shrink)
        left = k - cap * capped
        if free == 0.0 or left <= 0.0:
            return _filled(y, sizes, k, cap, capped, theta)
        if capped == cap_size and theta < math.inf:
            return theta
        cap_size = capped
        theta = (free / left) / shrink
    return _bisected(y, sizes, k, cap, shrink, theta)


@kernel
def _filled(y, sizes, k, cap, capped, theta):
    """The capped coordinates alone reach k (then any smaller theta that keeps them will do), or all are in."""
    weighted = sizes.size > 0
    smallest = math.inf  # of the coordinates that are at the cap
    for i in range(y.size):
        if y[i] >= cap * theta and y[i] < smallest and (not weighted or sizes[i] > 0.0):
            smallest = y[i]
    if capped * cap < k * (1.0 - 1e-12):
        return math.nan  # too few positive coordinates
    return smallest / cap


@kernel
def _bisected(y, sizes, k, cap, shrink, theta):
    """The capped set by bisection of theta over the positive floats, then its closed form."""
    left = np.float64(_TINY).view(np.int64)
    right = np.float64(min(theta, _MAX)).view(np.int64)
    for _ in range(64):
        middle = (left & right) + ((left ^ right) >> 1)
        t = np.int64(middle).view(np.float64)
        free, capped = _free(y, sizes, t, cap, shrink)
        if (free / shrink) / t + cap * capped >= k:
            left = middle
        else:
            right = middle
    t = np.int64(right).view(np.float64)
    free, capped = _free(y, sizes, t, cap, shrink)
    if free > 0.0 and k > cap * capped:
        return (free / (k - cap * capped)) / shrink
    return t


@kernel
def _capped_share(y, theta, cap, out):
    for i in range(y.size):
        x = y[i] / theta
        out[i] = x if x < cap else cap


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
    theta = _threshold(y, sizes, budget, cap)
    _capped_share(y, theta, cap, out)
    return theta


@kernel
def _log_free(theta, sizes, cut, cap_size):
    """With ``l_i = -theta_i / s_i``: the largest l below `cut`, ``sum s exp(l - that)``, size at or above."""
    weighted = sizes.size > 0
    top = -math.inf
    capped = 0.0
    for i in range(theta.size):
        s = sizes[i] if weighted else 1.0
        v = -theta[i] / s
        if v >= cut:
            capped += s
        elif v > top:
            top = v
    total = 0.0
    for i in range(theta.size):
        s = sizes[i] if weighted else 1.0
        v = -theta[i] / s
        if v < cut:
            total += s * math.exp(v - top)
    return top, total, capped


@kernel
def _log_threshold(theta, sizes, k, cap):
    """lambda with ``sum s min(cap, exp(l - lambda)) = k``, wherever the l lie; bounded passes."""
    log_cap = math.log(cap)
    top, total, _ = _log_free(theta, sizes, math.inf, cap)
    if not (-_MAX <= top <= _MAX):
        return math.nan
    cut = top + math.log(total / k)
    before = 0.0
    for _ in range(_MONOTONE):
        top, total, capped = _log_free(theta, sizes, cut + log_cap, cap)
        if capped == before or total == 0.0 or k <= cap * capped:
            break
        before = capped
        cut = top + math.log(total / (k - cap * capped))
    if capped == before:
        return cut
    if total == 0.0 or k <= cap * capped:  # those at the cap fill the budget on their own
        return cut
    # every pass caps a few only: bisect for the capped set instead
    left = cut
    right = cut
    width = 1.0
    for _ in range(1100):  # walk down until the sum exceeds k
        left = right - width
        top, total, capped = _log_free(theta, sizes, left + log_cap, cap)
        if cap * capped + total * math.exp(min(top - left, 700.0)) >= k or total == 0.0:
            break
        width *= 2.0
    for _ in range(200):
        middle = 0.5 * left + 0.5 * right
        if not (left < middle < right):
            break
        top, total, capped = _log_free(theta, sizes, middle + log_cap, cap)
        if cap * capped + total * math.exp(min(top - middle, 700.0)) >= k:
            left = middle
        else:
            right = middle
    top, total, capped = _log_free(theta, sizes, right + log_cap, cap)
    if total > 0.0 and k > cap * capped:
        return top + math.log(total / (k - cap * capped))
    return right


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
    else:
        level = _threshold(out, sizes, budget, cap)
    if level > 1e-260:
        _capped_share(out, level, cap, out)
        return 0.0
    cut = _log_threshold(theta, sizes, budget, cap)
    log_cap = math.log(cap)
    for i in range(n):
        s = sizes[i] if weighted else 1.0
        v = -theta[i] / s - cut
        out[i] = cap if v >= log_cap else math.exp(v)
    return 0.0


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
