r"""Dual averaging on the capped simplex when gradients are counts: the point is a function of the histogram.

The point is :math:`x = \arg\max_X \langle n, x \rangle - \|x - x_1\|^2 / (2\eta)` for the counts n, the centre
x_1 = C/N and X = {0 <= x <= 1, sum x = C}. By the KKT conditions

.. math:: x_i = \operatorname{clip}(\eta (n_i - \theta), 0, 1), \qquad \sum_i x_i = C,

so items with the same count have the same x, and one number theta, in units of counts, is all there is to
know. It is found from the number of items at each count: those above a level HI have x = 1, those from LO to
HI - 1 are the *window*, whose number W and sum of counts give theta, and those below LO have x = 0.

A request raises one count. At the old theta the mass is then too large by what the item gained, so theta
grows, piece by piece: within a piece the mass falls by eta W for each unit of theta; pieces end where the
lowest level of the window reaches 0, or the lowest capped level leaves 1. Pieces passed are paid for by levels
that never come back while eta is fixed: O(1) amortised. A smaller eta widens the window, and theta falls: the
same walk downwards, O(levels of the window).

Levels are kept in a ring of `LEVELS` cells. A level outside it is counted by a pass over the items: rare,
since the ring is moved along with the window.

Memory: 4 bytes per item, plus 1 MB.

References
----------
.. [1] Y. Nesterov, "Primal-dual subgradient methods for convex problems", Mathematical Programming 120, 2009
   (dual averaging). The histogram is this module's.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from olearn._jit import kernel

#: Cells of the ring, a power of two.
LEVELS = 1 << 18

#: Places in ``marks`` and ``numbers``.
BASE, LO, HI, ABOVE, WINDOW, SUM, TOP = range(7)
LOW, ETA, CAPACITY = range(3)


class Histogram(NamedTuple):
    """Counts, the number of items at each, and the window."""

    counts: np.ndarray  # int32 (N,)
    levels: np.ndarray  # int32 (LEVELS,): items with a count of BASE + k; indexed by count modulo LEVELS
    # int64 (7,): first count of the ring; the smallest count above theta (at least 0) and the smallest from
    # theta + 1/eta on; items with a count of at least HI; items in the window; the sum of (count - LO) over
    # them; the largest count
    marks: np.ndarray
    numbers: np.ndarray  # float64 (3,): theta - LO; eta; C


def new(capacity: int, catalog_size: int, eta: float) -> Histogram:
    """No requests so far: x = C/N."""
    levels = np.zeros(LEVELS, np.int32)
    levels[0] = n = catalog_size
    share = capacity / n
    marks = np.zeros(7, np.int64)
    marks[HI] = max(0, math.ceil((1.0 - share) / eta))
    marks[ABOVE if capacity == n else WINDOW] = n
    return Histogram(np.zeros(n, np.int32), levels, marks, np.array([-share / eta, eta, float(capacity)]))


def grow(h: Histogram, catalog_size: int) -> Histogram:
    """The same counts in a larger catalogue; the items added have none, and x is found anew."""
    added = catalog_size - h.counts.size
    grown = h._replace(counts=np.concatenate([h.counts, np.zeros(added, np.int32)]))
    _more_zeros(grown, added)
    return grown


@kernel(inline=True)
def _share(h, count):
    """x of an item with this count; NaN stays NaN."""
    x = h.numbers[ETA] * ((count - h.marks[LO]) - h.numbers[LOW])
    if count >= h.marks[HI]:
        return 1.0
    if count < h.marks[LO] or x <= 0.0:
        return 0.0
    return 1.0 if x > 1.0 else x


@kernel(inline=True)
def fraction(h, item):
    """x_item."""
    return _share(h, np.int64(h.counts[item]))


@kernel
def _at(h, level):
    """The number of items with exactly this count."""
    if level < 0:
        return np.int64(0)
    base = h.marks[BASE]
    if level >= base + LEVELS and h.marks[LO] - base > LEVELS // 2:
        _recentre(h)
        base = h.marks[BASE]
    if base <= level < base + LEVELS:
        return np.int64(h.levels[level & (LEVELS - 1)])
    found = np.int64(0)
    for i in range(h.counts.size):
        if h.counts[i] == level:
            found += 1
    return found


@kernel
def _recentre(h):
    """Move the ring so that it starts a quarter of its length below the window. O(N)."""
    base = max(np.int64(0), h.marks[LO] - LEVELS // 4)
    for k in range(LEVELS):
        h.levels[k] = 0
    for i in range(h.counts.size):
        level = np.int64(h.counts[i])
        if base <= level < base + LEVELS:
            h.levels[level & (LEVELS - 1)] += 1
    h.marks[BASE] = base


@kernel
def _settle(h):
    """theta from the window, in closed form: no error of the walk stays."""
    window = h.marks[WINDOW]
    if window > 0:
        free = (h.numbers[CAPACITY] - h.marks[ABOVE]) / h.numbers[ETA]
        h.numbers[LOW] = (h.marks[SUM] - free) / window
    top = h.marks[TOP] + 1
    if h.marks[HI] >= top:  # the levels up to where x = 1 are empty: taken in one step
        full = np.ceil(h.marks[LO] + h.numbers[LOW] + 1.0 / h.numbers[ETA])
        h.marks[HI] = max(top, np.int64(min(full, 2.0**62)))


@kernel
def _rise(h, excess):
    """Raise theta until the mass has fallen by `excess`."""
    marks, numbers = h.marks, h.numbers
    eta = numbers[ETA]
    walking = True
    while walking:
        # theta = LO + LOW. Level LO reaches 0 at theta = LO, level HI leaves 1 at theta = HI - 1/eta.
        to_low = -numbers[LOW]
        to_high = np.inf if marks[HI] > marks[TOP] else (marks[HI] - marks[LO]) - numbers[LOW] - 1.0 / eta
        reach = max(0.0, min(to_low, to_high))
        slope = eta * marks[WINDOW]
        if slope > 0.0 and excess <= slope * reach:
            numbers[LOW] += excess / slope
            walking = False
        else:
            excess -= slope * reach
            numbers[LOW] += reach
            if to_high <= to_low:  # first of equals: a level leaves 1 before it reaches 0
                found = _at(h, marks[HI])
                marks[ABOVE] -= found
                marks[WINDOW] += found
                marks[SUM] += found * (marks[HI] - marks[LO])
                marks[HI] += 1
            else:
                marks[WINDOW] -= _at(h, marks[LO])
                marks[LO] += 1
                marks[SUM] -= marks[WINDOW]
                numbers[LOW] -= 1.0
    _settle(h)


@kernel
def _fall(h, deficit):
    """Lower theta until the mass has risen by `deficit`."""
    marks, numbers = h.marks, h.numbers
    eta = numbers[ETA]
    marks[HI] = min(marks[HI], marks[TOP] + 1)  # no item is above: not to walk through empty levels
    walking = deficit > 0.0
    while walking:
        # Level LO - 1 leaves 0 at theta = LO - 1, level HI - 1 reaches 1 at theta = HI - 1 - 1/eta.
        to_low = numbers[LOW] + 1.0 if marks[LO] > 0 else np.inf
        to_high = numbers[LOW] - (marks[HI] - marks[LO]) + 1.0 + 1.0 / eta
        reach = max(0.0, min(to_low, to_high))
        slope = eta * marks[WINDOW]
        if slope > 0.0 and deficit <= slope * reach:
            numbers[LOW] -= deficit / slope
            walking = False
        else:
            deficit -= slope * reach
            numbers[LOW] -= reach
            if to_low <= to_high:
                marks[LO] -= 1
                numbers[LOW] += 1.0
                marks[SUM] += marks[WINDOW]
                marks[WINDOW] += _at(h, marks[LO])
            else:
                marks[HI] -= 1
                found = _at(h, marks[HI])
                marks[ABOVE] += found
                marks[WINDOW] -= found
                marks[SUM] -= found * (marks[HI] - marks[LO])
    _settle(h)


@kernel
def ascend(h, item):
    """Count a request; returns what x_item gained."""
    marks, levels = h.marks, h.levels
    k = np.int64(h.counts[item])
    h.counts[item] = k + 1
    marks[TOP] = max(marks[TOP], k + 1)
    base = marks[BASE]
    if base <= k < base + LEVELS:
        levels[k & (LEVELS - 1)] -= 1
    if base <= k + 1 < base + LEVELS:
        levels[(k + 1) & (LEVELS - 1)] += 1
    lo, hi = marks[LO], marks[HI]
    if k >= hi or k + 1 < lo:
        return 0.0
    before = _share(h, k)
    if k >= lo:
        marks[WINDOW] -= 1
        marks[SUM] -= k - lo
    if k + 1 >= hi:
        marks[ABOVE] += 1
    else:
        marks[WINDOW] += 1
        marks[SUM] += k + 1 - lo
    excess = _share(h, k + 1) - before
    if excess > 0.0:
        _rise(h, excess)
    return max(0.0, _share(h, k + 1) - before)


@kernel
def slow_down(h, eta):
    """Change to a smaller eta; returns the mass that went to coordinates that nobody asked for.

    O(levels of the window): the shares of all levels are compared, before and after.
    """
    marks, numbers = h.marks, h.numbers
    theta_before, eta_before = marks[LO] + numbers[LOW], numbers[ETA]
    numbers[ETA] = eta
    if numbers[CAPACITY] >= h.counts.size:
        numbers[LOW] = -1.0 / eta
        return 0.0  # everything is held
    top = np.int64(min(np.ceil(theta_before + 1.0 / eta), 2.0**62))
    for level in range(marks[HI], min(top, marks[TOP] + 1)):
        found = _at(h, level)
        marks[ABOVE] -= found
        marks[WINDOW] += found
        marks[SUM] += found * (level - marks[LO])
    marks[HI] = max(marks[HI], top)
    mass = marks[ABOVE] + eta * (marks[SUM] - marks[WINDOW] * numbers[LOW])
    _fall(h, numbers[CAPACITY] - mass)
    moved = 0.0
    for level in range(marks[LO], min(marks[HI], marks[TOP] + 1)):
        was = min(1.0, max(0.0, eta_before * (level - theta_before)))
        now = _share(h, level)
        if now > was:
            moved += (now - was) * _at(h, level)
    return moved


@kernel
def _more_zeros(h, added):
    """Items without a request join; theta rises if they have a share."""
    marks = h.marks
    if marks[BASE] == 0:
        h.levels[0] += added
    if marks[LO] == 0 < marks[HI]:
        marks[WINDOW] += added
        _rise(h, added * _share(h, np.int64(0)))
    elif marks[HI] == 0:
        marks[ABOVE] += added
        _rise(h, np.float64(added))
